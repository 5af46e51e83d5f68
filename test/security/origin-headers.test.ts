import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Origin, startOrigin } from '../kit/origin/origin.ts'
import { sendRaw } from '../kit/origin/spoil.ts'
import { exchange, rawRequest, type RawResponse, send } from '../kit/servers/raw-http.ts'
import { expectNoLeak, R2, startTarget, type Target } from './attack.ts'

let origin: Origin
let http: Target
let s3: Target

beforeAll(async () => {
  origin = await startOrigin()
  const vars = {
    FALLBACK_DATA_MIGRATION: 'true',
    FALLBACK_NEGATIVE_CACHE_SECONDS: '0',
    LEGACY_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    LEGACY_SECRET_ACCESS_KEY: 'the-secret-key',
  }
  const bucket = { type: 's3', name: 'legacy', endpoint: origin.url, bucket: 'media', credentials: 'LEGACY' }
  ;[http, s3] = await Promise.all([
    startTarget({ storages: [R2, { type: 'http', name: 'old', url: origin.url }], vars }, {}),
    startTarget({ storages: [R2, bucket], vars }, {}),
  ])
})
afterAll(() => Promise.all([http.close(), s3.close(), origin.close()]))

let count = 0
/** The Worker's answer for a name of its own about which the origin answers these lines. */
async function answerTo(
  target: Target,
  lines: readonly string[],
  method = 'GET',
): Promise<RawResponse & { name: string }> {
  const name = `n${count++}.txt`
  const head = ['HTTP/1.1 200 OK', 'Content-Length: 5', ...lines, 'Connection: close', '', ''].join('\r\n')
  await origin.set('*', (sent) =>
    sendRaw(sent, head, Buffer.from(sent.request.method === 'HEAD' ? '' : 'hello')),
  )
  return { ...(await send(target.url, { method, target: `/${name}` })), name }
}

const both = ['http', 's3'] as const
const targetOf = (type: 'http' | 's3'): Target => (type === 'http' ? http : s3)

/** What an origin may not set for the site. */
const NOT_PASSED = [
  'Set-Cookie: session=evil',
  'Server: evil',
  'X-Powered-By: evil',
  'Via: 1.1 evil',
  'Location: https://evil.example/',
  'Refresh: 0; url=https://evil.example/',
  'Link: <https://evil.example/a.js>; rel=preload',
  'Access-Control-Allow-Origin: https://evil.example',
  'Access-Control-Allow-Credentials: true-evil',
  'Content-Security-Policy: default-src evil',
  'X-Frame-Options: ALLOW-FROM evil',
  'Strict-Transport-Security: max-age=0; evil',
  'Public-Key-Pins: evil',
  'Clear-Site-Data: "evil"',
  'Service-Worker-Allowed: /evil',
  'SourceMap: /evil.map',
  'Alt-Svc: h3="evil.example:443"',
  'WWW-Authenticate: Basic realm="evil"',
  'Proxy-Authenticate: Basic realm="evil"',
  'Authorization: evil',
  'Report-To: {"endpoints":[{"url":"https://evil.example/"}]}',
  'NEL: {"report_to":"evil"}',
  'Accept-CH: evil',
  'Critical-CH: evil',
  'Cross-Origin-Opener-Policy: evil',
  'Permissions-Policy: evil',
  'Upgrade: evil',
  'Trailer: evil',
  'Keep-Alive: evil',
  'Vary: evil',
  'Allow: evil',
  'Retry-After: 999',
  'Cache-Status: evil',
  'Server-Timing: evil',
  'CF-Cache-Status: evil',
  'Cloudflare-CDN-Cache-Control: evil',
  'CDN-Cache-Control: evil',
  'Surrogate-Control: evil',
  'Cache-Tag: evil',
  'X-Accel-Redirect: /evil',
  'X-Sendfile: /evil',
  'X-XSS-Protection: evil',
  'x-amz-version-id: evil',
  'x-amz-website-redirect-location: https://evil.example/',
  'x-amz-meta-fallback-storage-deleted: 2024-05-01T12:00:00.000Z',
  'x-amz-meta-fallback-storage-source: evil',
]

