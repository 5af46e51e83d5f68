import { describe, expect, it } from 'vitest'
import { cacheApi } from '../../src/edge-cache/cache-api.ts'
import type { Load } from '../../src/edge-cache/edge-cache.ts'
import type { StoredObject } from '../../src/storage/object.ts'
import { eventually } from '../kit/eventually.ts'

const KEY = 'https://fallback-storage.invalid/deployment/a.jpg'

/** One cache over an object that `change` replaces; puts land when they are released. */
function startFills({ filled = Promise.resolve() } = {}) {
  const entries = new Map<string, Response>()
  const held: (() => void)[] = []
  let text = 'old'
  const cache = {
    match: async (key: RequestInfo | URL) => entries.get(key as string)?.clone(),
    async put(key: RequestInfo | URL, response: Response) {
      const bytes = await response.arrayBuffer()
      await new Promise<void>((resolve) => held.push(resolve))
      entries.set(key as string, new Response(bytes, { headers: response.headers }))
    },
    delete: async (key: RequestInfo | URL) => entries.delete(key as string),
  }
  const load: Load = async (name) => {
    const bytes = new TextEncoder().encode(text)
    const stream = () => new Blob([bytes]).stream()
    const shared = { leader: true, copy: { begun: false }, whole: () => filled, stream }
    const object: StoredObject = { name, backend: 'media', size: bytes.length, body: stream(), shared }
    return { object, stored: false }
  }
  const work: Promise<unknown>[] = []
  const edge = cacheApi({
    cache,
    base: 'https://fallback-storage.invalid/deployment',
    policy: { seconds: 60, cacheControl: 'public' },
    load,
    forget: () => {},
    keepAlive: (fill) => void work.push(fill),
  })
  const read = async (): Promise<string> => {
    const { object, ttl } = await edge.read('a.jpg', [])
    return `${await new Response(object?.body).text()}${ttl === undefined ? '' : ' from the cache'}`
  }
  return {
    read,
    entries,
    held,
    settled: () => Promise.all(work),
    untilPutting: (count = 1) =>
      eventually(
        () => `${count} puts`,
        async () => held.length === count || null,
      ),
    async change() {
      text = 'new'
      await edge.purge({ names: ['a.jpg'] })
    },
  }
}

describe('a fill that a change overtakes', () => {
  it('is dropped before it is put', async () => {
    const { promise: filled, resolve: fill } = Promise.withResolvers<void>()
    const { read, change, held, settled } = startFills({ filled })
    expect(await read()).toBe('old')
    await change()
    fill()
    await settled()
    expect(held).toEqual([])
  })

  it('is removed again after it was put, and not answered with in between', async () => {
    const { read, change, held, entries, settled, untilPutting } = startFills()
    expect(await read()).toBe('old')
    await untilPutting()
    await change()
    // The put lands after the purge.
    entries.set(KEY, new Response('old', { headers: headersOf('old') }))
    expect(await read()).toBe('new')
    held[0]?.()
    await settled()
    expect(entries.size).toBe(0)
    expect(await read()).toBe('new')
    await untilPutting(2)
    held[1]?.()
    await settled()
    expect(await read()).toBe('new from the cache')
  })
})

function headersOf(text: string): Record<string, string> {
  const info = { name: 'a.jpg', backend: 'media', size: text.length }
  return { 'Fallback-Storage-Object': JSON.stringify({ info, expires: Date.now() + 60_000 }) }
}
