import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { fill, media } from '../kit/app.ts'
import { eventually } from '../kit/eventually.ts'
import { HIT, startCached } from './kit.ts'

describe('reads of the edge cache', () => {
  it('costs one storage read for each of 20 names in 1,000 requests, and one more after each change', async () => {
    const site = startCached()
    const names = Array.from({ length: 20 }, (_, index) => `photos/${index}.jpg`)
    for (const name of names) await site.put(name, `bytes of ${name}`)
    Object.assign(site.reads, { get: 0, head: 0 })
    for (let round = 0; round < 50; round++) {
      const answers = await Promise.all(names.map((name) => site.read(name)))
      for (const [index, { status, text }] of answers.entries()) {
        expect(status).toBe(200)
        expect(text).toBe(`bytes of photos/${index}.jpg`)
      }
      if (round === 0) for (const name of names) await site.untilCached(name)
    }
    expect(site.reads).toEqual({ get: 20, head: 0 })
    await site.put('photos/3.jpg', 'changed')
    site.reads.get = 0
    for (const name of [...names, ...names]) await site.read(name)
    expect(site.reads.get).toBe(1)
  })

  it('has its keys below the host of MEDIA_URL, and never below the host of a request', async () => {
    const site = startCached({ MEDIA_URL: 'https://media.example.com/' })
    await site.put('a.jpg', 'bytes')
    const key = `/-/edge-cache/${site.deployment.id}/${encodeURIComponent(site.nameOf('a.jpg'))}`
    expect((await site.read('a.jpg', { headers: { Host: 'evil.example' } })).text).toBe('bytes')
    await eventually(
      () => 'the entry',
      async () => (await caches.default.match(`https://media.example.com${key}`)) ?? null,
    )
    expect(await caches.default.match(`https://evil.example${key}`)).toBeUndefined()
  })

  it('sends the disposition of a signed URL, and caches the object with its own', async () => {
    const key = '0123456789abcdef0123456789abcdef'
    const site = startCached({ URL_SIGNING_KEYS: [{ id: 'one', key }] })
    await site.put('a.jpg', 'bytes')
    const wanted = 'attachment; filename="b.jpg"'
    const query = `response-content-disposition=${encodeURIComponent(wanted)}`
    const made = await site.call(`/-/api/url/${site.nameOf('a.jpg')}?${query}`)
    const { search } = new URL((await made.json<{ url: string }>()).url)
    const dispositionOf = async (name: string) => (await site.read(name)).headers.get('Content-Disposition')
    expect(await dispositionOf(`a.jpg${search}`)).toBe(wanted)
    await site.untilCached('a.jpg')
    expect(await dispositionOf(`a.jpg${search}`)).toBe(wanted)
    expect((await site.read('a.jpg')).headers.get('Cache-Status')).toMatch(HIT)
    expect(await dispositionOf('a.jpg')).toBeNull()
    expect(await dispositionOf(`a.jpg?${query}`)).toBeNull()
  })

  it('costs one storage read when many ask for a cold name at once', async () => {
    const site = startCached()
    await site.put('a.jpg', 'bytes')
    site.reads.get = 0
    const answers = await Promise.all(Array.from({ length: 50 }, () => site.read('a.jpg')))
    expect(answers.every(({ status, text }) => status === 200 && text === 'bytes')).toBe(true)
    expect(site.reads.get).toBe(1)
  })

  it('answers a hit with the headers of the uncached answer', async () => {
    const site = startCached({ MEDIA_CORS_ORIGINS: 'https://a.example,https://b.example' })
    await site.put('größe.html', '<p>hi', {
      'Content-Type': 'text/html',
      'Content-Language': 'de',
      'Content-Disposition': 'inline; filename="a.html"',
      'Cache-Control': 'public, max-age=5',
      Expires: 'Thu, 01 Jan 2032 00:00:00 GMT',
      'x-amz-meta-expires': '2024-01-01',
      'x-amz-meta-who': '=?utf-8?B?w7xiZXI=?=',
    })
    const cold = await site.read('gr%C3%B6%C3%9Fe.html', { headers: { Origin: 'https://a.example' } })
    await site.untilCached('größe.html')
    const hit = await site.read('größe.html', { headers: { Origin: 'https://b.example' } })
    const {
      'cache-status': status,
      'access-control-allow-origin': origin,
      'timing-allow-origin': _,
      ...rest
    } = Object.fromEntries(hit.headers)
    expect(status).toMatch(HIT)
    expect(origin).toBe('https://b.example')
    const expected = Object.fromEntries(cold.headers)
    for (const own of ['cache-status', 'access-control-allow-origin', 'timing-allow-origin', 'server-timing'])
      delete expected[own]
    expect(rest).toEqual(expected)
    expect(rest).toMatchObject({
      'content-security-policy': 'sandbox',
      'cache-control': 'public, max-age=5',
      'x-amz-meta-expires': '2024-01-01',
    })
    expect(hit.text).toBe('<p>hi')
  })

  it('answers conditions from the cached validators', async () => {
    const site = startCached()
    await site.put('a.jpg', 'bytes')
    const { headers } = await site.read('a.jpg')
    await site.untilCached('a.jpg')
    site.reads.get = 0
    const etag = headers.get('ETag') ?? ''
    const modified = headers.get('Last-Modified') ?? ''
    const conditional = async (sent: Record<string, string>) => {
      const answer = await site.read('a.jpg', { headers: sent })
      expect(answer.headers.get('Cache-Status')).toMatch(HIT)
      return [answer.status, answer.text.length > 0]
    }
    expect(await conditional({ 'If-None-Match': etag })).toEqual([304, false])
    expect(await conditional({ 'If-None-Match': '"other"' })).toEqual([200, true])
    expect(await conditional({ 'If-Modified-Since': modified })).toEqual([304, false])
    expect(await conditional({ 'If-Match': etag })).toEqual([200, true])
    expect(await conditional({ 'If-Match': '"other"' })).toEqual([412, true])
    expect(site.reads.get).toBe(0)
  })

  it('is not changed by host, query or headers', async () => {
    const site = startCached()
    await site.put('a.jpg', 'bytes')
    await site.read('a.jpg?first', { headers: { 'X-Forwarded-Host': 'evil.example' } })
    await site.untilCached('a.jpg')
    site.reads.get = 0
    for (const query of ['', '?x=1']) {
      const headers = { 'X-Forwarded-Host': 'other.example', 'Accept-Language': 'de', Cookie: 'theme=dark' }
      expect((await site.read(`a.jpg${query}`, { headers })).headers.get('Cache-Status')).toMatch(HIT)
    }
    expect(site.reads.get).toBe(0)
  })

  it.each(['a%20b+c%2Fd', 'a%2Fb', '%E2%82%AC', 'x%3Fy%23z', 'a//b', '%27%22', '%252F', 'a/'])(
    'keeps the name %s apart',
    async (raw) => {
      const site = startCached()
      await site.put(raw, `under ${raw}`)
      await site.put('a', 'other')
      await site.read(raw)
      await site.untilCached(decodeURIComponent(raw))
      const { headers, text } = await site.read(raw)
      expect(headers.get('Cache-Status')).toMatch(HIT)
      expect(text).toBe(`under ${raw}`)
      expect((await site.read('a')).text).toBe('other')
    },
  )

  it('caches an object that is stored encoded as it is', async () => {
    const site = startCached()
    const gzip = new Blob(['hello hello']).stream().pipeThrough(new CompressionStream('gzip'))
    const bytes = await new Response(gzip).bytes()
    const httpMetadata = { contentEncoding: 'gzip', contentType: 'text/plain' }
    await env.MEDIA.put(site.nameOf('a.txt'), bytes, { httpMetadata })
    const read = async () => {
      const response = await site.call(`/${site.nameOf('a.txt')}`, { token: null })
      expect(response.headers.get('Content-Encoding')).toBe('gzip')
      await response.arrayBuffer()
      return response.headers.get('Cache-Status')
    }
    await read()
    const cached = await site.untilCached('a.txt')
    expect(await cached.bytes()).toEqual(bytes)
    expect(await read()).toMatch(HIT)
  })

  it('caches empty objects', async () => {
    const site = startCached()
    await site.put('empty', '')
    await site.read('empty')
    await site.untilCached('empty')
    expect(await site.read('empty')).toMatchObject({ status: 200, text: '' })
  })

  it('counts hits as such', async () => {
    const site = startCached()
    await site.put('a.jpg', 'bytes')
    await site.read('a.jpg')
    await site.untilCached('a.jpg')
    await site.read('a.jpg')
    const counts = [...site.deployment.requests.total.requests.values()]
    expect(counts.filter(({ labels }) => labels.outcome === 'edge')).toMatchObject([{ value: 1 }])
  })

  it('does not answer with what has expired', async () => {
    const site = startCached({ MEDIA_EDGE_CACHE_SECONDS: '1' })
    await site.put('a.jpg', 'old')
    await site.read('a.jpg')
    await site.untilCached('a.jpg')
    await fill(media, { [site.nameOf('a.jpg')]: 'new' })
    await scheduler.wait(1100)
    expect((await site.read('a.jpg')).text).toBe('new')
  })

  it('gives every reader of a large object all of its bytes, however slow one of them is', async () => {
    const site = startCached()
    const bytes = 'x'.repeat(2_000_000)
    await site.put('large.bin', bytes)
    site.reads.get = 0
    const slow = await site.call(`/${site.nameOf('large.bin')}`, { token: null })
    const gone = await site.call(`/${site.nameOf('large.bin')}`, { token: null })
    await gone.body?.cancel()
    expect((await site.read('large.bin')).text).toBe(bytes)
    expect(await (await site.untilCached('large.bin')).text()).toBe(bytes)
    expect((await site.read('large.bin')).headers.get('Cache-Status')).toMatch(HIT)
    expect(await slow.text()).toBe(bytes)
    expect(site.reads.get).toBe(1)
  })
})

