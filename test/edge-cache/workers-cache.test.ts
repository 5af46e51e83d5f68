import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { EdgeContext } from '../../src/edge-cache/open.ts'
import { nameTag, prefixTag, tagsOf } from '../../src/edge-cache/tags.ts'
import { answering, BROKEN_ORIGIN, KV, OLD, R2 } from '../kit/app.ts'
import { HIT, startCached } from './kit.ts'

interface Cached {
  tags: string[]
  expires: number
  body: ArrayBuffer
  headers: Headers
}

/** Workers Cache in front of the entrypoint `Media`, as its documentation describes it; the simulator has none. */
function fakeWorkersCache({ isOff = false } = {}) {
  const entries = new Map<string, Cached>()
  const purged: string[][] = []
  const statuses: string[] = []
  let answer: ((request: Request) => Promise<Response>) | undefined
  let refusal: CachePurgeResult | undefined
  const store = async (path: string, response: Response): Promise<Response> => {
    const control =
      response.headers.get('Cloudflare-CDN-Cache-Control') ?? response.headers.get('Cache-Control')
    // Without it, the real one would keep the answer for hours.
    if (control === null) throw new Error('an answer must say whether it may be cached')
    if (/no-store|private/.test(control)) return response
    const body = await response.arrayBuffer()
    const seconds = Number(/s-maxage=(\d+)/.exec(control)?.[1])
    const tags = response.headers.get('Cache-Tag')?.split(',') ?? []
    const headers = new Headers(response.headers)
    for (const own of ['Cache-Tag', 'Cloudflare-CDN-Cache-Control']) headers.delete(own)
    entries.set(path, { tags, expires: Date.now() + seconds * 1000, body, headers })
    return new Response(body, { headers })
  }
  const Media = {
    async fetch(request: Request): Promise<Response> {
      if (request.method !== 'GET' || request.headers.has('Range') || request.headers.has('Authorization'))
        throw new Error('only plain GETs may go through the cache')
      const { pathname, search } = new URL(request.url)
      if (pathname === '/') {
        const response = await answer?.(request)
        if (!isOff) response?.headers.set('Cf-Cache-Status', 'HIT')
        return response ?? Response.error()
      }
      const hit = entries.get(pathname + search)
      statuses.push(hit ? 'HIT' : 'MISS')
      if (hit && hit.expires > Date.now()) return new Response(hit.body, { headers: hit.headers })
      if (!answer) throw new Error('not connected')
      if (isOff) return answer(request)
      const response = await store(pathname + search, await answer(request))
      response.headers.set('Cf-Cache-Status', 'MISS')
      return response
    },
    async purge(tags: string[]): Promise<CachePurgeResult> {
      purged.push(tags)
      if (refusal) return refusal
      for (const [path, entry] of entries)
        if (entry.tags.some((tag) => tags.includes(tag))) entries.delete(path)
      return { success: true, errors: [] }
    },
  }
  const context: EdgeContext = { cache: {}, exports: { Media } }
  return {
    context: context as Partial<ExecutionContext>,
    entries,
    purged,
    statuses,
    connect: (by: typeof answer) => void (answer = by),
    refuse: (result: CachePurgeResult) => void (refusal = result),
  }
}

function startBehind(settings: Record<string, unknown> = {}, options: { isOff?: boolean } = {}) {
  const cache = fakeWorkersCache(options)
  const site = startCached(settings, cache.context)
  cache.connect((request) => {
    const { edgeCaching } = site.deployment
    if (!edgeCaching) throw new Error('nothing is cached')
    return edgeCaching.answer(request)
  })
  return { ...site, cache }
}

