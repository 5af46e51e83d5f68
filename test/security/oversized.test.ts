import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RawRequest, send } from '../kit/servers/raw-http.ts'
import {
  type Attack,
  AUTHORIZED,
  expectNoLeak,
  itWithstands,
  R2,
  startTarget,
  type Target,
} from './attack.ts'

let target: Target
beforeAll(async () => {
  target = await startTarget({
    storages: [R2, { type: 'kv', binding: 'MEDIA_KV', read_only: true }],
    vars: { MEDIA_MAX_UPLOAD_BYTES: '100000', MEDIA_CORS_ORIGINS: '*' },
  })
})
afterAll(() => target.close())

const KIB = 1024
const x = (count: number): string => 'x'.repeat(count)

const get = (name: string, path: string, status: number, headers: [string, string][] = []): Attack => ({
  name,
  sends: { target: path, headers: [AUTHORIZED, ...headers] },
  status,
})
const post = (name: string, path: string, body: string, status: number): Attack => ({
  name,
  sends: { method: 'POST', target: `/-/api/${path}`, headers: [AUTHORIZED], body },
  status,
})
const put = (name: string, headers: [string, string][], status: number, body = 'x'): Attack => ({
  name,
  sends: { method: 'PUT', target: '/b.txt', headers: [AUTHORIZED, ...headers], body },
  status,
})
const many = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join(',')

describe('a URL', () => {
  itWithstands(
    () => target,
    [
      get('a name of 16 KiB', `/${x(16 * KIB)}`, 400),
      get('a name of 16 KiB in escapes', `/${'%78'.repeat(16 * KIB)}`, 400),
      get('a name of 5000 directories', `/${'x/'.repeat(5000)}y`, 400),
      get('a query of 32 KiB', `/a.txt?${x(32 * KIB)}`, 200),
      get('a thousand parameters', `/-/api/list/?${many(1000, (i) => `p${i}=1`).replaceAll(',', '&')}`, 200),
      get('a thousand limits', `/-/api/list/?${'limit=1&'.repeat(1000)}`, 200),
      get('a cursor of 32 KiB', `/-/api/list/?cursor=${x(32 * KIB)}`, 400),
      get(
        'a cursor of 32 KiB for a job',
        `/-/api/backfills/01hzzzzzzzzzzzzzzzzzzzzzzz/failures?cursor=${'9'.repeat(32 * KIB)}`,
        400,
      ),
      get('a prefix of 2 KiB of tombstones', `/-/api/tombstones?prefix=${x(2 * KIB)}`, 400),
      get('a prefix of 1024 characters and 2 KiB', `/-/api/tombstones?prefix=${'%c3%a9'.repeat(1024)}`, 400),
      get('an id of 16 KiB', `/-/api/backfills/${x(16 * KIB)}`, 404),
      get('a kind of 16 KiB', `/-/api/verifications/x/differences?kind=${x(16 * KIB)}`, 400),
      get('a limit of 1 KiB', `/-/api/list/?limit=${'9'.repeat(KIB)}`, 400),
      get('a limit of 10¹²', '/-/api/list/?limit=1000000000000', 400),
      get('a limit below 0', '/-/api/list/?limit=-1', 400),
      get('a limit that is no number', '/-/api/list/?limit=NaN', 400),
      get('a limit in exponents', '/-/api/list/?limit=1e3', 400),
      get('an expiry of 10⁹', '/-/api/url/a.txt?expires_in=1000000000', 400),
      get('an expiry of 0', '/-/api/url/a.txt?expires_in=0', 400),
    ],
  )

  it('of 200 KB is refused by the runtime', async () => {
    expect((await send(target.url, { target: `/${x(200_000)}` })).status).toBe(414)
  })
})

