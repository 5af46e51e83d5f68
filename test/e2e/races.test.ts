import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { drip } from '../kit/origin/spoil.ts'
import { serve } from '../kit/origin/serve.ts'
import { bytesOf, describeEachSource, LARGE, SMALL } from './each-source.ts'
import { eventually } from '../kit/eventually.ts'
import type { Site } from '../kit/worker/site.ts'

const NEW = Buffer.from('what was saved meanwhile')
const BIGGER = randomBytes(9 * 1024 * 1024)

describeEachSource('a save or delete while a copy is under way', (the) => {
  const copies = [
    { kind: 'inline', body: SMALL, fault: drip(SMALL.length / 1.5) },
    { kind: 'queued', body: LARGE, fault: drip(LARGE.length / 1.5) },
    // Of unknown length and more than a part: the parts are joined at the end.
    { kind: 'multipart', body: BIGGER, fault: drip(BIGGER.length / 2, { chunked: true }) },
  ]
  const writes = [
    { write: 'save', act: put, status: 200 },
    { write: 'delete', act: remove, status: 404 },
  ]
  const cases = copies.flatMap((copy) => writes.map((write) => ({ ...copy, ...write })))

  it.each(cases)('the $write wins over the $kind copy', async ({ kind, body, fault, write, act, status }) => {
    const { site, source } = the
    const name = `${kind}-${write}.bin`
    await source.add(name, body)
    await source.set(name, fault)
    const read = bytesOf(site.fetch(`/${name}`))
    // The client's own GET, and the HEAD and GET of a queued copy.
    const begun = kind === 'inline' ? 1 : 2
    const gets = () => source.requests(name).filter((method) => method === 'GET').length
    await eventually(
      () => `the copy of ${name} has begun`,
      async () => gets() >= begun || null,
    )
    await sleep(200)
    await act(site, name)
    expect((await read).equals(body)).toBe(true)
    await site.copied(name, 'present')
    const after = await site.fetch(`/${name}`)
    expect(after.status).toBe(status)
    expect((await bytesOf(after)).equals(NEW)).toBe(write === 'save')
    expect(site.copies(name)).toEqual(['present'])
  })
})

describeEachSource('a source that is overwritten', (the) => {
  it.each([
    ['inline', SMALL],
    ['queued', LARGE],
  ])('while its copy is %s is kept in one version with its own validators', async (kind, body) => {
    const { site, source } = the
    const name = `overwritten-${kind}.bin`
    const newer = Buffer.from(body.toReversed())
    await source.add(name, body, { 'content-type': 'text/x-old' })
    // The copy's first request gets the old version, and all later ones the new version.
    let requests = 0
    await source.set(name, (exchange) => {
      serve(exchange)
      if (++requests === (kind === 'inline' ? 1 : 2)) void overwrite()
    })
    const overwrite = async (): Promise<void> => {
      await source.add(name, newer, { 'content-type': 'text/x-new' })
      await source.set(name, null)
    }
    const read = await site.fetch(`/${name}`)
    expect((await bytesOf(read)).equals(body)).toBe(true)
    const stored = await site.stored(name)
    const warm = await site.fetch(`/${name}`)
    await warm.arrayBuffer()
    const isOld = stored.equals(body)
    expect(isOld || stored.equals(newer)).toBe(true)
    expect(warm.headers.get('Content-Type')).toBe(isOld ? 'text/x-old' : 'text/x-new')
    expect(warm.headers.get('ETag') === read.headers.get('ETag')).toBe(isOld)
  })
})

async function put(site: Site, name: string): Promise<void> {
  expect((await site.call(`/${name}`, { method: 'PUT', body: NEW.toString() })).ok).toBe(true)
}

async function remove(site: Site, name: string): Promise<void> {
  expect((await site.call(`/${name}`, { method: 'DELETE' })).status).toBe(204)
}
