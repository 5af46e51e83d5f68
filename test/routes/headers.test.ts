import { reset } from 'cloudflare:test'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answering, bucketWith, type CallInit, fill, KV, media, OLD, R2, startApp } from '../kit/app.ts'

const REFUSING = { limit: () => Promise.resolve({ success: false }) }

/** What the response says besides what was asked for; times are left out. */
async function described(response: Response) {
  await response.body?.cancel()
  const { status, headers } = response
  return {
    status,
    nosniff: headers.get('X-Content-Type-Options') === 'nosniff',
    caching: headers.get('Cache-Control'),
    cacheStatus: headers.get('Cache-Status'),
    timing: headers.get('Server-Timing')?.replace(/dur=[\d.]+/g, 'dur'),
  }
}

const no = { nosniff: true, caching: 'no-store' }
const untried = { ...no, cacheStatus: 'fallback-storage', timing: undefined }
const written = {
  ...no,
  cacheStatus: 'fallback-storage; fwd=method; detail=media',
  timing: 'media;dur;desc=hit',
}

describe('the headers that every media response has', () => {
  const { call } = startApp({ FALLBACK_STORAGES: [R2, KV] })
  const token = startApp({ MEDIA_ACCESS: 'token' })
  const limited = startApp({ RATE_LIMITER: REFUSING })
  beforeAll(() => fill(media, { 'a.txt': 'a' }))
  afterAll(() => reset())

  const READ = {
    nosniff: true,
    cacheStatus: 'fallback-storage; hit; detail=media',
    timing: 'media;dur;desc=hit',
  }
  const PUT: CallInit = { method: 'PUT', body: 'bytes' }

  it.each<[string, CallInit, string, object]>([
    ['a GET', {}, 'a.txt', { status: 200, ...READ, caching: 'public, max-age=3600' }],
    [
      'a 304',
      { headers: { 'If-None-Match': '*' } },
      'a.txt',
      { status: 304, ...READ, caching: 'public, max-age=3600' },
    ],
    ['a 416', { headers: { Range: 'bytes=9-' } }, 'a.txt', { status: 416, ...READ, caching: 'no-store' }],
    ['a PUT', PUT, 'new', { status: 201, ...written }],
    ['a second PUT', PUT, 'a.txt', { status: 204, ...written }],
    [
      'a PUT whose condition fails',
      { ...PUT, headers: { 'If-Match': '"other"' } },
      'a.txt',
      { status: 412, ...written },
    ],
    ['a DELETE', { method: 'DELETE' }, 'gone', { status: 204, ...written }],
    [
      'a PUT whose digest differs',
      { ...PUT, headers: { 'Content-MD5': 'AAAAAAAAAAAAAAAAAAAAAA==' } },
      'a.txt',
      { status: 400, ...written },
    ],
    [
      'a DELETE whose condition fails',
      { method: 'DELETE', headers: { 'If-Match': '"other"' } },
      'a.txt',
      { status: 412, ...written },
    ],
    ['an unauthorized PUT', { ...PUT, token: null }, 'a.txt', { status: 401, ...untried }],
    ['a method that media do not have', { method: 'POST' }, 'a.txt', { status: 405, ...untried }],
    ['OPTIONS', { method: 'OPTIONS' }, 'a.txt', { status: 204, ...untried }],
    ['an invalid name', {}, 'a%00', { status: 400, ...untried }],
    ['the root', {}, '', { status: 404, ...untried }],
    ['a page for a browser', { headers: { Accept: 'text/html' } }, 'a%00', { status: 400, ...untried }],
  ])('%s', async (_title, init, path, expected) => {
    expect(await described(await call(`/${path}`, init))).toEqual(expected)
  })

  it('those that were refused before their route', async () => {
    expect(await described(await token.call('/a.txt', { token: null }))).toEqual({ status: 401, ...untried })
    expect(await described(await limited.call('/a.txt'))).toEqual({ status: 429, ...untried })
  })

  it('also where the request came back to where it began, and pages of other origins can read that', async () => {
    const { call, deployment } = startApp({ MEDIA_CORS_ORIGINS: '*' })
    const response = await call('/a.txt', { headers: { 'Fallback-Storage-Via': deployment.id } })
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(await described(response)).toEqual({ status: 508, ...untried })
  })

  it('responses of the JSON API have no Cache-Status unless they are about a read of the object', async () => {
    expect((await described(await call('/-/api/open/a.txt'))).cacheStatus).toContain('hit')
    expect((await described(await call('/-/api/open/none'))).cacheStatus).toBe(
      'fallback-storage; fwd=uri-miss',
    )
    for (const path of ['size/a.txt', 'size/none', 'nothing'])
      expect(await described(await call(`/-/api/${path}`))).toMatchObject({ ...no, cacheStatus: null })
  })
})

describe('a write that fails', () => {
  afterAll(() => reset())
  const fail = () => Promise.reject(new Error('We encountered an internal error. Please try again. (10001)'))
  const FALLBACK_STORAGES = [R2, { ...KV, read_only: false }]
  const MEDIA = bucketWith({ put: fail, delete: fail })

  it.each(['PUT', 'DELETE'])('names the backend that failed: %s', async (method) => {
    const { call } = startApp({ FALLBACK_STORAGES, MEDIA })
    const init = { method, ...(method === 'PUT' && { body: 'bytes' }) }
    expect(await described(await call('/a.txt', init))).toEqual({
      status: 502,
      ...no,
      cacheStatus: 'fallback-storage; fwd=method',
      timing: 'media;dur;desc=error',
    })
  })

  it('does not blame it for a condition that a fallback cannot decide', async () => {
    const down = answering(() => new Response(null, { status: 503 }))
    const { call } = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: down })
    const init = { method: 'PUT', body: 'bytes', headers: { 'If-None-Match': '*' } }
    expect(await described(await call('/conditional', init))).toMatchObject({
      status: 502,
      timing: 'media;dur;desc=hit',
    })
  })

  it.each(['PUT', 'DELETE'])('asks no fallback because of an If-Modified-Since: %s', async (method) => {
    const down = answering(() => new Response(null, { status: 503 }))
    const { call } = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: down })
    const headers = { 'If-Modified-Since': 'Wed, 01 May 2024 12:00:00 GMT' }
    const init = { method, headers, ...(method === 'PUT' && { body: 'bytes' }) }
    expect((await call('/conditional', init)).ok).toBe(true)
    expect(down.requests).toEqual([])
  })

  it('names each backend that was tried, where plain deletes go on to the next', async () => {
    const { call } = startApp({ FALLBACK_STORAGES, MEDIA, FALLBACK_DELETES: 'first' })
    expect(await described(await call('/a.txt', { method: 'DELETE' }))).toEqual({
      status: 204,
      ...no,
      cacheStatus: 'fallback-storage; fwd=method; detail=media_kv',
      timing: 'media;dur;desc=error, media_kv;dur;desc=hit',
    })
  })
})
