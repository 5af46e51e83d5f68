import { describe, expect, it } from 'vitest'
import { ifRangeHolds } from '../../src/http/conditional.ts'
import { problemResponse } from '../../src/http/problem.ts'
import { parseRange, resolveRange } from '../../src/http/range.ts'
import { headResponse, objectResponse } from '../../src/http/respond.ts'
import type { StorageError } from '../../src/storage/errors.ts'
import type { ObjectInfo, StoredObject } from '../../src/storage/object.ts'
import { expected, seen } from './reading-suite.ts'
import { CONDITIONS } from './tables/conditions.ts'
import { RANGES } from './tables/ranges.ts'
import { contentOf } from './tables/row.ts'
import type { ReadingRow } from './tables/row.ts'
import { WITHOUT_VALIDATORS } from './tables/without-validators.ts'

const CACHE_CONTROL = 'public, max-age=3600'
const INFO: ObjectInfo = {
  name: 'a.jpg',
  backend: 'r2',
  size: 25,
  etag: '"A"',
  modified: new Date('2014-06-25T17:12:18.987Z'),
  contentType: 'image/jpeg',
}

describe('objectResponse() and headResponse()', () => {
  it.each([...RANGES, ...CONDITIONS, ...WITHOUT_VALIDATORS])(
    '$method $title → $expect.status',
    async (row) => {
      expect(await seen(answer(row), row)).toEqual(expected(row))
    },
  )
})

describe('objectResponse()', () => {
  it.each<[string, Record<string, string>, number]>([
    ['a 304', { 'If-None-Match': '"A"' }, 304],
    ['a 412', { 'If-Match': '"B"' }, 412],
    ['a 416', { Range: 'bytes=25-' }, 416],
  ])('cancels the body that %s leaves unread', (_, headers, status) => {
    let cancelled = false
    const body = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) })
    const options = { cacheControl: CACHE_CONTROL, range: parseRange(headers['Range'] ?? null) }
    const response = objectResponse(request('GET', headers), { ...INFO, body }, options)
    expect(response.status).toBe(status)
    expect(cancelled).toBe(true)
  })

  it('answers 304 even if the unused body cannot be cancelled', () => {
    const body = new ReadableStream<Uint8Array>({
      cancel: () => Promise.reject(new Error('gone')),
    })
    const sent = request('GET', { 'If-None-Match': '"A"' })
    expect(objectResponse(sent, { ...INFO, body }, { cacheControl: CACHE_CONTROL }).status).toBe(304)
  })

  it('repeats in a 304 what caches store, and nothing about the representation', () => {
    const expires = new Date('2030-01-01T00:00:00Z')
    const info = { ...INFO, expires, cacheControl: 'max-age=5', metadata: { title: 'x' } }
    const response = get({ 'If-None-Match': '"A"' }, info)
    expect(Object.fromEntries(response.headers)).toEqual({
      'cache-control': 'max-age=5',
      etag: '"A"',
      expires: 'Tue, 01 Jan 2030 00:00:00 GMT',
      'last-modified': 'Wed, 25 Jun 2014 17:12:18 GMT',
    })
  })

  it('sends the configured Cache-Control only for objects that have none of their own', () => {
    expect(get({}, INFO).headers.get('Cache-Control')).toBe(CACHE_CONTROL)
    expect(get({}, { ...INFO, cacheControl: 'no-cache' }).headers.get('Cache-Control')).toBe('no-cache')
  })

  it('sends no Content-Length for an object of unknown size, and the part that is there as 206 of unknown size', () => {
    const { size: _, ...unknown } = INFO
    const object = { ...unknown, body: new Blob(['abcde']).stream(), range: { start: 0, end: 4 } }
    const response = objectResponse(request('GET'), object, { cacheControl: CACHE_CONTROL })
    expect(response.status).toBe(206)
    expect(response.headers.get('Content-Range')).toBe('bytes 0-4/*')
    const head = headResponse(request('HEAD'), unknown, { cacheControl: CACHE_CONTROL })
    expect(head.headers.has('Content-Length')).toBe(false)
  })

  it('answers 200 if a backend returns the whole object instead of the part', async () => {
    const info = { ...INFO, contentType: 'text/plain' }
    const object = { ...info, body: new Blob([contentOf(25)]).stream() }
    const options = { cacheControl: CACHE_CONTROL, range: { offset: 5 } }
    const response = objectResponse(request('GET'), object, options)
    expect(response.status).toBe(200)
    expect(response.headers.has('Content-Range')).toBe(false)
    expect(await response.text()).toBe(contentOf(25))
  })

  it('keeps the Content-Encoding of an object that is stored encoded', () => {
    const response = get({}, { ...INFO, contentEncoding: 'gzip' })
    expect(response.headers.get('Content-Encoding')).toBe('gzip')
  })

  it('sandboxes what a browser would run, and nothing else', () => {
    const policyOf = (info: ObjectInfo) => get({}, info).headers.get('Content-Security-Policy')
    expect(policyOf({ ...INFO, contentType: 'image/svg+xml' })).toBe('sandbox')
    expect(policyOf(INFO)).toBeNull()
  })

  it('sends the size in the problem document of a 416', async () => {
    const refuse = (error: StorageError) => problemResponse(error, { base: '/media/' })
    const options = { cacheControl: CACHE_CONTROL, range: { offset: 25 }, refuse }
    const object = { ...INFO, body: new Blob([contentOf(25)]).stream() }
    const response = objectResponse(request('GET'), object, options)
    expect(await response.json()).toEqual({
      type: '/media/-/docs/errors#unsatisfiable',
      title: 'Range not satisfiable',
      status: 416,
      detail: 'the range begins after the end of 25 bytes',
    })
  })
})

describe('headResponse()', () => {
  it('sends the same headers as a GET, and the length', () => {
    const info = { ...INFO, metadata: { title: 'Ä' }, contentEncoding: 'gzip' }
    const head = headResponse(request('HEAD'), info, { cacheControl: CACHE_CONTROL })
    const ofGet = Object.fromEntries(get({}, info).headers)
    expect(Object.fromEntries(head.headers)).toEqual({ ...ofGet, 'content-length': '25' })
    expect(head.body).toBeNull()
  })
})

function answer({ method, headers, object: { size, ...validators } }: ReadingRow): Response {
  const sent = request(method, headers)
  const { etag, modified } = validators
  const info = { name: 'a.bin', backend: 'r2', size, ...(etag && { etag }), ...(modified && { modified }) }
  if (method === 'HEAD') return headResponse(sent, info, { cacheControl: CACHE_CONTROL })
  const parsed = parseRange(sent.headers.get('Range'))
  const range = parsed && ifRangeHolds(sent.headers.get('If-Range'), info) ? parsed : null
  const resolved = range ? resolveRange(range, size) : 'unsatisfiable'
  const content = contentOf(size)
  const object: StoredObject =
    resolved === 'unsatisfiable'
      ? { ...info, body: new Blob([content]).stream() }
      : {
          ...info,
          body: new Blob([content.slice(resolved.start, resolved.end + 1)]).stream(),
          range: resolved,
        }
  return objectResponse(sent, object, { cacheControl: CACHE_CONTROL, range })
}

function get(headers: Record<string, string>, info: ObjectInfo): Response {
  const object = { ...info, body: new Blob([contentOf(25)]).stream() }
  return objectResponse(request('GET', headers), object, { cacheControl: CACHE_CONTROL })
}

function request(method: string, headers: Record<string, string> = {}): Request {
  return new Request('http://site.test/a.jpg', { method, headers })
}
