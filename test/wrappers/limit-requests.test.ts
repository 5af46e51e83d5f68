import { describe, expect, it } from 'vitest'
import { runInvocation, withSlot, withSpareSlots } from '../../src/storage/invocation.ts'
import { createChain } from '../../src/chain/fallback.ts'
import { explain } from '../../src/chain/explain.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { withDeadline } from '../../src/wrappers/deadline.ts'
import { withRequestLimit } from '../../src/wrappers/limit-requests.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'

/** Counts requests that wait for their responses, over all backends that it creates. */
function counting(answerMs = 3) {
  const seen = { open: 0, most: 0 }
  const counted = async <T>(answer: () => Promise<T>): Promise<T> => {
    seen.most = Math.max(seen.most, ++seen.open)
    await scheduler.wait(answerMs)
    seen.open--
    return answer()
  }
  const slow = (name: string): Backend => {
    const memory = memoryBackend(name)
    return {
      ...memory,
      get: (key, options) => counted(() => memory.get(key, options)),
      head: (key, options) => counted(() => memory.head(key, options)),
      put: (key, body, options) => counted(() => memory.put(key, body, options)),
    }
  }
  const limited = (name: string): Backend => withRequestLimit(slow(name), withSlot)
  return { seen, counted, slow, limited }
}

const four = ['a', 'b', 'c', 'd']
const hundred = Array.from({ length: 100 }, (_, index) => `${index}.jpg`)

describe('an invocation', () => {
  it('waits for at most five responses, over 100 names and four backends', async () => {
    const { seen, limited } = counting()
    const backends = four.map(limited)
    const all = hundred.flatMap((name) => backends.map((backend) => backend.head(name)))
    expect(seen.open).toBe(400)
    await Promise.all(all)
    seen.most = 0
    await runInvocation(() =>
      Promise.all(hundred.flatMap((name) => backends.map((backend) => backend.head(name)))),
    )
    expect(seen.most).toBe(5)
  })

  it('waits for at most five while hedged reads search nine backends', async () => {
    const { seen, limited } = counting(20)
    const backends = Array.from({ length: 9 }, (_, index) => limited(`b${index}`))
    const hedgeMs = Object.fromEntries(backends.map(({ name }) => [name, 1]))
    const chain = createChain(backends, { deletes: 'first', hedgeMs })
    await runInvocation(() => Promise.all(['x', 'y', 'z'].map((name) => chain.get(name))))
    expect(seen.most).toBe(5)
  })

  it('waits for at most five while a name is explained', async () => {
    const { seen, limited } = counting()
    const chain = createChain([...four, 'e', 'f', 'g'].map(limited), { deletes: 'tombstone' })
    await runInvocation(() => explain(chain, 'x', true))
    expect(seen.most).toBe(5)
  })

  it('shares nothing with another one', async () => {
    const { seen, limited } = counting()
    const backend = limited('a')
    const ten = () => runInvocation(() => Promise.all(hundred.slice(0, 10).map((name) => backend.head(name))))
    await Promise.all([ten(), ten()])
    expect(seen.most).toBe(10)
  })

  it('sends the next request if one fails or was cancelled before it began', async () => {
    const failing = withRequestLimit(
      { ...memoryBackend('a'), head: () => Promise.reject(new Error('broken')) },
      withSlot,
    )
    const stopped = { signal: AbortSignal.abort(new Error('called off')) }
    await runInvocation(async () => {
      const results = await Promise.allSettled([
        ...hundred.map((name) => failing.head(name)),
        ...hundred.map((name) => failing.head(name, stopped)),
      ])
      const reasons = results.map(
        (result) => result.status === 'rejected' && (result.reason as Error).message,
      )
      expect(reasons).toEqual([...hundred.map(() => 'broken'), ...hundred.map(() => 'called off')])
    })
  })
})

it('the timeout of a request does not start while it waits for a slot', async () => {
  const { slow } = counting(30)
  const bounds = { timeoutMs: 200, idleTimeoutMs: 200, heedsSignals: false }
  const backend = withRequestLimit(withDeadline(slow('a'), bounds), withSlot)
  const heads = () => Promise.all(hundred.slice(0, 50).map((name) => backend.head(name)))
  expect(await runInvocation(heads)).toEqual(Array(50).fill(null))
})

it('bodies that are resumed while they are stored do not wait for each other', async () => {
  const { limited } = counting()
  const source = limited('source')
  const target = limited('target')
  await runInvocation(async () => {
    await Promise.all(hundred.slice(0, 8).map(async (name) => source.put?.(name, bytesOf('whole'))))
    const resumed = (name: string) =>
      new ReadableStream<Uint8Array>({
        async pull(controller) {
          controller.enqueue(bytesOf((await textOf(await source.get(name))) ?? ''))
          controller.close()
        },
      })
    await Promise.all(hundred.slice(0, 8).map(async (name) => target.put?.(name, resumed(name), { size: 5 })))
    expect(await textOf(await target.get('7.jpg'))).toBe('whole')
  })
})

it('stores at most five bodies at once, whoever began them', async () => {
  const { seen, limited } = counting()
  const target = limited('target')
  const store = async (name: string) =>
    target.put?.(name, new Response('whole').body as ReadableStream, { size: 5 })
  await runInvocation(() => Promise.all(hundred.slice(0, 20).map(store)))
  expect(seen.most).toBe(5)
  expect(await textOf(await target.get('19.jpg'))).toBe('whole')
})

it('requests within a slot use free slots, and wait for none', async () => {
  const { seen, counted, limited } = counting()
  const rows = async () => {
    const rest = hundred.values()
    await withSpareSlots(async () => {
      for (const name of rest) await counted(async () => name)
    })
    return null
  }
  const lister = withRequestLimit({ ...memoryBackend('lists'), head: rows }, withSlot)
  const other = limited('other')
  await runInvocation(() =>
    Promise.all([lister.head('a'), lister.head('b'), other.head('c'), other.head('d'), other.head('e')]),
  )
  expect(seen.most).toBe(5)
})