/** In S3, the mark of a tombstone is one: a server that says so might as well answer 404. */
const linesFor = (type: 'http' | 's3'): string[] =>
  NOT_PASSED.filter((line) => type === 'http' || !line.includes('-storage-deleted'))

it.each(both)('an answer of %s sets nothing for the site, nor does its copy', async (type) => {
  const target = targetOf(type)
  const { status, headers, body, name } = await answerTo(target, linesFor(type))
  expect([status, body]).toEqual([200, 'hello'])
  const refused = NOT_PASSED.map((line) => line.slice(0, line.indexOf(':')).toLowerCase())
  const own = ['cache-status', 'server-timing']
  const passed = headers.map(([header]) => header.toLowerCase()).filter((header) => !own.includes(header))
  expect(passed.filter((header) => refused.includes(header))).toEqual([])
  expect(headers.flat().filter((text) => /evil/.test(text))).toEqual([])
  await target.copied(name, 'copied')
  const copy = await target.bucket.head(name)
  expect(JSON.stringify([copy?.httpMetadata, copy?.customMetadata])).not.toContain('evil')
  expect(copy?.customMetadata).not.toHaveProperty('fallback-storage-deleted')
})

const x = (length: number): string => 'x'.repeat(length)
const OVERSIZED: [string, string[]][] = [
  ['a type of 10 KB', [`Content-Type: ${x(10_000)}`]],
  ['a disposition of 10 KB', [`Content-Disposition: attachment; filename="${x(10_000)}"`]],
  ['a Cache-Control of 20 KB', [`Cache-Control: ${x(20_000)}`]],
  ['an ETag of 10 KB', [`ETag: "${x(10_000)}"`]],
  ['metadata of 10 KB', [`x-amz-meta-note: ${x(10_000)}`]],
  ['a name of metadata of 10 KB', [`x-amz-meta-${x(10_000)}: 1`]],
  ['a thousand metadata', Array.from({ length: 1000 }, (_, index) => `x-amz-meta-${index}: evil`)],
  ['one metadata a thousand times', Array.from({ length: 1000 }, () => 'x-amz-meta-note: evil evil')],
  [
    'a language of a thousand lines',
    Array.from({ length: 1000 }, (_, index) => `Content-Language: evil${index}`),
  ],
]

describe.each(both)('an object that %s describes in', (type) => {
  it.each(OVERSIZED)('%s is a clear failure, and not stored', async (_, lines) => {
    for (const method of ['GET', 'HEAD']) {
      const response = await answerTo(targetOf(type), lines, method)
      expect(response.status).toBe(502)
      if (method === 'GET') expect(response.body).toContain('more than 8192 bytes of headers')
      expect(JSON.stringify(response.headers).length).toBeLessThan(2000)
      expectNoLeak(response)
      expect(await targetOf(type).bucket.head(response.name)).toBeNull()
    }
  })

  it.each([
    ['a megabyte of another header', [`X-Other: ${x(1_000_000)}`]],
    ['20 000 other headers', Array.from({ length: 20_000 }, (_, index) => `X-${index}: evil`)],
    ['a thousand cookies', Array.from({ length: 1000 }, (_, index) => `Set-Cookie: c${index}=evil`)],
  ])('%s reaches the client bounded', async (_, lines) => {
    const response = await answerTo(targetOf(type), lines)
    expect([200, 502]).toContain(response.status)
    expect(JSON.stringify(response.headers).length).toBeLessThan(2000)
    expect(JSON.stringify(response.headers)).not.toContain('evil')
  })
})

