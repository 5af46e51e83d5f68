import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Origin, startOrigin } from '../kit/origin/origin.ts'
import { type RawRequest, type RawResponse, send } from '../kit/servers/raw-http.ts'
import { startVerbatimServer } from '../kit/servers/verbatim-server.ts'
import { AUTHORIZED, startTarget, type Target } from './attack.ts'

let origin: Origin
let bucket: Awaited<ReturnType<typeof startVerbatimServer>>
let target: Target

beforeAll(async () => {
  ;[origin, bucket] = await Promise.all([startOrigin(), startVerbatimServer()])
  const s3 = {
    type: 's3',
    name: 'primary',
    endpoint: bucket.url,
    bucket: 'media',
    credentials: 'PRIMARY',
    read_only: false,
  }
  const http = { type: 'http', name: 'old', url: origin.url, headers: { 'X-Origin-Key': '$ORIGIN_KEY' } }
  target = await startTarget(
    {
      storages: [s3, http],
      vars: {
        PRIMARY_ACCESS_KEY_ID: 'AKIDEXAMPLE',
        PRIMARY_SECRET_ACCESS_KEY: 'the-secret-key',
        ORIGIN_KEY: 'the-origin-key',
        FALLBACK_NEGATIVE_CACHE_SECONDS: '0',
      },
    },
    {},
  )
  origin.add('a.txt', 'hello')
})
afterAll(() => Promise.all([target.close(), origin.close(), bucket.close()]))