describe('headers', () => {
  itWithstands(
    () => target,
    [
      get('one of 64 KiB', '/a.txt', 200, [['X-Large', x(64 * KIB)]]),
      get('a name of 16 KiB', '/a.txt', 200, [[x(16 * KIB), 'x']]),
      get(
        'two thousand',
        '/a.txt',
        200,
        Array.from({ length: 2000 }, (_, i): [string, string] => [`X-${i}`, 'x']),
      ),
      get('a cookie of 64 KiB', '/a.txt', 200, [['Cookie', x(64 * KIB)]]),
      get('five thousand ranges', '/a.txt', 200, [['Range', `bytes=${many(5000, (i) => `${i}-${i}`)}`]]),
      get('overlapping ranges', '/a.txt', 200, [['Range', `bytes=${many(5000, () => '0-')}`]]),
      get('a range of 1000 digits', '/a.txt', 206, [['Range', `bytes=0-${'9'.repeat(1000)}`]]),
      get('a range from 10²⁰', '/a.txt', 416, [['Range', 'bytes=100000000000000000000-']]),
      get('a suffix of 10³⁰', '/a.txt', 206, [['Range', `bytes=-${'9'.repeat(30)}`]]),
      get('a range of spaces', '/a.txt', 200, [['Range', `bytes=${' '.repeat(30_000)}x`]]),
      get('five thousand ETags', '/a.txt', 200, [['If-None-Match', many(5000, (i) => `"${i}"`)]]),
      get('an ETag without an end', '/a.txt', 200, [['If-None-Match', `"${x(60_000)}`]]),
      get('an If-None-Match of commas', '/a.txt', 200, [['If-None-Match', ','.repeat(60_000)]]),
      get('an If-Match of quotes', '/a.txt', 412, [['If-Match', '"'.repeat(60_001)]]),
      get('an If-Modified-Since of 60 KB', '/a.txt', 200, [['If-Modified-Since', x(60_000)]]),
      get('a date in the year 999999', '/a.txt', 200, [
        ['If-Modified-Since', 'Fri, 01 Jan 999999 00:00:00 GMT'],
      ]),
      get('an Accept of 60 KB', '/absent', 404, [['Accept', many(6000, (i) => `a/b${i}`)]]),
      get('a Via of 10 000 Workers', '/a.txt', 508, [['Fallback-Storage-Via', many(6000, () => '00000000')]]),
      put('a Content-Type of 16 KiB', [['Content-Type', x(16 * KIB)]], 413),
      put('a Content-Disposition of 16 KiB', [['Content-Disposition', x(16 * KIB)]], 413),
      put('metadata of 3 KB', [['x-amz-meta-note', x(3000)]], 413),
      put('metadata under a name of 3 KB', [[`x-amz-meta-${x(3000)}`, '1']], 413),
      put(
        'a thousand metadata',
        Array.from({ length: 1000 }, (_, i): [string, string] => [`x-amz-meta-${i}`, 'x']),
        413,
      ),
      put('a digest of 16 KiB', [['Content-MD5', x(16 * KIB)]], 400),
      put('a Repr-Digest of 6000 digests', [['Repr-Digest', many(6000, (i) => `sha-${i}=:AAAA:`)]], 400),
      put(
        'an Expires of 16 KiB',
        [
          ['Expires', x(16 * KIB)],
          ['If-Match', '"none"'],
        ],
        412,
      ),
      {
        name: 'a chunked body over the limit',
        sends: {
          method: 'PUT',
          target: '/b.txt',
          headers: [AUTHORIZED, ['Transfer-Encoding', 'chunked']],
          body: `186a1\r\n${x(100_001)}\r\n0\r\n\r\n`,
        },
        status: 413,
      },
    ],
  )

  it('asked for by a preflight come back bounded', async () => {
    const asked = many(3000, (i) => `x-amz-meta-${i}`)
    const headers: RawRequest['headers'] = [
      ['Origin', 'https://www.example.com'],
      ['Access-Control-Request-Headers', asked],
    ]
    const response = await send(target.url, { method: 'OPTIONS', target: '/a.txt', headers })
    expect(response.status).toBe(204)
    expect(response.headers.flat().join('').length).toBeLessThan(8 * KIB)
  })

  it('before a body over the limit come with 413', async () => {
    const request = { method: 'PUT', target: '/b.txt', headers: [AUTHORIZED], body: x(100_001) }
    expect((await send(target.url, request)).status).toBe(413)
    expect(await target.bucket.head('b.txt')).toBeNull()
  })

  it('with a length beyond the limit are answered before a byte of the body', async () => {
    const headers = [AUTHORIZED, ['Content-Length', '4000000000'], ['Expect', '100-continue']] as const
    const response = await send(target.url, { method: 'PUT', target: '/b.txt', headers, body: '' })
    expect(response.status).toBe(413)
  })
})

