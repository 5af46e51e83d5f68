import { describe, expect, it } from 'vitest'
import { httpBackend } from '../../src/backends/http/http.ts'
import { backendOf, CONTENT, MODIFIED, ok, ORIGIN, partial, read } from '../kit/http-origin.ts'

it('requests exactly the encoded name, without compression, and sends the configured headers', async () => {
  const { backend, requests } = backendOf(() => ok(), { headers: { Authorization: 'Basic eDp5' } })
  await backend.get('a b//ü/50%?#&+.jpg/')
  expect(requests[0]?.url).toBe(`${ORIGIN}a%20b//%C3%BC/50%25%3F%23%26%2B.jpg/`)
  expect(requests[0]?.headers.get('Accept-Encoding')).toBe('identity')
  expect(requests[0]?.headers.get('Authorization')).toBe('Basic eDp5')
})

it.each(['//evil.example/a', 'http://evil.example/a', 'x:y'])('requests the name %s', async (name) => {
  const { backend, requests } = backendOf(() => ok())
  await backend.get(name)
  expect(requests[0]?.url.startsWith(ORIGIN)).toBe(true)
})

it('passes on the origin’s headers about the object, and none about the server', async () => {
  const { backend } = backendOf(() =>
    ok({
      'Content-Type': 'image/jpeg',
      'Cache-Control': 'max-age=60',
      ETag: '"abc"',
      'Last-Modified': MODIFIED,
      'x-amz-meta-author': 'Ada',
      Server: 'nginx',
      'Set-Cookie': 'a=b',
    }),
  )
  const info = {
    name: 'a.jpg',
    backend: 'old',
    size: 10,
    etag: '"abc"',
    modified: new Date(MODIFIED),
    contentType: 'image/jpeg',
    cacheControl: 'max-age=60',
    metadata: { author: 'Ada' },
  }
  const { body, ...object } = (await backend.get('a.jpg')) ?? {}
  expect(object).toEqual(info)
  expect(await read(body)).toBe(CONTENT)
  expect(await backend.head('a.jpg')).toEqual(info)
})

it('derives an ETag as nginx does if the origin has none, the same for GET, HEAD and a part', async () => {
  const { backend } = backendOf((request) =>
    request.headers.has('Range')
      ? partial('bytes 0-1/10', '01', { 'Last-Modified': MODIFIED })
      : ok({ 'Last-Modified': MODIFIED }),
  )
  const etag = `"${(Date.parse(MODIFIED) / 1000).toString(16)}-a"`
  expect((await backend.get('a'))?.etag).toBe(etag)
  expect((await backend.head('a'))?.etag).toBe(etag)
  expect((await backend.get('a', { range: { offset: 0, length: 2 } }))?.etag).toBe(etag)
})

it('returns no size, no digest and only a weak ETag for a body that is decoded', async () => {
  const headers = { 'Content-Encoding': 'gzip', ETag: '"abc"', 'Content-MD5': 'CY9rzUYh03PK3k6DJie09g==' }
  const { backend } = backendOf(() => ok(headers))
  const info = { name: 'a', backend: 'old', etag: 'W/"abc"' }
  expect(await backend.head('a')).toMatchObject(info)
  expect(Object.keys((await backend.head('a')) ?? {})).not.toContain('size')
  expect(Object.keys((await backend.head('a')) ?? {})).not.toContain('digests')
  expect((await backend.head('a'))?.contentEncoding).toBeUndefined()
})

it('keeps a coding that is not decoded', async () => {
  const { backend } = backendOf(() => ok({ 'Content-Encoding': 'zstd', ETag: '"abc"' }))
  expect(await backend.head('a')).toMatchObject({ contentEncoding: 'zstd', size: 10, etag: '"abc"' })
})

it('returns no size for a chunked body, even with a Content-Length', async () => {
  const { backend } = backendOf(() => ok({ 'Transfer-Encoding': 'chunked' }))
  expect((await backend.head('a'))?.size).toBeUndefined()
})