describe('Workers Cache', () => {
  it('answers hits with the headers of the uncached answer, and without storage', async () => {
    const site = startBehind({ MEDIA_CORS_ORIGINS: '*' })
    await site.put('photos/ü.html', '<p>hi', { 'Content-Type': 'text/html', 'x-amz-meta-a': 'b' })
    site.reads.get = 0
    const cold = await site.read('photos/%C3%BC.html?x=1')
    const hit = await site.read('photos/ü.html')
    expect(site.cache.statuses).toEqual(['MISS', 'HIT'])
    expect(site.reads.get).toBe(1)
    const { 'cache-status': first, 'server-timing': timing, ...expected } = Object.fromEntries(cold.headers)
    expect([first, timing]).toEqual([
      'fallback-storage; hit; detail=media',
      expect.stringMatching(/^media;dur=.*;desc=hit$/),
    ])
    const { 'cache-status': second, ...rest } = Object.fromEntries(hit.headers)
    expect(second).toMatch(HIT)
    expect(rest).toEqual(expected)
    expect(hit.text).toBe('<p>hi')
    const etag = hit.headers.get('ETag') ?? ''
    expect((await site.read('photos/ü.html', { headers: { 'If-None-Match': etag } })).status).toBe(304)
    expect(site.reads.get).toBe(1)
    // Nothing of how the cache works leaves the Worker.
    expect([...hit.headers.keys()].filter((header) => /tag$|cdn|fallback/.test(header))).toEqual(['etag'])
  })

  it.each([
    ['a placeholder', [R2, { type: 'placeholder' }], 'a-1x1.jpg', 200],
    ['an original in place of a derivative', [{ ...R2, rewrite: [['-1x1', '']] }], 'b-1x1.jpg', 200],
    ['a redirect', [{ ...OLD, redirect: true, public_url: 'https://old.example/' }], 'c.jpg', 307],
  ])('passes on %s, and keeps nothing', async (_, FALLBACK_STORAGES, name, status) => {
    const site = startBehind({ FALLBACK_STORAGES, OLD: answering(() => new Response('bytes')) })
    await env.MEDIA.put(site.nameOf('b.jpg'), 'original')
    const response = await site.read(name)
    expect([response.status, site.cache.statuses, site.cache.entries.size]).toEqual([status, ['MISS'], 0])
    expect(response.headers.get('Cache-Control')).toBe(
      name.startsWith('b') ? 'public, max-age=3600' : 'no-store',
    )
    expect((await site.read(name)).status).toBe(status)
  })

  it('tags an object by its name, its directories and the root', async () => {
    const site = startBehind()
    await site.put('photos/2024/a.jpg', 'bytes')
    await site.read('photos/2024/a.jpg')
    const [entry] = site.cache.entries.values()
    const folder = site.nameOf('')
    const tags = await Promise.all([
      nameTag(site.nameOf('photos/2024/a.jpg')),
      ...['', folder, `${folder}photos/`, `${folder}photos/2024/`].map(prefixTag),
    ])
    expect(entry?.tags.toSorted()).toEqual(tags.toSorted())
    expect(entry?.tags.every((tag) => /^[0-9a-f]{20}$/.test(tag))).toBe(true)
    expect(entry?.headers.get('Cache-Control')).toBe('public, s-maxage=60, must-revalidate')
  })

  const CHANGES: [string, (site: ReturnType<typeof startBehind>, path: string) => Promise<Response>][] = [
    ['PUT', (site, path) => site.call(`/${path}`, { method: 'PUT', body: 'new' })],
    ['DELETE', (site, path) => site.call(`/${path}`, { method: 'DELETE' })],
    ['delete', (site, path) => site.call(`/-/api/delete/${path}`, { method: 'DELETE' })],
    ['save', (site, path) => site.call(`/-/api/save/${path}`, { method: 'POST', body: 'new' })],
  ]
  it.each(CHANGES)('is purged everywhere by %s', async (_, change) => {
    const site = startBehind()
    const name = site.nameOf('a.jpg')
    await site.put('a.jpg', 'old')
    await site.read('a.jpg')
    expect(site.cache.entries.size).toBe(1)
    site.cache.purged.length = 0
    const response = await change(site, name)
    expect(response.ok).toBe(true)
    expect(site.cache.purged.flat()).toContain(await nameTag(name))
    expect(site.cache.entries.size).toBe(0)
    if (response.headers.get('Content-Type')?.startsWith('application/json')) {
      const saved = await response.json<{ name: string }>()
      expect(site.cache.purged.flat()).toContain(await nameTag(saved.name))
    }
  })

  it('is purged by undelete and by the purge of tombstones', async () => {
    const site = startBehind({ FALLBACK_STORAGES: [R2, KV] })
    const name = site.nameOf('a.jpg')
    const tag = await nameTag(name)
    await env.MEDIA_KV.put(name, 'from the fallback')
    await site.call(`/${name}`, { method: 'DELETE' })
    site.cache.purged.length = 0
    await site.post(`undelete/${name}`)
    expect(site.cache.purged).toEqual([[tag]])
    await site.post('tombstones/purge', { prefix: name, dry_run: true })
    expect(site.cache.purged).toEqual([[tag]])
    await site.post('tombstones/purge', { prefix: name })
    expect(site.cache.purged).toEqual([[tag], [tag]])
  })

  it('is purged by the restore of a prior version', async () => {
    const site = startBehind({ FALLBACK_KEEP_REPLACED_DAYS: 1 })
    const name = site.nameOf('a.jpg')
    await site.put('a.jpg', 'old')
    await site.put('a.jpg', 'new')
    await site.read('a.jpg')
    site.cache.purged.length = 0
    expect(await site.post(`restore/${name}`)).toMatchObject({ status: 200 })
    expect(site.cache.purged).toEqual([[await nameTag(name)]])
  })

  it('has the same tags under all spellings of its name, which for R2 are one', async () => {
    const [nfc, nfd] = ['é/a.jpg'.normalize('NFC'), 'é/a.jpg'.normalize('NFD')]
    expect(nfc).not.toBe(nfd)
    expect(await tagsOf(nfc)).toEqual(await tagsOf(nfd))
  })

  it('keeps the answer of a change that could not be purged', async () => {
    const site = startBehind()
    site.cache.refuse({ success: false, errors: [{ code: 10, message: 'rate limited' }] })
    expect((await site.call(`/${site.nameOf('a.jpg')}`, { method: 'PUT', body: 'a' })).status).toBe(201)
    const names = [site.nameOf('a.jpg')]
    expect(await site.post('cache/purge', { names })).toMatchObject({
      status: 502,
      body: { detail: expect.stringContaining('rate limited (10)') as string },
    })
  })

  it('is purged by name and by prefix on request, and says that this reaches everywhere', async () => {
    const site = startBehind()
    for (const name of ['photos/a.jpg', 'photos/b.jpg', 'video/c.mp4']) {
      await site.put(name, name)
      await site.read(name)
    }
    const names = [site.nameOf('photos/a.jpg')]
    expect((await site.post('cache/purge', { names })).body).toEqual({ names, reach: 'everywhere' })
    expect(site.cache.entries.size).toBe(2)
    // Only directories have tags, so the whole directory is purged.
    const prefix = site.nameOf('photos/b')
    expect((await site.post('cache/purge', { prefix })).body).toEqual({ prefix, reach: 'everywhere' })
    expect([...site.cache.entries.keys()]).toEqual([`/${encodeURIComponent(site.nameOf('video/c.mp4'))}`])
    await site.post('cache/purge', { prefix: '' })
    expect(site.cache.entries.size).toBe(0)
  })

  it('never holds a miss, a failure, what may be stale, or what is private', async () => {
    const site = startBehind({ FALLBACK_STORAGES: [R2, OLD, KV], OLD: BROKEN_ORIGIN })
    const failed = await site.read('nowhere.jpg')
    expect([failed.status, JSON.parse(failed.text)]).toEqual([
      502,
      expect.objectContaining({ backends: [expect.objectContaining({ name: 'old' })] }),
    ])
    expect(failed.headers.get('Server-Timing')).toMatch(/^media;.*absent, old;.*error, media_kv;.*absent$/)
    await env.MEDIA_KV.put(site.nameOf('stale.jpg'), 'stale')
    const stale = await site.read('stale.jpg')
    expect([stale.status, stale.text, stale.headers.get('Cache-Control')]).toEqual([200, 'stale', 'no-store'])
    await site.put('private.jpg', 'mine', { 'Cache-Control': 'private' })
    expect((await site.read('private.jpg')).text).toBe('mine')
    expect(site.cache.entries.size).toBe(0)
    const alone = startBehind()
    expect((await alone.read('nowhere.jpg')).status).toBe(404)
    expect(alone.cache.entries.size).toBe(0)
  })

  it('is passed by for ranges, tokens, HEAD and conditions on writes', async () => {
    const site = startBehind()
    await site.put('a.jpg', '0123456789')
    expect((await site.read('a.jpg', { headers: { Range: 'bytes=1-2' } })).text).toBe('12')
    expect((await site.read('a.jpg', { headers: { Authorization: 'Bearer open-sesame' } })).status).toBe(200)
    expect((await site.read('a.jpg', { method: 'HEAD' })).status).toBe(200)
    expect(site.cache.statuses).toEqual([])
  })

  it('gives way to the Cache API where it is not turned on for the entrypoint', async () => {
    const site = startBehind({}, { isOff: true })
    // Behind the Worker's back: a PUT would purge, which finds it out, too.
    await env.MEDIA.put(site.nameOf('a.jpg'), 'bytes')
    expect((await site.read('missing.jpg')).status).toBe(404)
    expect((await site.read('a.jpg')).text).toBe('bytes')
    await site.read('a.jpg')
    await site.untilCached('a.jpg')
    expect((await site.read('a.jpg')).headers.get('Cache-Status')).toMatch(HIT)
    expect(site.cache.statuses).toHaveLength(2)
    const names = [site.nameOf('a.jpg')]
    expect((await site.post('cache/purge', { names })).body).toEqual({ names, reach: 'this location' })
  })

  it('claims to reach everywhere only where it is turned on, though nothing has been read yet', async () => {
    const off = startBehind({}, { isOff: true })
    const names = [off.nameOf('a.jpg')]
    const purged = await off.post('cache/purge', { names })
    expect(purged.body).toEqual({ names, reach: 'this location' })
    expect(await startBehind({}, { isOff: true }).post('cache/purge', { prefix: 'photos/' })).toMatchObject({
      status: 501,
      body: { detail: expect.stringContaining('Cache API cannot') as string },
    })
    expect(off.cache.purged).toEqual([])
    expect((await startBehind().post('cache/purge', { names })).body).toEqual({ names, reach: 'everywhere' })
  })

  it('purges the Cache API too, as another isolate of the location may use that', async () => {
    const other = startCached()
    await other.put('a.jpg', 'bytes')
    await other.read('a.jpg')
    await other.untilCached('a.jpg')
    const names = [other.nameOf('a.jpg')]
    expect((await startBehind().post('cache/purge', { names })).body).toEqual({ names, reach: 'everywhere' })
    expect(await other.cached('a.jpg')).toBeUndefined()
  })

  it('serves objects that are stored encoded as they are', async () => {
    const site = startBehind()
    const gzip = new Blob(['hello hello']).stream().pipeThrough(new CompressionStream('gzip'))
    const bytes = await new Response(gzip).bytes()
    await env.MEDIA.put(site.nameOf('a.txt'), bytes, { httpMetadata: { contentEncoding: 'gzip' } })
    for (const status of ['fallback-storage; hit; detail=media', expect.stringMatching(HIT)]) {
      const response = await site.call(`/${site.nameOf('a.txt')}`, { token: null })
      expect(response.headers.get('Content-Encoding')).toBe('gzip')
      expect(response.headers.get('Cache-Status')).toEqual(status)
      await response.arrayBuffer()
    }
  })
})