describe('changes', () => {
  const kv = { type: 'kv', binding: 'MEDIA_KV', read_only: true }
  const changes = startCached({ FALLBACK_STORAGES: [{ type: 'r2', binding: 'MEDIA' }, kv] })

  const warm = async (name: string, text: string): Promise<void> => {
    await changes.put(name, text)
    expect((await changes.read(name)).text).toBe(text)
    await changes.untilCached(name)
    expect((await changes.read(name)).headers.get('Cache-Status')).toMatch(HIT)
  }

  it('are visible at once: PUT', async () => {
    await warm('a.jpg', 'old')
    await changes.put('a.jpg', 'new')
    expect(await changes.cached('a.jpg')).toBeUndefined()
    expect((await changes.read('a.jpg')).text).toBe('new')
  })

  it.each(['', '/-/api/delete'])('are visible at once: DELETE %s', async (route) => {
    await warm('b.jpg', 'old')
    await changes.call(`${route}/${changes.nameOf('b.jpg')}`, { method: 'DELETE' })
    expect(await changes.cached('b.jpg')).toBeUndefined()
    expect((await changes.read('b.jpg')).status).toBe(404)
  })

  it('are visible at once: undelete and save', async () => {
    const name = changes.nameOf('c.jpg')
    await fill(media, {})
    await env.MEDIA_KV.put(name, 'from the fallback')
    await changes.call(`/${name}`, { method: 'DELETE' })
    expect((await changes.read('c.jpg')).status).toBe(404)
    await changes.post(`undelete/${name}`)
    expect((await changes.read('c.jpg')).text).toBe('from the fallback')
    await changes.untilCached('c.jpg')
    await changes.call(`/${name}`, { method: 'DELETE' })
    const saved = await changes.call(`/-/api/save/${name}`, { method: 'POST', body: 'saved' })
    expect(await saved.json()).toEqual({ name })
    expect((await changes.read('c.jpg')).text).toBe('saved')
  })

  it('drop a fill that began before them', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    let holds = true
    const MEDIA = new Proxy(env.MEDIA, {
      get(bucket, key) {
        if (key !== 'get') {
          const value: unknown = Reflect.get(bucket, key)
          return typeof value === 'function' ? value.bind(bucket) : value
        }
        return async (...args: Parameters<R2Bucket['get']>) => {
          const isHeld = holds
          const object = await bucket.get(...args)
          begin()
          if (isHeld) await held
          return object
        }
      },
    })
    const site = startCached({ MEDIA })
    await site.put('a.jpg', 'old')
    const slow = site.read('a.jpg')
    await begun
    holds = false
    await site.put('a.jpg', 'new')
    expect((await site.read('a.jpg')).text).toBe('new')
    await site.untilCached('a.jpg')
    release()
    expect((await slow).text).toBe('old')
    await scheduler.wait(300)
    expect(await (await site.cached('a.jpg'))?.text()).toBe('new')
  })
})

