import { env } from 'cloudflare:workers'
import { reset } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { answering, bucketWith, fill, KV, media, mediaKv, OLD, R2 } from '../kit/app.ts'
import { eventually } from '../kit/eventually.ts'
import { bytesOf } from '../kit/fakes.ts'
import { BUCKET, type S3Init, startS3 } from '../kit/s3-client.ts'
import { codeOf, startUploads } from './uploads.ts'

const PART = 5 * 1024 * 1024
const WRITABLE_KV = { ...KV, read_only: false }

beforeEach(() => reset())

function startCopies(settings: Record<string, unknown> = {}) {
  const site = startS3(settings)
  const copy = (from: string, to: string, { headers = {}, ...init }: S3Init = {}): Promise<Response> =>
    site.s3('PUT', `/${BUCKET}/${to}`, { ...init, headers: { 'x-amz-copy-source': from, ...headers } })
  const textOf = async (name: string): Promise<string> =>
    new Response((await site.chain.get(name))?.body).text()
  return { ...site, copy, textOf }
}

describe.each([
  ['R2 alone', { FALLBACK_STORAGES: [R2] }, media],
  ['R2 and a fallback that has the source', { FALLBACK_STORAGES: [R2, KV] }, mediaKv],
  ['KV', { FALLBACK_STORAGES: [WRITABLE_KV] }, mediaKv],
] as const)('CopyObject over %s', (_, settings, holder) => {
  it('copies the bytes and the metadata', async () => {
    const { copy, chain, textOf } = startCopies(settings)
    const info = { contentType: 'text/css', metadata: { by: 'someone' }, modified: new Date(1e12) }
    await holder.put?.('from', bytesOf('bytes'), { info })
    const answer = await copy(`/${BUCKET}/from`, 'to')
    expect(answer.status).toBe(200)
    expect(await answer.text()).toMatch(
      /<CopyObjectResult .*<LastModified>20\d\d-.*Z<\/LastModified><ETag>&quot;.+&quot;<\/ETag>/,
    )
    expect(await textOf('to')).toBe('bytes')
    const copied = await chain.backends[0]?.head('to')
    expect(copied).toMatchObject({ contentType: 'text/css', metadata: { by: 'someone' } })
    expect(copied?.modified).not.toEqual(info.modified)
    expect(copied?.provenance).toBeUndefined()
  })

  it('replaces the metadata of an object that is copied to itself, right after it was written', async () => {
    const { copy, chain, textOf } = startCopies(settings)
    await fill(holder, { a: 'bytes' })
    const headers = {
      'x-amz-metadata-directive': 'REPLACE',
      'x-amz-meta-mtime': '1700000000',
      'content-type': 'text/plain',
    }
    expect((await copy(`${BUCKET}/a`, 'a', { headers })).status).toBe(200)
    expect(await chain.backends[0]?.head('a')).toMatchObject({
      metadata: { mtime: '1700000000' },
      contentType: 'text/plain',
    })
    expect(await textOf('a')).toBe('bytes')
  })
})