describe('a status', () => {
  it.each([404, 410])('%i proves absence', async (status) => {
    const { backend } = backendOf(() => new Response('gone', { status }))
    expect(await backend.get('a')).toBeNull()
    expect(await backend.get('a', { range: { offset: 1 } })).toBeNull()
    expect(await backend.head('a')).toBeNull()
  })

  it.each([
    [400, 'unavailable'],
    [401, 'denied'],
    [403, 'denied'],
    [429, 'unavailable'],
    [451, 'unavailable'],
    [500, 'unavailable'],
    [503, 'unavailable'],
    [508, 'loop'],
  ])('%i is a failure: %s', async (status, code) => {
    const { backend } = backendOf(() => new Response('sorry', { status }))
    const failure = { code, status, backend: 'old' }
    await expect(backend.get('a')).rejects.toMatchObject(failure)
    await expect(backend.head('a')).rejects.toMatchObject(failure)
  })

  it.each([204, 304])('%i is a failure, not an empty object', async (status) => {
    const { backend } = backendOf(() => new Response(null, { status }))
    await expect(backend.get('a')).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('can be configured to prove absence', async () => {
    const { backend } = backendOf(() => new Response(null, { status: 403 }), { absentStatuses: [403] })
    expect(await backend.head('a')).toBeNull()
    const strict = backendOf(() => new Response(null, { status: 404 }), { absentStatuses: [403] })
    await expect(strict.backend.head('a')).rejects.toMatchObject({ code: 'unavailable', status: 404 })
  })

  it('comes with the time until the origin may be tried again', async () => {
    const { backend } = backendOf(() => new Response(null, { status: 503, headers: { 'Retry-After': '7' } }))
    await expect(backend.get('a')).rejects.toMatchObject({ retryAfter: 7000 })
  })

  it('cancels the body of a failure', async () => {
    let cancelled = false
    const body = new ReadableStream({ cancel: () => void (cancelled = true) })
    const { backend } = backendOf(() => new Response(body, { status: 500 }))
    await expect(backend.get('a')).rejects.toMatchObject({ status: 500 })
    expect(cancelled).toBe(true)
  })
})

it('turns a network error into a failure that names no address', async () => {
  const { backend } = backendOf(() => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.1:80')))
  const failure = await backend.get('a').catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'unavailable', backend: 'old' })
  expect(String(failure)).not.toContain('10.0.0.1')
})

describe('HEAD that the origin does not know', () => {
  it('is a request for one byte, and nothing else from then on', async () => {
    const { backend, requests } = backendOf((request) =>
      request.method === 'HEAD' ? new Response(null, { status: 405 }) : partial('bytes 0-0/10', '0'),
    )
    expect(await backend.head('a')).toMatchObject({ size: 10 })
    expect(await backend.head('b')).toMatchObject({ size: 10 })
    expect(requests.map(({ method }) => method)).toEqual(['HEAD', 'GET', 'GET'])
  })

  it('finds an empty object, which has no byte to request', async () => {
    const { backend } = backendOf((request) => {
      if (request.method === 'HEAD') return new Response(null, { status: 501 })
      return request.headers.has('Range') ? new Response(null, { status: 416 }) : ok({}, '')
    })
    expect(await backend.head('a')).toMatchObject({ size: 0 })
  })

  it('reports absence', async () => {
    const { backend } = backendOf(
      ({ method }) => new Response(null, { status: method === 'HEAD' ? 405 : 404 }),
    )
    expect(await backend.head('a')).toBeNull()
  })
})

describe('an HTML page', () => {
  const page = () => ok({ 'Content-Type': 'text/html; charset=utf-8' })

  it.each(['a.jpg', 'b/c.MP4', 'd.svg'])('for %s is a failure', async (name) => {
    const { backend } = backendOf(page)
    const failure = { code: 'unavailable', message: expect.stringContaining('HTML') }
    await expect(backend.get(name)).rejects.toMatchObject(failure)
    await expect(backend.head(name)).rejects.toMatchObject(failure)
  })

  it.each(['a.html', 'docs/', 'a', 'a.jpg/about'])('for %s is the object', async (name) => {
    expect(await backendOf(page).backend.head(name)).toMatchObject({ size: 10 })
  })

  it('is accepted if the check is off', async () => {
    const { backend } = backendOf(page, { checkType: false })
    expect(await backend.head('a.jpg')).toMatchObject({ size: 10 })
  })
})

it('has URLs at the origin, unless it is behind a binding', async () => {
  const url = 'https://origin.example/m'
  const base = 'https://media.example/files/'
  expect(await httpBackend('old', { url }).url?.('a b', { base })).toBe('https://origin.example/m/a%20b')
  expect(httpBackend('old', { url, fetcher: { fetch: async () => ok() } }).url).toBeUndefined()
})

it('requests the path from a binding without a URL', async () => {
  const urls: string[] = []
  const fetcher = { fetch: async (url: string) => (urls.push(url), ok()) }
  await httpBackend('assets', { fetcher }).get('a/b')
  expect(urls.map((url) => new URL(url).pathname)).toEqual(['/a/b'])
})