describe('an entry', () => {
  it('is nothing that a browser would run, if Cloudflare itself should answer with it', async () => {
    const site = startCached()
    await site.put('a.svg', '<svg><script>1</script></svg>', { 'Content-Type': 'image/svg+xml' })
    await site.read('a.svg')
    const { headers } = await site.untilCached('a.svg')
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
    })
    expect((await site.read('a.svg')).headers.get('Content-Type')).toBe('image/svg+xml')
  })
})

describe('purges', () => {
  it.each(['NFC', 'NFD'])('remove all spellings of a name, as for R2 they are one: %s', async (form) => {
    const site = startCached()
    const names = ['café.jpg'.normalize('NFC'), 'café.jpg'.normalize('NFD')]
    for (const name of names) await site.put(name, 'bytes')
    for (const name of names) await site.read(name)
    for (const name of names) await site.untilCached(name)
    const purged = [site.nameOf('café.jpg'.normalize(form))]
    const answer = await site.post('cache/purge', { names: purged })
    expect(answer).toMatchObject({ status: 200, body: { names: purged } })
    for (const name of names) expect(await site.cached(name)).toBeUndefined()
  })

  it('removes names, says how far that reaches, and refuses a prefix that it cannot purge', async () => {
    const site = startCached()
    await site.put('a.jpg', 'old')
    await site.read('a.jpg')
    await site.untilCached('a.jpg')
    await fill(media, { [site.nameOf('a.jpg')]: 'new' })
    expect((await site.read('a.jpg')).text).toBe('old')
    const names = [site.nameOf('a.jpg')]
    expect(await site.post('cache/purge', { names })).toEqual({
      status: 200,
      body: { names, reach: 'this location' },
    })
    expect((await site.read('a.jpg')).text).toBe('new')
    expect(await site.post('cache/purge', { prefix: 'photos/' })).toMatchObject({
      status: 501,
      body: { detail: expect.stringContaining('cannot purge a prefix') as string },
    })
  })

  it.each([
    {},
    { names: [] },
    { names: ['a'], prefix: '' },
    { names: ['../a'] },
    { names: Array<string>(101).fill('a') },
  ])('refuses %j', async (body) => {
    expect((await startCached().post('cache/purge', body)).status).toBe(400)
  })

  it('says that there is no cache', async () => {
    const site = startCached({ MEDIA_EDGE_CACHE_SECONDS: '0' })
    const { status, body } = await site.post('cache/purge', { prefix: '' })
    expect([status, body['detail']]).toEqual([501, expect.stringContaining('MEDIA_EDGE_CACHE_SECONDS')])
  })
})