describe('CopyObject', () => {
  it.each([
    ['encoded', `${BUCKET}/a%20b%2Bc%2F%C3%BC`],
    ['encoded but for the slashes', `/${BUCKET}/a%20b%2Bc/%C3%BC`],
    ['encoded throughout', `${BUCKET}%2Fa%20b%2Bc%2F%C3%BC`],
    ['as few clients send it', `${BUCKET}/a b+c/%C3%BC`],
  ])('decodes the source like a path: %s', async (_, source) => {
    const { copy, textOf } = startCopies()
    await fill(media, { 'a b+c/ü': 'bytes' })
    expect((await copy(source, 'to')).status).toBe(200)
    expect(await textOf('to')).toBe('bytes')
  })

  it.each([
    ['NoSuchKey', `${BUCKET}/absent`],
    ['NoSuchBucket', 'other/from'],
    ['InvalidArgument', ''],
    ['InvalidArgument', BUCKET],
    ['InvalidArgument', `${BUCKET}/`],
    ['InvalidArgument', `${BUCKET}/-/staged/x`],
    ['InvalidArgument', `${BUCKET}/../from`],
    ['InvalidURI', `${BUCKET}/%FF`],
    ['NotImplemented', `${BUCKET}/from?versionId=abc`],
  ])('answers %s for the source "%s"', async (code, source) => {
    const { copy } = startCopies()
    await fill(media, { from: 'bytes' })
    expect(await codeOf(copy(source, 'to'))).toBe(code)
    expect(await media.head('to')).toBeNull()
  })

  it('accepts the null version', async () => {
    const { copy } = startCopies()
    await fill(media, { from: 'bytes' })
    expect((await copy(`${BUCKET}/from?versionId=null`, 'to')).status).toBe(200)
  })

  it('reads nothing outside the prefix of the key', async () => {
    const { copy } = startCopies()
    await fill(media, { from: 'secret', 'team/from': 'ours' })
    expect(await codeOf(copy(`${BUCKET}/from`, 'team/to', { key: 'team' }))).toBe('AccessDenied')
    expect(await codeOf(copy(`${BUCKET}/team/from`, 'to', { key: 'team' }))).toBe('AccessDenied')
    expect((await copy(`${BUCKET}/team/from`, 'team/to', { key: 'team' })).status).toBe(200)
    expect(await codeOf(copy(`${BUCKET}/from`, 'to', { key: 'reader' }))).toBe('AccessDenied')
  })

  it('refuses a copy of an object to itself that changes nothing, and directives that do not exist', async () => {
    const { copy } = startCopies()
    await fill(media, { a: 'bytes' })
    expect(await codeOf(copy(`/${BUCKET}/a`, 'a'))).toBe('InvalidRequest')
    const headers = { 'x-amz-metadata-directive': 'KEEP' }
    expect(await codeOf(copy(`/${BUCKET}/a`, 'b', { headers }))).toBe('InvalidArgument')
  })

  it.each(['COPY', 'REPLACE'])(
    'refuses what the copy would not have, such as a lock, with the directive %s',
    async (directive) => {
      const { copy, chain } = startCopies()
      await fill(media, { from: 'bytes' })
      const headers = { 'x-amz-metadata-directive': directive, 'x-amz-object-lock-mode': 'COMPLIANCE' }
      expect(await codeOf(copy(`${BUCKET}/from`, 'to', { headers }))).toBe('NotImplemented')
      expect(await chain.head('to')).toBeNull()
    },
  )

  it('checks the conditions on the source and on the destination', async () => {
    const { copy } = startCopies()
    await fill(media, { from: 'bytes', taken: 'old' })
    const etag = (await media.head('from'))?.etag ?? ''
    const past = new Date(Date.now() - 86_400_000).toUTCString()
    const status = async (to: string, headers: Record<string, string>) =>
      (await copy(`${BUCKET}/from`, to, { headers })).status
    expect(await status('1', { 'x-amz-copy-source-if-match': etag })).toBe(200)
    expect(await status('2', { 'x-amz-copy-source-if-match': '"other"' })).toBe(412)
    expect(await status('3', { 'x-amz-copy-source-if-none-match': etag })).toBe(412)
    expect(await status('4', { 'x-amz-copy-source-if-none-match': '"other"' })).toBe(200)
    expect(await status('5', { 'x-amz-copy-source-if-modified-since': new Date().toUTCString() })).toBe(412)
    expect(await status('6', { 'x-amz-copy-source-if-unmodified-since': past })).toBe(200)
    expect(await status('taken', { 'if-none-match': '*' })).toBe(412)
    expect(await status('7', { 'if-none-match': '*' })).toBe(200)
    expect(await status('8', { 'if-match': '*' })).toBe(404)
    expect(await status('taken', { 'if-match': (await media.head('taken'))?.etag ?? '' })).toBe(200)
  })

  it('copies a source of unknown length', async () => {
    const origin = answering(
      ({ method }) => new Response(method === 'HEAD' ? null : new Blob(['of an origin']).stream()),
    )
    const { copy, textOf } = startCopies({ OLD: origin, FALLBACK_STORAGES: [R2, OLD] })
    expect((await copy(`${BUCKET}/from`, 'to')).status).toBe(200)
    expect(await media.head('to')).toMatchObject({ size: 12 })
    expect(await textOf('to')).toBe('of an origin')
  })

  it('repeats a copy that comes too soon after another write of the name, of any size', async () => {
    let refusals = 1
    const bucket = bucketWith({
      async put(key: string, value: ReadableStream, options?: R2PutOptions) {
        if (refusals-- > 0)
          throw new Error('put: Reduce your concurrent request rate for the same object. (10058)')
        return env.MEDIA.put(key, value, options) as never
      },
    })
    const { copy, chain } = startCopies({ MEDIA: bucket })
    await media.put?.('a', new Uint8Array(2 * PART))
    const headers = { 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-mode': '33188' }
    expect((await copy(`${BUCKET}/a`, 'a', { headers })).status).toBe(200)
    expect(await chain.head('a')).toMatchObject({ size: 2 * PART, metadata: { mode: '33188' } })
  })

  it('does not keep the next read of the source from migrating it', async () => {
    const settings = { FALLBACK_STORAGES: [R2, KV], FALLBACK_DATA_MIGRATION: true }
    const { copy, call } = startCopies(settings)
    await fill(mediaKv, { from: 'bytes' })
    expect((await copy(`${BUCKET}/from`, 'to')).status).toBe(200)
    expect(await (await call('/from')).text()).toBe('bytes')
    await eventually(
      () => 'a copy of the source',
      () => media.head('from'),
    )
  })

  it('fails if the source breaks off, and keeps what was there', async () => {
    const origin = answering(
      () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(bytesOf('half'))
              controller.error(new Error('broke off'))
            },
          }),
          { headers: { 'Content-Length': '2000000' } },
        ),
    )
    const { copy, textOf } = startCopies({ OLD: origin, FALLBACK_STORAGES: [R2, OLD] })
    await fill(media, { to: 'old' })
    expect((await copy(`${BUCKET}/from`, 'to')).status).toBe(503)
    expect(await textOf('to')).toBe('old')
  })
})

