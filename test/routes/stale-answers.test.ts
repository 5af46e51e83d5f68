import { reset } from 'cloudflare:test'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import type { Backend } from '../../src/storage/backend.ts'
import { BROKEN_ORIGIN, bucketWith, KV, media, mediaKv, OLD, R2, startApp } from '../kit/app.ts'
import { bytesOf } from '../kit/fakes.ts'

afterEach(() => media.delete?.('a'))
afterAll(() => reset())

const IMMUTABLE = 'public, max-age=31536000, immutable'

/** Puts `a` into a backend, with headers that allow caching it for a year. */
async function putImmutable(backend: Backend): Promise<void> {
  const modified = new Date(1e12)
  const info = { cacheControl: IMMUTABLE, expires: new Date('2040-01-01'), etag: '"tag"', modified }
  await backend.put?.('a', bytesOf('old bytes'), { info })
}

/** The bucket with this result for every read. */
function bucketThat(read: () => Promise<never>): R2Bucket {
  return bucketWith({ get: read, head: read })
}

const failing = async (): Promise<never> => {
  throw new Error('get: We encountered an internal error. Please try again. (10001)')
}
const refusing = async (): Promise<never> => {
  throw new Error('get: Unauthorized (10002)')
}
const silent = () => new Promise<never>(() => {})

const requests: [string, string, RequestInit, number][] = [
  ['GET', '/a', {}, 200],
  ['GET of a range', '/a', { headers: { Range: 'bytes=0-2' } }, 206],
  ['HEAD', '/a', { method: 'HEAD' }, 200],
  ['GET that the client has already', '/a', { headers: { 'If-None-Match': '"tag"' } }, 304],
  ['HEAD that the client has already', '/a', { method: 'HEAD', headers: { 'If-None-Match': '"tag"' } }, 304],
  ['GET /-/api/open', '/-/api/open/a', {}, 200],
]

describe.each(requests)('%s from a fallback', (_, path, init, status) => {
  const headersOf = async (settings: Record<string, unknown>) => {
    await putImmutable(mediaKv)
    const response = await startApp(settings).call(path, init)
    await response.body?.cancel()
    expect(response.status).toBe(status)
    return [response.headers.get('Cache-Control'), response.headers.get('Expires')]
  }

  it.each([
    ['failed', failing],
    ['timed out', silent],
    ['refused access', refusing],
  ])('may not be stored when the primary %s', async (_what, read) => {
    const FALLBACK_STORAGES = [{ ...R2, timeout_ms: 20 }, KV]
    expect(await headersOf({ FALLBACK_STORAGES, MEDIA: bucketThat(read) })).toEqual(['no-store', null])
  })

  it('must not be stored if the primary was skipped by its breaker', async () => {
    await putImmutable(mediaKv)
    const read = vi.fn<typeof failing>(failing)
    const { call } = startApp({ FALLBACK_BREAKER_FAILURES: 1, MEDIA: bucketThat(read) })
    await call('/a', { method: 'HEAD' })
    read.mockClear()
    const response = await call(path, init)
    await response.body?.cancel()
    expect(read).not.toHaveBeenCalled()
    expect([response.status, response.headers.get('Cache-Control')]).toEqual([status, 'no-store'])
  })

  it('must not be stored if the primary was still silent when another one answered', async () => {
    const FALLBACK_STORAGES = [{ ...R2, hedge_ms: 5, timeout_ms: 1000 }, KV]
    expect(await headersOf({ FALLBACK_STORAGES, MEDIA: bucketThat(silent) })).toEqual(['no-store', null])
  })

  it('must not be stored if a backend between them failed', async () => {
    const settings = { FALLBACK_STORAGES: [R2, OLD, KV], OLD: BROKEN_ORIGIN }
    expect(await headersOf(settings)).toEqual(['no-store', null])
  })

  it('keeps the object’s own Cache-Control if every earlier backend proved the name absent', async () => {
    const kept = [IMMUTABLE, 'Sun, 01 Jan 2040 00:00:00 GMT']
    expect(await headersOf({})).toEqual(kept)
    const FALLBACK_STORAGES = [{ ...R2, exclude: '^a$' }, KV]
    expect(await headersOf({ FALLBACK_STORAGES, MEDIA: bucketThat(failing) })).toEqual(kept)
  })
})

it('a response from the primary keeps the object’s own Cache-Control while a fallback is down', async () => {
  await putImmutable(media)
  const { call } = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: BROKEN_ORIGIN })
  const response = await call('/a')
  await response.body?.cancel()
  expect(response.headers.get('Cache-Control')).toBe(IMMUTABLE)
})

it('counts the result of a conditional request for a range past the end', async () => {
  await media.put?.('a', bytesOf('new'), { info: { etag: '"new"' } })
  await putImmutable(mediaKv)
  const { call } = startApp({ MEDIA: bucketWith({ head: failing }) })
  const response = await call('/a', { headers: { Range: 'bytes=90-', 'If-None-Match': '"tag"' } })
  expect([response.status, response.headers.get('Cache-Control')]).toEqual([304, 'no-store'])
})