describe('JSON', () => {
  const names = (count: number): string =>
    JSON.stringify({ names: Array.from({ length: count }, (_, i) => `n${i}`) })
  itWithstands(
    () => target,
    [
      post('101 names', 'exists', names(101), 400),
      post('50 000 names', 'exists', names(50_000), 400),
      post('a name of 100 KB', 'exists', JSON.stringify({ names: [x(100_000)] }), 400),
      post('more than a MiB', 'exists', JSON.stringify({ names: [x(KIB * KIB)] }), 413),
      post('more than a MiB of spaces', 'exists', ' '.repeat(KIB * KIB + 1), 413),
      post(
        'arrays in 100 000 arrays',
        'exists',
        `{"names":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
        400,
      ),
      post(
        'objects in 100 000 objects',
        'exists',
        `${'{"names":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
        400,
      ),
      post('100 000 open brackets', 'exists', '['.repeat(100_000), 400),
      post('100 000 keys', 'exists', `{${many(60_000, (i) => `"k${i}":1`)}}`, 400),
      post('a number of 100 000 digits', 'tombstones/purge', `{"limit":${'9'.repeat(100_000)}}`, 400),
      post('1e999', 'tombstones/purge', '{"limit":1e999}', 400),
      post('a limit of 10⁹', 'tombstones/purge', '{"limit":1000000000}', 400),
      post('a negative limit', 'tombstones/purge', '{"limit":-1}', 400),
      post('a fraction', 'tombstones/purge', '{"limit":1.5}', 400),
      post('a prefix of 100 KB', 'tombstones/purge', JSON.stringify({ prefix: x(100_000) }), 400),
      post('a prefix of half a character', 'tombstones/purge', String.raw`{"prefix":"\ud800"}`, 400),
      post('a prefix of half a character for a backfill', 'backfills', String.raw`{"prefix":"\udc00"}`, 400),
      post(
        'a prefix of half a character for a verification',
        'verifications',
        String.raw`{"prefix":"\ud83d"}`,
        400,
      ),
      post('a concurrency of 10⁹', 'backfills', '{"max_concurrency":1000000000}', 400),
      post('a rate of 10⁹', 'backfills', '{"max_per_second":1000000000}', 400),
      post(
        '10 000 backends',
        'backfills',
        JSON.stringify({ backends: Array.from({ length: 10_000 }, () => 'x') }),
        400,
      ),
      post('a backend’s name of 100 KB', 'backfills', JSON.stringify({ backends: [x(100_000)] }), 400),
      post(
        '10 000 accepted reasons',
        'verifications',
        JSON.stringify({ accept: Array.from({ length: 10_000 }, () => 'x') }),
        400,
      ),
      post('__proto__', 'exists', '{"names":[],"__proto__":{"admin":true}}', 400),
      post('constructor', 'exists', '{"names":[],"constructor":{"prototype":{"admin":true}}}', 400),
      post('null', 'exists', 'null', 400),
      post('an array', 'exists', '[]', 400),
      post('a byte order mark alone', 'exists', '\xef\xbb\xbf', 400),
      post('no UTF-8', 'exists', '{"names":["\xff"]}', 400),
      post('UTF-16', 'exists', '\xff\xfe{\0}\0', 400),
      post('half a document', 'exists', '{"names":["a"', 400),
      post('comments', 'exists', '{"names":[]/**/}', 400),
    ],
  )

  it('of more than 128 KiB is read of nobody who is not signed in', async () => {
    const body = JSON.stringify({ names: [x(130 * KIB)] })
    const response = await send(target.url, { method: 'POST', target: '/-/api/exists', body })
    expect(response.status).toBe(413)
    expectNoLeak(response)
  })

  it('errors stay short however long the input was', async () => {
    for (const body of [JSON.stringify({ backends: [x(100_000)] }), `{"${x(100_000)}":1}`]) {
      const request = { method: 'POST', target: '/-/api/backfills', headers: [AUTHORIZED], body }
      const response = await send(target.url, request)
      expect(response.status).toBe(400)
      expect(response.body.length).toBeLessThan(4 * KIB)
      expectNoLeak(response)
    }
  })
})
