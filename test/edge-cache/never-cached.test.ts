import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { answering, BROKEN_ORIGIN, EMPTY_ORIGIN, KV, OLD, R2 } from '../kit/app.ts'
import { HIT, startCached } from './kit.ts'

/** Longer than a fill takes. */
const FILL_MS = 400

type Site = ReturnType<typeof startCached>

/** What the cache itself has under the name after so long. */
async function cachedLater(site: Site, name: string): Promise<Response | undefined> {
  await scheduler.wait(FILL_MS)
  return site.cached(name)
}

describe('what the edge cache never holds', () => {
  it.each(['no-store', 'private, max-age=60', 'no-cache', 's-maxage=0', 'Private'])(
    'an object with Cache-Control: %s',
    async (cacheControl) => {
      const site = startCached()
      await site.put('a.jpg', 'bytes', { 'Cache-Control': cacheControl })
      expect(await site.read('a.jpg')).toMatchObject({ status: 200, text: 'bytes' })
      expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
      expect((await site.read('a.jpg')).headers.get('Cache-Control')).toBe(cacheControl)
    },
  )

  it('an object without one, where the default is private', async () => {
    const site = startCached({ MEDIA_CACHE_CONTROL: 'private, max-age=60' })
    await site.put('a.jpg', 'bytes')
    await site.read('a.jpg')
    expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
  })

  it('answers to requests with a token or a session, which it does not answer either', async () => {
    const site = startCached()
    await site.put('a.jpg', 'bytes')
    const private_: Record<string, string>[] = [
      { Authorization: 'Bearer open-sesame' },
      { Authorization: 'Basic eDp5' },
      { Cookie: 'a=b; fallback-storage-session=abc' },
    ]
    for (const headers of private_) expect((await site.read('a.jpg', { headers })).status).toBe(200)
    expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
    await site.read('a.jpg')
    await site.untilCached('a.jpg')
    for (const headers of private_) {
      const status = (await site.read('a.jpg', { headers })).headers.get('Cache-Status')
      expect(status).toBe('fallback-storage; hit; detail=media')
    }
  })

  it('anything where media are not public', async () => {
    const site = startCached({ MEDIA_ACCESS: 'token' })
    await site.put('a.jpg', 'bytes')
    expect((await site.read('a.jpg')).status).toBe(401)
    const headers = { Authorization: 'Bearer open-sesame' }
    expect((await site.read('a.jpg', { headers })).status).toBe(200)
    expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
  })

  it('a name that does not exist', async () => {
    const site = startCached()
    expect((await site.read('a.jpg')).status).toBe(404)
    expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
    await site.put('a.jpg', 'bytes')
    expect((await site.read('a.jpg')).status).toBe(200)
  })

  it.each([
    ['a placeholder', [R2, { type: 'placeholder' }], 'a-1x1.jpg'],
    ['an original in place of a derivative', [{ ...R2, rewrite: [['-1x1', '']] }], 'b-1x1.jpg'],
    ['a redirect', [{ ...OLD, redirect: true, public_url: 'https://old.example/' }], 'c.jpg'],
  ])('%s, which is not kept for a moment either', async (_, FALLBACK_STORAGES, name) => {
    const site = startCached({ FALLBACK_STORAGES, OLD: answering(() => new Response('bytes')) })
    await env.MEDIA.put(site.nameOf('b.jpg'), 'original')
    const [first, second] = await Promise.all([site.read(name), site.read(name)])
    expect([first.headers.get('Cache-Status'), first.text]).toEqual([
      second.headers.get('Cache-Status'),
      second.text,
    ])
    expect(first.headers.get('Cache-Status')).toMatch(/^fallback-storage; /)
    expect(await cachedLater(site, name)).toBeUndefined()
    // What takes its place is seen at once, although no one purges a name that changes behind the Worker's back.
    await env.MEDIA.put(site.nameOf(name), 'itself')
    const later = await site.read(name)
    expect(later.status === 307 || later.text === 'itself').toBe(true)
  })

  it('a failure', async () => {
    const site = startCached({ FALLBACK_STORAGES: [R2, OLD], OLD: BROKEN_ORIGIN })
    expect((await site.read('a.jpg')).status).toBe(502)
    expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
  })

  it('what a fallback answered because the primary failed', async () => {
    const site = startCached({ FALLBACK_STORAGES: [OLD, KV], OLD: BROKEN_ORIGIN })
    await env.MEDIA_KV.put(site.nameOf('a.jpg'), 'may be stale')
    const answers = await Promise.all(Array.from({ length: 5 }, () => site.read('a.jpg')))
    // Those who share the body of another request's read must know how it was found.
    for (const { status, headers, text } of answers) {
      expect([status, text]).toEqual([200, 'may be stale'])
      expect(headers.get('Cache-Control')).toBe('no-store')
      expect(headers.get('Cache-Status')).toContain('fwd=uri-miss')
      expect(headers.get('Server-Timing')).toMatch(/^old;.*error, media_kv;.*hit$/)
    }
    expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
  })

  it('a part of an object, and it answers no range', async () => {
    const site = startCached()
    await site.put('a.jpg', '0123456789')
    const range = { headers: { Range: 'bytes=2-3' } }
    expect(await site.read('a.jpg', range)).toMatchObject({ status: 206, text: '23' })
    expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
    await site.read('a.jpg')
    await site.untilCached('a.jpg')
    const { status, headers, text } = await site.read('a.jpg', range)
    expect([status, text]).toEqual([206, '23'])
    expect(headers.get('Cache-Status')).not.toMatch(HIT)
  })

  it('an object whose source breaks off', async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(200_000))
      },
      pull: (controller) => controller.error(new Error('broken')),
    })
    const OLD_BROKEN = answering(({ method }) => {
      const headers = { 'Content-Length': '400000', ETag: '"v1"' }
      return new Response(method === 'HEAD' ? null : body, { headers })
    })
    const site = startCached({ FALLBACK_STORAGES: [{ ...OLD, idle_timeout_ms: 100 }], OLD: OLD_BROKEN })
    await expect(site.read('a.jpg')).rejects.toThrow(/interrupted/)
    expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
  })

  it('anything for HEAD, OPTIONS, and the API', async () => {
    const site = startCached()
    await site.put('a.jpg', 'bytes')
    await site.read('a.jpg', { method: 'HEAD' })
    await site.read('a.jpg', { method: 'OPTIONS' })
    const opened = await site.call(`/-/api/open/${site.nameOf('a.jpg')}`, { token: null })
    expect(await opened.text()).toBe('bytes')
    expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
  })

  it('anything where it is off', async () => {
    const site = startCached({ MEDIA_EDGE_CACHE_SECONDS: '' })
    await site.put('a.jpg', 'bytes')
    await site.read('a.jpg')
    expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
    expect(site.deployment.edgeCaching).toBeNull()
  })

  it('an object for longer than its s-maxage', async () => {
    const site = startCached()
    await site.put('a.jpg', 'bytes', { 'Cache-Control': 'max-age=5, s-maxage=7' })
    await site.read('a.jpg')
    await site.untilCached('a.jpg')
    expect((await site.read('a.jpg')).headers.get('Cache-Status')).toMatch(/ttl=[567]$/)
  })
})

describe('the edge cache of a migration', () => {
  it('shares one read of a cold name between the client, the copy and the cache', async () => {
    const origin = answering(
      () => new Response('old bytes', { headers: { ETag: '"v1"', 'Content-Length': '9' } }),
    )
    const site = startCached({
      FALLBACK_STORAGES: [R2, OLD],
      OLD: origin,
      FALLBACK_DATA_MIGRATION: 'true',
    })
    const { headers, text } = await site.read('a.jpg')
    expect(text).toBe('old bytes')
    expect(headers.get('Cache-Status')).toContain('stored')
    expect(await (await site.untilCached('a.jpg')).text()).toBe('old bytes')
    expect((await site.read('a.jpg')).headers.get('Cache-Status')).toMatch(HIT)
    expect(origin.requests.length).toBe(1)
    expect(await (await env.MEDIA.get(site.nameOf('a.jpg')))?.text()).toBe('old bytes')
  })

  it('caches nothing of a fallback that has nothing', async () => {
    const site = startCached({ FALLBACK_STORAGES: [R2, OLD], OLD: EMPTY_ORIGIN })
    expect((await site.read('a.jpg')).status).toBe(404)
    expect(await cachedLater(site, 'a.jpg')).toBeUndefined()
  })
})
