import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  cachingHeaders,
  headersFromInfo,
  infoFromHeaders,
  representationFromHeaders,
  representationHeaders,
} from '../../src/http/headers.ts'
import type { ObjectInfo, Representation } from '../../src/storage/object.ts'
import { NASTY_VALUES } from './tables/nasty-values.ts'

const DEFAULTS = { cacheControl: 'public, max-age=3600' }
const FULL: ObjectInfo & Required<Representation> = {
  name: 'a.jpg',
  backend: 'r2',
  size: 5,
  etag: '"A"',
  modified: new Date('2014-06-25T17:12:18Z'),
  contentType: 'text/plain; charset=utf-8',
  contentLanguage: 'de, en',
  contentDisposition: 'attachment; filename="a b.txt"; filename*=UTF-8\'\'%C3%A9.txt',
  contentEncoding: 'zstd',
  cacheControl: 'private, max-age=5',
  expires: new Date('2030-01-01T00:00:00Z'),
  metadata: { title: 'Ä picture', 'taken-by': 'x' },
}

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const UNSENDABLE = NASTY_VALUES.filter((value) => /[\0-\x1f\x7f]/.test(value)).concat('', ' ')

describe('headersFromInfo()', () => {
  it('is the inverse of infoFromHeaders()', () => {
    const { name: _, backend: __, size: ___, ...told } = FULL
    expect(infoFromHeaders(headersFromInfo(FULL, DEFAULTS))).toEqual(told)
  })

  it('sends only known headers, and the default Cache-Control', () => {
    const headers = headersFromInfo({ name: 'a', backend: 'r2' }, DEFAULTS)
    expect([...headers]).toEqual([['cache-control', 'public, max-age=3600']])
  })

  it('keeps any user metadata', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9_-]{0,9}$/), fc.string()), (metadata) => {
        const headers = headersFromInfo({ name: 'a', backend: 'r2', metadata }, DEFAULTS)
        expect({ ...infoFromHeaders(headers).metadata }).toEqual({ ...metadata })
      }),
    )
  })

  it('sends an unencoded file name beyond ASCII as UTF-8', () => {
    const contentDisposition = 'inline; filename="é.jpg"'
    const headers = headersFromInfo({ name: 'a', backend: 'r2', contentDisposition }, DEFAULTS)
    expect(infoFromHeaders(headers).contentDisposition).toBe(contentDisposition)
  })

  it('omits metadata whose name is not a valid header name', () => {
    const metadata = { 'a b': '1', ä: '2', '': '3', 'c:d': '4', 'e\r\nf': '5', ok: '6' }
    const headers = headersFromInfo({ name: 'a', backend: 'r2', metadata }, DEFAULTS)
    expect(infoFromHeaders(headers).metadata).toEqual({ ok: '6' })
  })

  it.each(UNSENDABLE.map((value) => [value]))('never fails over %j from a backend', (value) => {
    const info = { contentType: value, contentLanguage: value, contentDisposition: value, etag: value }
    const headers = headersFromInfo({ name: 'a', backend: 'r2', cacheControl: value, ...info }, DEFAULTS)
    const names = [...headers.keys()].toSorted()
    expect(names).toEqual([
      'cache-control',
      'content-disposition',
      'content-language',
      'content-type',
      'etag',
    ])
  })
})

describe('cachingHeaders() and representationHeaders()', () => {
  it('return what a 304 repeats', () => {
    expect([...cachingHeaders(FULL, DEFAULTS).keys()]).toEqual([
      'cache-control',
      'etag',
      'expires',
      'last-modified',
    ])
  })

  it('return what is stored with the bytes, without validators or defaults', () => {
    expect(representationFromHeaders(representationHeaders(FULL))).toEqual(
      representationFromHeaders(headersFromInfo(FULL, DEFAULTS)),
    )
    expect([...representationHeaders({}).keys()]).toEqual([])
    expect(representationHeaders(FULL).has('ETag')).toBe(false)
  })
})

describe('infoFromHeaders()', () => {
  it.each([
    ['"A"', '"A"'],
    ['W/"A"', 'W/"A"'],
    ['""', '""'],
    ['A', '"A"'],
    ['0x8D9', '"0x8D9"'],
    ['"A', undefined],
    ['"a b"', undefined],
    ['', undefined],
  ])('reads the ETag %j as %j', (header, etag) => {
    expect(infoFromHeaders(new Headers({ ETag: header })).etag).toBe(etag)
  })

  it.each([
    [{ 'Content-Length': '5' }, 5],
    [{ 'Content-Length': '0' }, 0],
    [{ 'Content-Length': '5', 'Content-Encoding': 'identity' }, 5],
    [{ 'Content-Length': '5', 'Content-Encoding': 'gzip' }, undefined],
    [{ 'Content-Length': '5', 'Content-Range': 'bytes 0-4/1000' }, 1000],
    [{ 'Content-Length': '5', 'Content-Range': 'bytes 0-4/*' }, undefined],
    [{ 'Content-Length': '5, 5' }, undefined],
    [{ 'Content-Length': '-5' }, undefined],
    [{ 'Content-Length': '5.5' }, undefined],
    [{}, undefined],
  ])('finds in %o the size %o', (headers, size) => {
    expect(infoFromHeaders(new Headers(headers)).size).toBe(size)
  })

  it('ignores invalid dates, but treats an invalid Expires as long past', () => {
    const headers = new Headers({ 'Last-Modified': 'yesterday', Expires: '0' })
    expect(infoFromHeaders(headers)).toEqual({ expires: new Date(0) })
  })

  it('ignores headers that do not describe the object', () => {
    const headers = new Headers({
      'Set-Cookie': 'a=b',
      Server: 'nginx',
      Connection: 'close',
      'Content-Security-Policy': 'none',
      'x-amz-request-id': '1',
      'x-amz-meta-': 'nameless',
      'Content-Type': 'binary/octet-stream',
    })
    expect(infoFromHeaders(headers)).toEqual({ contentType: 'binary/octet-stream' })
  })

  it('reads digests of the whole object, unless the body is encoded', () => {
    const md5 = 'XrY7u+Ae7tCTyyK7j1rNww=='
    const digests = { md5: '5eb63bbbe01eeed093cb22bb8f5acdc3' }
    expect(infoFromHeaders(new Headers({ 'Content-MD5': md5 })).digests).toEqual(digests)
    expect(
      infoFromHeaders(new Headers({ 'Content-MD5': md5, 'Content-Encoding': 'gzip' })),
    ).not.toHaveProperty('digests')
    expect(infoFromHeaders(new Headers({ 'Content-MD5': md5, 'Content-Range': 'bytes 0-4/9' }))).toEqual({
      size: 9,
    })
    expect(infoFromHeaders(new Headers({ 'Content-MD5': 'rubbish' }))).toEqual({})
  })
})
