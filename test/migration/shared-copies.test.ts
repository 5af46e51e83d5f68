import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { createMemoryBudget } from '../../src/bodies/memory-budget.ts'
import { createChain } from '../../src/chain/fallback.ts'
import { createMigration } from '../../src/migration/migration.ts'
import type { Trace } from '../../src/storage/trace.ts'
import { withCoalescing } from '../../src/wrappers/coalesce.ts'
import { answering, bucketWith, OLD, R2, startApp } from '../kit/app.ts'
import { eventually } from '../kit/eventually.ts'
import { bytesOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'

const STORED = 'fallback-storage; fwd=uri-miss; stored; detail=old'

it('is made by a read that may make it, though one that may not has fetched the body', async () => {
  const name = 'shared-copies/a.txt'
  const both = Promise.withResolvers<void>()
  let reads = 0
  const get: R2Bucket['get'] = async (...args: [string]) => {
    if (++reads === 1) throw new Error('the primary could not say whether it has the object')
    const found = await env.MEDIA.get(...args)
    // Then this read has joined the other one.
    setTimeout(both.resolve, 50)
    return found as never
  }
  const origin = answering(async () => {
    await both.promise
    return new Response('bytes', { headers: { ETag: '"1"', 'Content-Length': '5' } })
  })
  const { call } = startApp({
    MEDIA: bucketWith({ get }),
    FALLBACK_STORAGES: [R2, OLD],
    FALLBACK_DATA_MIGRATION: 'true',
    FALLBACK_SPECULATIVE_PERCENT: '0',
    OLD: origin,
  })
  const [unproven, proven] = await Promise.all([
    call(`/${name}`),
    eventually(
      () => 'the first request to the origin',
      async () => origin.requests.length || null,
    ).then(() => call(`/${name}`)),
  ])
  expect([await unproven.text(), await proven.text()]).toEqual(['bytes', 'bytes'])
  expect(origin.requests).toHaveLength(1)
  expect(unproven.headers.get('Cache-Status')).toBe(STORED.replace('stored; ', ''))
  expect(proven.headers.get('Cache-Status')).toBe(STORED)
  const copy = await eventually(
    () => 'the copy',
    () => env.MEDIA.get(name),
  )
  expect(await copy.text()).toBe('bytes')
})

it('is made by a read that has joined, though the one that fetched the body did not need it', async () => {
  const [primary, old] = [memoryBackend('primary'), memoryBackend('old')]
  await old.put('a', bytesOf('bytes'))
  const running: Promise<unknown>[] = []
  const keepAlive = (work: Promise<unknown>): void => void running.push(work)
  const budget = createMemoryBudget(1024)
  const shared = withCoalescing(old, { maxBytes: 100, budget, leave: 0, stallMs: 1000, keepAlive })
  const chain = createChain([primary, shared], { deletes: 'first' })
  const { writeBack, counts } = createMigration({ chain, enabled: true, keepAlive })
  // As a search does with what loses to a backend before it.
  await (await shared.get('a'))?.body.cancel()
  const joined = await Promise.all(
    [[], []].map(async (trace: Trace) => ({ object: await chain.get('a', { trace }), trace })),
  )
  for (const { object, trace } of joined) {
    expect(object && writeBack(object, trace)).toBe(true)
    await object?.body.cancel()
  }
  await Promise.all(running)
  expect(counts.totals).toMatchObject({ copied: 1, failed: 0 })
})
