import { expect, it } from 'vitest'
import type { Backend } from '../../src/storage/backend.ts'
import { bytesOf } from '../kit/fakes.ts'
import { BUCKET, type S3Init, startS3 } from '../kit/s3-client.ts'
import { codeOf } from './uploads.ts'

const TEXT = 'the bytes of an object'
const MODIFIED = new Date('2001-09-09T01:46:40.000Z')
/** Of `TEXT`, by coreutils, and of a text that it is not. */
const MD5 = 'gQKZY2IKJEDiY+xQrTUwHw=='
const OTHER_MD5 = 'XrY7u+Ae7tCTyyK7j1rNww=='

/** The Worker, and requests for one object. */
export function startObjects(settings: Record<string, unknown>) {
  const site = startS3(settings)
  const send = (method: string, key: string, init: S3Init = {}): Promise<Response> =>
    site.s3(method, `/${BUCKET}/${encodeURIComponent(key)}`, init)
  const get = (key: string, headers: Record<string, string> = {}, query: Record<string, string> = {}) =>
    send('GET', key, { headers, query })
  const head = (key: string, headers: Record<string, string> = {}) => send('HEAD', key, { headers })
  const put = (key: string, body: S3Init['body'] = TEXT, headers: Record<string, string> = {}) =>
    send('PUT', key, { headers, body })
  const remove = (key: string, headers: Record<string, string> = {}) => send('DELETE', key, { headers })
  return { ...site, send, get, head, put, remove }
}

