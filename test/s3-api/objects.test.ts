import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { answering, BROKEN_ORIGIN, fill, KV, media, mediaKv, OLD, R2, SITE } from '../kit/app.ts'
import { BUCKET, S3_KEYS, startS3 } from '../kit/s3-client.ts'
import { bytesOf, signChunked } from '../kit/s3-signer.ts'
import { testObjects } from './object-suite.ts'
import { codeOf } from './uploads.ts'

beforeEach(() => reset())

describe('objects in R2', () => {
  testObjects(
    () => ({ FALLBACK_STORAGES: [R2] }),
    () => media,
  )
})

describe('objects in a fallback of R2', () => {
  testObjects(
    () => ({ FALLBACK_STORAGES: [R2, KV] }),
    () => mediaKv,
  )
})

describe('objects in a fallback of R2, while they migrate', () => {
  testObjects(
    () => ({ FALLBACK_STORAGES: [R2, KV], FALLBACK_DATA_MIGRATION: true }),
    () => mediaKv,
  )
})

describe('objects in KV', () => {
  testObjects(
    () => ({ FALLBACK_STORAGES: [{ ...KV, read_only: false }] }),
    () => mediaKv,
  )
})

describe('a download that is resumed', () => {
  const TEXT = '0123456789'
  const TAG = '0123456789abcdef0123456789abcdef'

  it.each([`"${TAG}-0"`, `"${TAG}"`])(
    'goes on if If-Range has the ETag that was sent: %s',
    async (ifRange) => {
      const origin = answering(({ headers }) => {
        const from = headers.get('If-Range') ?? `"${TAG}"`
        const isPart = headers.get('Range') === 'bytes=4-' && from === `"${TAG}"`
        const body = isPart ? TEXT.slice(4) : TEXT
        const range = { 'Content-Range': `bytes 4-9/${TEXT.length}` }
        const own = { ETag: `"${TAG}"`, 'Content-Length': `${body.length}`, ...(isPart && range) }
        return new Response(body, { status: isPart ? 206 : 200, headers: own })
      })
      const { s3 } = startS3({ FALLBACK_STORAGES: [R2, OLD], OLD: origin })
      expect((await s3('HEAD', '/media/a')).headers.get('ETag')).toBe(`"${TAG}-0"`)
      const part = await s3('GET', '/media/a', { headers: { range: 'bytes=4-', 'if-range': ifRange } })
      expect([part.status, await part.text()]).toEqual([206, TEXT.slice(4)])
      const other = { range: 'bytes=4-', 'if-range': `"${'f'.repeat(32)}-0"` }
      const whole = await s3('GET', '/media/a', { headers: other })
      expect([whole.status, await whole.text()]).toEqual([200, TEXT])
    },
  )
})

describe('text that may be out of date', () => {
  it('is neither cached nor compressed', async () => {
    await fill(mediaKv, { 'a.txt': 'text' })
    const { s3 } = startS3({ FALLBACK_STORAGES: [OLD, KV], OLD: BROKEN_ORIGIN })
    const answer = await s3('GET', '/media/a.txt')
    expect(answer.headers.get('Cache-Control')).toBe('no-store, no-transform')
  })
})

it.each([
  ['sha512', 'SHA-512'],
  ['md5', 'MD5'],
] as const)('checks an x-amz-checksum-%s that comes behind the body', async (name, algorithm) => {
  const { app, s3 } = startS3()
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = S3_KEYS.writer
  const signing = { endpoint: `${SITE}/-/s3`, credentials: { accessKeyId, secretAccessKey } }
  const put = async (text: string, checksum: string): Promise<Response> => {
    const trailer = { [`x-amz-checksum-${name}`]: checksum }
    const request = { method: 'PUT', path: '/media/a', body: text }
    const { url, ...init } = await signChunked(signing, request, { signed: false, trailer })
    return app.request(url, init, env, {} as ExecutionContext)
  }
  const checksum = new Uint8Array(await crypto.subtle.digest(algorithm, bytesOf('right'))).toBase64()
  expect((await put('right', checksum)).status).toBe(200)
  expect(await codeOf(put('wrong', checksum))).toBe('BadDigest')
  expect(await (await s3('GET', '/media/a')).text()).toBe('right')
})

it('asks proxies not to decode what is stored with a Content-Encoding, of any type', async () => {
  const info = { contentType: 'image/x-raw', contentEncoding: 'gzip' }
  await media.put?.('a', new Uint8Array([1, 2, 3]), { info })
  const { headers } = await startS3().s3('GET', '/media/a')
  expect(headers.get('Cache-Control')).toBe('no-transform')
})

it('tells clients, which need one, the time of a listing for an object whose time is unknown', async () => {
  const origin = answering(() => new Response('bytes', { headers: { 'Content-Length': '5' } }))
  const { s3 } = startS3({ FALLBACK_STORAGES: [R2, OLD], OLD: origin })
  for (const method of ['HEAD', 'GET']) {
    const { status, headers } = await s3(method, '/media/a', {
      headers: { 'if-modified-since': new Date().toUTCString() },
    })
    expect([status, headers.get('Last-Modified')]).toEqual([200, 'Thu, 01 Jan 1970 00:00:00 GMT'])
  }
})

it('a DELETE without tombstones is refused if a fallback has the key by now, though it lacked it a moment ago', async () => {
  let status = 404
  const origin = answering(() => new Response(null, { status, headers: { 'Content-Length': '0' } }))
  const { s3 } = startS3({ FALLBACK_STORAGES: [R2, OLD], FALLBACK_DELETES: 'first', OLD: origin })
  expect((await s3('HEAD', `/${BUCKET}/a`)).status).toBe(404)
  status = 200
  expect((await s3('DELETE', `/${BUCKET}/a`)).status).toBe(405)
})