/** Headers that would matter to an origin or to S3, each with a value that is recognised. */
const HOSTILE: [string, string][] = [
  AUTHORIZED as [string, string],
  ['Cookie', 'session=evil'],
  ['Proxy-Authorization', 'Basic evil'],
  ['X-Origin-Key', 'evil'],
  ['X-Forwarded-For', '127.0.0.1, evil'],
  ['X-Forwarded-Host', 'evil.example'],
  ['X-Real-IP', 'evil'],
  ['Forwarded', 'for=evil'],
  ['CF-Connecting-IP', 'evil'],
  ['CF-Access-Jwt-Assertion', 'evil'],
  ['User-Agent', 'evil'],
  ['Referer', 'https://evil.example/'],
  ['Origin', 'https://evil.example'],
  ['Accept', 'evil/evil'],
  ['Accept-Language', 'evil'],
  ['Accept-Encoding', 'gzip, evil'],
  ['Cache-Control', 'no-evil'],
  ['Pragma', 'evil'],
  ['Via', '1.1 evil'],
  ['From', 'evil@evil.example'],
  ['TE', 'trailers'],
  ['Max-Forwards', '0'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['X-Original-URL', '/evil'],
  ['x-amz-acl', 'public-read-evil'],
  ['x-amz-copy-source', '/media/evil'],
  ['x-amz-security-token', 'evil'],
  ['x-amz-date', '20000101T000000Z'],
  ['x-amz-content-sha256', 'evil'],
  ['x-amz-user-agent', 'evil'],
  ['x-amz-storage-class', 'EVIL'],
  ['x-amz-tagging', 'evil=1'],
  ['x-amz-website-redirect-location', 'https://evil.example/'],
  ['x-amz-server-side-encryption', 'evil'],
  ['x-amz-server-side-encryption-customer-key', 'evil'],
  ['x-amz-expected-bucket-owner', 'evil'],
  ['x-amz-request-payer', 'evil'],
  ['x-amz-bypass-governance-retention', 'true-evil'],
  ['x-amz-grant-full-control', 'id=evil'],
  ['x-amz-object-lock-mode', 'EVIL'],
]

/** All that a request to a backend may have: the runtime's own, ours, and what the configuration says. */
const COMMON = ['accept-encoding', 'cf-worker', 'fallback-storage-via', 'host']
const UNCACHED = ['cache-control', 'pragma']
const ORIGIN = [...COMMON, ...UNCACHED, 'x-origin-key']
const SIGNED = [...COMMON, 'authorization', 'x-amz-content-sha256', 'x-amz-date']
const S3_READ = [...SIGNED, ...UNCACHED, 'x-amz-checksum-mode']

interface Sent {
  method: string
  names: string[]
  headers: object
}

function expectOnly(requests: readonly Sent[], allowed: readonly string[]): void {
  expect(requests.length).toBeGreaterThan(0)
  expect(requests.flatMap(({ names }) => names).filter((name) => !allowed.includes(name))).toEqual([])
  // Their values may be the client's only where they are part of the object.
  expect(JSON.stringify(requests).match(/.{0,40}evil.{0,20}/gi) ?? []).toEqual([])
}

async function requestsFor(
  request: RawRequest,
): Promise<{ response: RawResponse; toOrigin: Sent[]; toS3: Sent[] }> {
  origin.requests.length = 0
  bucket.requests.length = 0
  const response = await send(target.url, request)
  const sent = (requests: readonly { method: string; headers: NodeJS.Dict<string | string[]> }[]) =>
    requests.map(({ method, headers }) => ({ method, names: Object.keys(headers).toSorted(), headers }))
  return { response, toOrigin: sent(origin.requests), toS3: sent(bucket.requests) }
}

describe('a read', () => {
  it.each([
    ['GET', {}, []],
    ['HEAD', {}, []],
    ['GET', { Range: 'bytes=1-2' }, ['range']],
    ['GET', { Range: 'bytes=-2' }, ['range']],
    ['GET', { Range: 'bytes=1-2,3-4' }, []],
    ['GET', { Range: 'evil=1-2' }, []],
    ['HEAD', { Range: 'bytes=1-2' }, []],
    ['GET', { Range: 'bytes=1-2', 'If-Range': '"5-5"' }, ['range', 'if-range']],
    ['GET', { 'If-None-Match': '"evil"' }, []],
    ['GET', { 'If-Modified-Since': 'Wed, 01 May 2002 12:00:00 GMT' }, []],
    ['GET', { 'If-Match': '"evil"' }, []],
    ['GET', { 'If-Unmodified-Since': 'Wed, 01 May 2002 12:00:00 GMT' }, []],
  ] as [string, Record<string, string>, string[]][])(
    '%s with %j sends the origin and S3 no other header of the client',
    async (method, conditions, passed) => {
      const headers = [...HOSTILE, ...Object.entries(conditions)]
      const { response, toOrigin, toS3 } = await requestsFor({ method, target: '/a.txt', headers })
      expect([200, 206, 412]).toContain(response.status)
      expectOnly(toOrigin, [...ORIGIN, ...passed])
      expectOnly(toS3, [...S3_READ, ...passed])
      expect(toOrigin[0]?.headers).toMatchObject({
        'x-origin-key': 'the-origin-key',
        'accept-encoding': 'identity',
      })
    },
  )
})

describe('a write', () => {
  /** What is kept with an object. */
  const KEPT: [string, string][] = [
    ['Content-Type', 'text/plain'],
    ['Content-Language', 'en'],
    ['Content-Disposition', 'inline'],
    ['Cache-Control', 'no-cache'],
    ['Expires', 'Wed, 01 May 2024 12:00:00 GMT'],
    ['x-amz-meta-note', 'kept'],
  ]
  const others = HOSTILE.filter(([name]) => name !== 'Cache-Control')
  const stored = [...SIGNED, 'content-length', ...KEPT.map(([name]) => name.toLowerCase())]

  it.each([
    ['PUT', '/b.txt', []],
    ['PUT', '/c.txt', [['If-None-Match', '*']]],
    ['POST', '/-/api/save/d.txt', []],
  ] as [string, string, [string, string][]][])(
    '%s %s with %j sends S3 what is kept, and no other header of the client',
    async (method, path, conditions) => {
      const headers = [...others, ...KEPT, ...conditions]
      const { response, toS3 } = await requestsFor({ method, target: path, headers, body: 'hello' })
      expect(response.status).toBe(201)
      // The server is first asked which conditions it knows.
      expectOnly(toS3, [
        ...stored,
        ...UNCACHED,
        'x-amz-checksum-mode',
        'content-md5',
        'if-match',
        'if-none-match',
      ])
      const put = toS3.findLast((request) => request.method === 'PUT')
      expect(put?.names.filter((name) => !name.startsWith('if-'))).toEqual(stored.toSorted())
    },
  )

  it('DELETE sends S3 no header of the client', async () => {
    const { response, toS3 } = await requestsFor({ method: 'DELETE', target: '/b.txt', headers: HOSTILE })
    expect(response.status).toBe(204)
    expectOnly(toS3, [...SIGNED, 'content-length', 'x-amz-meta-fallback-storage-deleted'])
  })
})

describe('the URL of a request', () => {
  it.each([
    '?versionId=evil',
    '?acl',
    '?uploadId=evil&partNumber=1',
    '?X-Amz-Signature=evil',
    '?x-id=evil#evil',
  ])('passes on nothing of %s', async (query) => {
    await requestsFor({ target: `/a.txt${query}` })
    expect([...new Set([...origin.requests, ...bucket.requests].map(({ url }) => url))]).toEqual([
      '/a.txt',
      '/media/a.txt',
    ])
  })
})