/** What every chain does with objects. `holder` is the backend that has those that were there before. */
export function testObjects(settings: () => Record<string, unknown>, holder: () => Backend): void {
  const start = () => startObjects(settings())
  const fill = async (name: string): Promise<void> => {
    const info = { contentType: 'image/png', metadata: { by: 'someone' }, modified: MODIFIED }
    await holder().put?.(name, bytesOf(TEXT), { info, size: TEXT.length })
  }

  it('GET and HEAD answer with the same headers', async () => {
    const { get, head } = start()
    await fill('was/there.png')
    const found = await head('was/there.png')
    const read = await get('was/there.png')
    expect([found.status, read.status]).toEqual([200, 200])
    expect(await read.text()).toBe(TEXT)
    expect(await found.text()).toBe('')
    for (const answer of [found, read])
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'accept-ranges': 'bytes',
        'content-type': 'image/png',
        etag: expect.stringMatching(/^"[^"]+"$/),
        'last-modified': 'Sun, 09 Sep 2001 01:46:40 GMT',
        'x-amz-meta-by': 'someone',
        'x-amz-request-id': expect.any(String),
        'x-content-type-options': 'nosniff',
      })
    expect(found.headers.get('Content-Length')).toBe(`${TEXT.length}`)
    expect(read.headers.get('ETag')).toBe(found.headers.get('ETag'))
    expect(read.headers.get('Cache-Control')).toBeNull()
  })

  it('answers a missing key with NoSuchKey, and HEAD without a body', async () => {
    const { get, head } = start()
    const answer = await get('missing')
    expect([answer.status, await codeOf(answer)]).toEqual([404, 'NoSuchKey'])
    const found = await head('missing')
    expect([found.status, await found.text()]).toEqual([404, ''])
  })

  it('stores an object and answers with the ETag that reads have', async () => {
    const { get, put } = start()
    const stored = await put('new/a+b c.txt', TEXT, {
      'content-type': 'text/x-own',
      'content-encoding': 'aws-chunked',
      'cache-control': 'max-age=9',
      'content-md5': MD5,
      'x-amz-meta-mtime': '1700000000.5',
      'x-amz-acl': 'private',
    })
    expect([stored.status, await stored.text()]).toEqual([200, ''])
    const read = await get('new/a+b c.txt')
    expect(await read.text()).toBe(TEXT)
    expect(read.headers.get('ETag')).toBe(stored.headers.get('ETag'))
    expect(read.headers.get('Content-Type')).toBe('text/x-own')
    expect(read.headers.get('Content-Encoding')).toBeNull()
    expect(read.headers.get('Cache-Control')).toBe('max-age=9, no-transform')
    expect(read.headers.get('x-amz-meta-mtime')).toBe('1700000000.5')
  })

  it('gives an object without a type that of its name, or S3’s own', async () => {
    const { head, put } = start()
    // Text would be sent with a type.
    await put('a.png', bytesOf(TEXT))
    await put('untyped', bytesOf(TEXT))
    expect((await head('a.png')).headers.get('Content-Type')).toBe('image/png')
    expect((await head('untyped')).headers.get('Content-Type')).toBe('binary/octet-stream')
  })

  it('stores empty objects, and names like directories', async () => {
    const { get, put } = start()
    expect((await put('dir/', '')).status).toBe(200)
    const read = await get('dir/')
    expect([read.status, await read.text()]).toEqual([200, ''])
    expect((await get('dir/', {}, { partNumber: '1' })).status).toBe(200)
  })

  it('stores nothing if a digest does not match, and keeps the old object', async () => {
    const { get, put } = start()
    await fill('a')
    const answer = await put('a', 'other bytes', { 'content-md5': OTHER_MD5 })
    expect([answer.status, await codeOf(answer)]).toEqual([400, 'BadDigest'])
    const signed = await put('a', 'other bytes', { 'x-amz-content-sha256': '0'.repeat(64) })
    expect([signed.status, await codeOf(signed)]).toEqual([400, 'XAmzContentSHA256Mismatch'])
    expect(await (await get('a')).text()).toBe(TEXT)
  })

  it('stores nothing if a trailer is announced that the framing of the body has no place for', async () => {
    const { head, put } = start()
    for (const hash of ['UNSIGNED-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD']) {
      const answer = await put('a', TEXT, {
        'content-encoding': 'aws-chunked',
        'x-amz-content-sha256': hash,
        'x-amz-decoded-content-length': '5',
        'x-amz-trailer': 'x-amz-checksum-crc32',
      })
      expect([answer.status, await codeOf(answer)]).toEqual([400, 'InvalidRequest'])
    }
    expect((await head('a')).status).toBe(404)
  })

  it('stores nothing if the body is not as long as announced', async () => {
    const { head, put } = start()
    const answer = await put('a', TEXT, {
      'content-length': '99',
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    })
    expect([answer.status, await codeOf(answer)]).toEqual([400, 'IncompleteBody'])
    expect((await head('a')).status).toBe(404)
  })

  it('answers with a range, with 416 beyond the end, and ignores it for HEAD', async () => {
    const { get, head } = start()
    await fill('a')
    const part = await get('a', { range: 'bytes=4-8' })
    expect([part.status, await part.text()]).toEqual([206, 'bytes'])
    expect(part.headers.get('Content-Range')).toBe(`bytes 4-8/${TEXT.length}`)
    const beyond = await get('a', { range: 'bytes=500-' })
    expect(beyond.status).toBe(416)
    expect(beyond.headers.get('Content-Range')).toBe(`bytes */${TEXT.length}`)
    expect(await beyond.text()).toMatch(
      /<Code>InvalidRange<.*<ActualObjectSize>22<.*<RangeRequested>bytes=500-</,
    )
    expect((await head('a', { range: 'bytes=4-8' })).headers.get('Content-Length')).toBe('22')
  })

  it('compares conditions with the ETag, with and without quotes and -0', async () => {
    const { get, head } = start()
    await fill('a')
    const etag = (await head('a')).headers.get('ETag') ?? ''
    const bare = etag.slice(1, -1).replace(/-0$/, '')
    for (const tag of [etag, bare, `${bare}-0`, `"${bare}-0"`]) {
      expect((await get('a', { 'if-match': tag })).status).toBe(200)
      const known = await get('a', { 'if-none-match': tag })
      expect([known.status, await known.text()]).toEqual([304, ''])
    }
    const failed = await get('a', { 'if-match': '"other"' })
    expect([failed.status, await codeOf(failed)]).toEqual([412, 'PreconditionFailed'])
    expect((await head('a', { 'if-match': '"other"' })).status).toBe(412)
    expect((await get('a', { 'if-none-match': '"other"' })).status).toBe(200)
    expect((await get('a', { 'if-modified-since': new Date().toUTCString() })).status).toBe(304)
    expect((await get('a', { 'if-unmodified-since': new Date(0).toUTCString() })).status).toBe(412)
  })

  it('creates and replaces objects under conditions', async () => {
    const { get, head, put } = start()
    await fill('there')
    const exists = await put('there', 'other', { 'if-none-match': '*' })
    expect([exists.status, await codeOf(exists)]).toEqual([412, 'PreconditionFailed'])
    expect((await put('new', 'bytes', { 'if-none-match': '*' })).status).toBe(200)
    const wrong = await put('there', 'other', { 'if-match': '"other"' })
    expect([wrong.status, await codeOf(wrong)]).toEqual([412, 'PreconditionFailed'])
    const absent = await put('absent', 'other', { 'if-match': '"other"' })
    expect([absent.status, await codeOf(absent)]).toEqual([404, 'NoSuchKey'])
    expect(await (await get('there')).text()).toBe(TEXT)
    const etag = (await head('there')).headers.get('ETag') ?? ''
    expect((await put('there', 'replaced', { 'if-match': etag })).status).toBe(200)
    expect(await (await get('there')).text()).toBe('replaced')
  })

  it('sends the headers that the query asks for', async () => {
    const { get } = start()
    await fill('a')
    const read = await get(
      'a',
      {},
      {
        'response-content-type': 'foo/bar',
        'response-content-disposition': 'attachment; filename="a b.txt"',
        'response-content-language': 'de',
        'response-cache-control': 'no-cache',
        'response-expires': 'Thu, 01 Dec 1994 16:00:00 GMT',
      },
    )
    expect(read.status).toBe(200)
    expect(Object.fromEntries(read.headers)).toMatchObject({
      'content-type': 'foo/bar',
      'content-disposition': 'attachment; filename="a b.txt"',
      'content-language': 'de',
      'cache-control': 'no-cache',
      expires: 'Thu, 01 Dec 1994 16:00:00 GMT',
    })
    const split = await get('a', {}, { 'response-content-type': 'a\r\nSet-Cookie: b' })
    expect([split.status, await codeOf(split)]).toEqual([400, 'InvalidArgument'])
  })

  it('serves the whole object as part 1, and has no other', async () => {
    const { get, send } = start()
    await fill('a')
    const first = await get('a', {}, { partNumber: '1' })
    expect([first.status, await first.text()]).toEqual([206, TEXT])
    expect(Object.fromEntries(first.headers)).toMatchObject({
      'content-range': 'bytes 0-21/22',
      'x-amz-mp-parts-count': '1',
    })
    expect((await send('HEAD', 'a', { query: { partNumber: '1' } })).status).toBe(206)
    const second = await get('a', {}, { partNumber: '2' })
    expect([second.status, await codeOf(second)]).toEqual([416, 'InvalidPartNumber'])
    expect(await codeOf(get('a', {}, { partNumber: '0' }))).toBe('InvalidArgument')
    expect(await codeOf(get('a', { range: 'bytes=0-1' }, { partNumber: '1' }))).toBe('InvalidRequest')
  })

  it('refuses names, metadata and bodies that are too large, and what it cannot do', async () => {
    const { head, put, s3 } = startObjects({ ...settings(), MEDIA_MAX_UPLOAD_BYTES: '30' })
    expect(await codeOf(put('a', 'b'.repeat(31)))).toBe('EntityTooLarge')
    expect(await codeOf(put('a', TEXT, { 'x-amz-meta-a': 'b'.repeat(9000) }))).toBe('MetadataTooLarge')
    expect(await codeOf(put('a', TEXT, { 'x-amz-write-offset-bytes': '5' }))).toBe('NotImplemented')
    expect(await codeOf(put('k'.repeat(1025)))).toBe('KeyTooLongError')
    expect(await codeOf(put('line\nbreak'))).toBe('InvalidArgument')
    expect(await codeOf(s3('PUT', `/${BUCKET}/-/api/a`, { body: TEXT }))).toBe('InvalidArgument')
    expect((await head('a')).status).toBe(404)
  })

  it('deletes objects, and answers the same if there is none', async () => {
    const { get, remove } = start()
    await fill('a')
    for (const key of ['a', 'a', 'never']) {
      const answer = await remove(key)
      expect([answer.status, await answer.text()]).toEqual([204, ''])
    }
    expect((await get('a')).status).toBe(404)
  })

  it('deletes under a condition', async () => {
    const { head, remove } = start()
    await fill('a')
    const wrong = await remove('a', { 'if-match': '"other"' })
    expect([wrong.status, await codeOf(wrong)]).toEqual([412, 'PreconditionFailed'])
    const etag = (await head('a')).headers.get('ETag') ?? ''
    expect((await remove('a', { 'if-match': etag })).status).toBe(204)
    expect((await head('a')).status).toBe(404)
  })

  it('deletes many, and reports each', async () => {
    const { get, s3 } = start()
    await Promise.all([' a ', '1', 'b&c', 'kept'].map(fill))
    const names = [' a ', '1', 'b&amp;c', 'never', '../up']
    const objects = names.map((name) => `<Object><Key>${name}</Key></Object>`)
    const answer = await s3('POST', `/${BUCKET}`, {
      query: { delete: '' },
      ...(await withMd5(`<Delete>${objects.join('')}</Delete>`)),
    })
    expect(answer.status).toBe(200)
    const text = await answer.text()
    for (const name of names.slice(0, 4)) expect(text).toContain(`<Deleted><Key>${name}</Key></Deleted>`)
    expect(text).toContain('<Error><Key>../up</Key><Code>InvalidArgument</Code>')
    for (const name of [' a ', '1', 'b&c']) expect((await get(name)).status).toBe(404)
    expect((await get('kept')).status).toBe(200)
  })
}

/** A body with its Content-MD5. */
export async function withMd5(body: string): Promise<S3Init> {
  const digest = new Uint8Array(await crypto.subtle.digest('MD5', bytesOf(body)))
  return { body, headers: { 'content-md5': digest.toBase64() } }
}