/** `a` has version 2 in R2, which a fallback still has in version 1; R2's reads fail. */
async function withOlderFallback() {
  const failing = () => Promise.reject(new Error('get: We encountered an internal error. (10001)'))
  await fill(media, { a: 'version 2' })
  await fill(mediaKv, { a: 'version 1' })
  return { MEDIA: bucketWith({ get: failing }), FALLBACK_STORAGES: [R2, KV] }
}

describe('a source that may be out of date, because the primary fails', () => {
  it('is not copied over the newer version, nor to another name', async () => {
    const { copy } = startCopies(await withOlderFallback())
    const headers = { 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-mode': '33188' }
    expect(await codeOf(copy(`${BUCKET}/a`, 'a', { headers }))).toBe('ServiceUnavailable')
    expect(await codeOf(copy(`${BUCKET}/a`, 'b'))).toBe('ServiceUnavailable')
    expect(await new Response((await media.get('a'))?.body).text()).toBe('version 2')
    expect(await media.head('b')).toBeNull()
  })

  it('does not become a part', async () => {
    const { create, sendPart } = startUploads(await withOlderFallback())
    const headers = { 'x-amz-copy-source': `${BUCKET}/a` }
    expect(await codeOf(sendPart('to', await create('to'), 1, { headers }))).toBe('ServiceUnavailable')
  })
})

describe('UploadPartCopy', () => {
  const DIGITS = '0123456789'

  it('stores ranges of what the chain has as parts', async () => {
    const { create, sendPart, part, complete, chain } = startUploads()
    await mediaKv.put?.('from', new Uint8Array(PART + 10).fill(66))
    const uploadId = await create('to')
    const copyPart = async (number: number, range?: string) => {
      const headers = { 'x-amz-copy-source': `${BUCKET}/from` }
      const ranged = { ...headers, ...(range !== undefined && { 'x-amz-copy-source-range': range }) }
      const answer = await sendPart('to', uploadId, number, { headers: ranged })
      const text = await answer.text()
      expect(text).toContain('<CopyPartResult')
      return /<ETag>&quot;([^&]+)&quot;</.exec(text)?.[1] ?? text
    }
    const etags = [
      await copyPart(1, `bytes=0-${PART - 1}`),
      await part('to', uploadId, 2, new Uint8Array(PART)),
      await copyPart(3, `bytes=${PART}-${PART + 9}`),
    ]
    expect((await complete('to', uploadId, etags)).status).toBe(200)
    const object = await chain.get('to', { range: { offset: 2 * PART - 1 } })
    expect(await new Response(object?.body).text()).toBe(`\0${'B'.repeat(10)}`)
    const whole = await create('whole')
    const headers = { 'x-amz-copy-source': `${BUCKET}/from` }
    expect((await sendPart('whole', whole, 1, { headers })).status).toBe(200)
  })

  it.each([
    ['InvalidArgument', { 'x-amz-copy-source-range': 'bytes=0-' }],
    ['InvalidArgument', { 'x-amz-copy-source-range': 'bytes=5-4' }],
    ['InvalidArgument', { 'x-amz-copy-source-range': 'bytes=5-10' }],
    ['InvalidRange', { 'x-amz-copy-source-range': 'bytes=10-10' }],
    ['PreconditionFailed', { 'x-amz-copy-source-if-match': '"other"' }],
    ['NoSuchKey', { 'x-amz-copy-source': `${BUCKET}/absent` }],
  ])('answers %s with %o', async (code, headers) => {
    const { create, sendPart } = startUploads()
    await fill(media, { from: DIGITS })
    const uploadId = await create('to')
    const all = { 'x-amz-copy-source': `${BUCKET}/from`, ...headers }
    expect(await codeOf(sendPart('to', uploadId, 1, { headers: all }))).toBe(code)
  })
})