/** Values that are no dates, numbers or tags, of which none may break the answer. */
const MALFORMED: [string, string[]][] = [
  ['a Last-Modified in the year 10⁶', ['Last-Modified: Fri, 01 Jan 1000000 00:00:00 GMT']],
  ['a Last-Modified before time', ['Last-Modified: Thu, 01 Jan 0000 00:00:00 GMT']],
  ['a Last-Modified that is text', ['Last-Modified: evil']],
  ['two Last-Modified', ['Last-Modified: Wed, 01 May 2024 12:00:00 GMT', 'Last-Modified: evil']],
  ['an Expires of 0', ['Expires: 0']],
  ['an ETag without quotes', ['ETag: evil evil']],
  ['an ETag with quotes in it', ['ETag: "a"b"']],
  ['two ETags', ['ETag: "a"', 'ETag: "b"']],
  [
    'a digest that is none',
    ['Repr-Digest: sha-256=:evil:', 'Content-MD5: evil', 'x-amz-checksum-sha256: evil'],
  ],
  ['a type with a script', ['Content-Type: <script>alert(1)</script>']],
  ['two types', ['Content-Type: image/png', 'Content-Type: text/html']],
  ['bytes above ASCII', ['Content-Disposition: inline; filename="\xff\xfe.txt"']],
  ['encoded words', ['x-amz-meta-note: =?utf-8?q?a=0D=0Ab?=', 'x-amz-meta-other: =?x?b?////?=']],
  ['metadata named __proto__', ['x-amz-meta-__proto__: evil', 'x-amz-meta-constructor: evil']],
  ['a Content-Range in a 200', ['Content-Range: bytes 0-4/5']],
  ['a Retry-After of 10²⁰', ['Retry-After: 100000000000000000000']],
]

describe.each(both)('malformed headers of %s', (type) => {
  it.each(MALFORMED)('%s do no harm', async (_, lines) => {
    const response = await answerTo(targetOf(type), lines)
    expect([200, 502]).toContain(response.status)
    if (response.status === 200) expect(response.body).toBe('hello')
    expect(response.headers.map(([name]) => name.toLowerCase())).not.toContain('x-injected')
    if (
      !/^(?:image\/png|text\/plain)$/.test(response.header('Content-Type') ?? '') &&
      response.status === 200
    )
      expect(response.header('Content-Security-Policy')).toBe('sandbox')
    expectNoLeak(response)
  })
})

describe('an answer that is no HTTP', () => {
  it.each([
    ['nothing', ''],
    ['text', 'hello\r\n'],
    ['a status of 999', 'HTTP/1.1 999 Evil\r\nContent-Length: 0\r\n\r\n'],
    ['a status of 99', 'HTTP/1.1 99 Evil\r\nContent-Length: 0\r\n\r\n'],
    ['an endless status line', `HTTP/1.1 200 ${x(200_000)}`],
    [
      'two responses',
      'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nHTTP/1.1 200 OK\r\nX-Injected: 1\r\n\r\n',
    ],
    ['lengths that differ', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'],
    ['a bare CR', 'HTTP/1.1 200 OK\r\nX-A: b\rX-Injected: 1\r\nContent-Length: 5\r\n\r\nhello'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nX-A: b\r\n X-Injected: 1\r\nContent-Length: 5\r\n\r\nhello'],
    ['a NUL', 'HTTP/1.1 200 OK\r\nETag: "a\0b"\r\nContent-Length: 5\r\n\r\nhello'],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'],
    ['endless interim responses', 'HTTP/1.1 103 Early Hints\r\nX-Injected: 1\r\n\r\n'.repeat(100)],
  ])('%s is a failure that says no more', async (_, bytes) => {
    await origin.set('*', (sent) => sendRaw(sent, bytes))
    const request = rawRequest(http.url, { target: `/n${count++}.txt` })
    const next = rawRequest(http.url, { target: '/-/health' })
    const { responses } = await exchange(http.url, request + next, { count: 2 })
    expect(responses.map(({ status }) => status)).toEqual([502, 200])
    expect(JSON.stringify(responses)).not.toMatch(/injected|evil/i)
    for (const response of responses) expectNoLeak(response, ['127.0.0.1', new URL(origin.url).port])
  })
})
