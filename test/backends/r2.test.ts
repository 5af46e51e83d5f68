import { env } from 'cloudflare:workers'
import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { withKnownLength } from '../../src/bodies/fixed-length.ts'
import { r2Backend } from '../../src/backends/r2/r2.ts'
import { describeBackend } from './conformance.ts'
import { chunked, DIGITS, DIGITS_MD5, DIGITS_SHA256, textOf } from './conformance-fixtures.ts'

afterEach(() => reset())

describeBackend('the R2 backend', async () => r2Backend('media', env.MEDIA), {
  writable: true,
  listable: true,
  conditional: true,
  multipart: true,
})

/** The real bucket, counting its operations; those named in `failures` fail that often first. */
function watched(failures: Record<string, (string | Error)[]> = {}) {
  const operations: string[] = []
  const watch = (operation: string): void => {
    operations.push(operation)
    const failure = failures[operation]?.shift()
    if (failure !== undefined) throw failure instanceof Error ? failure : new Error(failure)
  }
  const bucket = {
    async get(key: string, options?: R2GetOptions) {
      watch('get')
      return env.MEDIA.get(key, options)
    },
    async head(key: string) {
      watch('head')
      return env.MEDIA.head(key)
    },
    async put(key: string, value: Uint8Array | ReadableStream, options?: R2PutOptions) {
      watch('put')
      return env.MEDIA.put(key, value, options)
    },
    async list(options?: R2ListOptions) {
      watch('list')
      return env.MEDIA.list(options)
    },
  }
  // The binding's type has two signatures for each method, of which an object literal can implement only one.
  return { backend: r2Backend('media', bucket as unknown as R2Bucket), operations }
}

describe('a read', () => {
  it.each([[undefined], [{ offset: 3, length: 2 }], [{ offset: 3 }], [{ suffix: 3 }]])(
    'of the range %o is one operation',
    async (range) => {
      const { backend, operations } = watched()
      await env.MEDIA.put('a', DIGITS)
      const object = await backend.get('a', range && { range })
      expect((await textOf(object)).length).toBe(
        range ? ('length' in range && range.length) || ('offset' in range ? 7 : 3) : 10,
      )
      expect(await backend.get('none', range && { range })).toBeNull()
      expect(operations).toEqual(['get', 'get'])
    },
  )

  it('past the end looks up the size as well', async () => {
    const { backend, operations } = watched()
    await env.MEDIA.put('a', DIGITS)
    await expect(backend.get('a', { range: { offset: 10 } })).rejects.toMatchObject({ size: 10 })
    expect(operations).toEqual(['get', 'head'])
  })

  it.each(['get: We encountered an internal error. Please try again. (10001)', 'get: Unavailable (10043)'])(
    'is tried once more after %s',
    async (message) => {
      await env.MEDIA.put('a', DIGITS)
      const { backend, operations } = watched({ get: [message], head: [message, message] })
      expect(await textOf(await backend.get('a'))).toBe('0123456789')
      await expect(backend.head('a')).rejects.toMatchObject({ code: 'unavailable', backend: 'media' })
      expect(operations).toEqual(['get', 'get', 'head', 'head'])
    },
  )
})

describe('a failure of R2', () => {
  it.each([
    ['get: Access denied (10003)', 'denied'],
    ['get: The specified object name is not valid. (10020)', 'invalid'],
    ['get: The specified bucket name is not valid. (10005)', 'unavailable'],
    ['put: The object is locked by the bucket policy. (10069)', 'locked'],
    ['put: The object is locked by the bucket policy.', 'locked'],
    ['get: Something new (10999)', 'unavailable'],
    ['Network connection lost.', 'unavailable'],
  ])('%s becomes %s', async (message, code) => {
    const { backend } = watched({ get: [message, message] })
    await expect(backend.get('a')).rejects.toMatchObject({
      name: 'StorageError',
      code,
      backend: 'media',
    })
  })

  it('to accept the name of its bucket is not reported as “slow down”', async () => {
    const { backend } = watched({ get: ['get: The specified bucket name is not valid. (10005)'] })
    await expect(backend.get('a')).rejects.toThrow(/name of the bucket: check bucket_name/)
  })

  it('is distinguished from a bug in the call', async () => {
    const { backend } = watched({ get: [new TypeError('Incorrect type for the options')] })
    await expect(backend.get('a')).rejects.toMatchObject({ code: 'internal', cause: { name: 'TypeError' } })
  })

  it('does not repeat R2’s message', async () => {
    const { backend } = watched({ get: ['get: internal host 10.0.0.1 said no (10999)'] })
    await expect(backend.get('a')).rejects.toThrow(/^R2 failed with code 10999$/)
  })

  it('to accept a second write within a second is waited for, if the bytes can be sent again', async () => {
    const busy = 'put: Reduce your concurrent request rate for the same object. (10058)'
    const { backend, operations } = watched({ put: [busy, busy] })
    const began = Date.now()
    await expect(backend.put?.('a', chunked('01'), { size: 2 })).rejects.toMatchObject({
      code: 'too-many-writes',
      retryAfter: 1000,
    })
    expect(Date.now() - began).toBeLessThan(900)
    expect(await backend.put?.('a', DIGITS)).toMatchObject({ size: 10 })
    expect(Date.now() - began).toBeGreaterThanOrEqual(1000)
    expect(operations).toEqual(['put', 'put', 'put'])
  })

  it('to accept a second write within a second is not repeated once its caller aborts', async () => {
    const busy = 'put: Reduce your concurrent request rate for the same object. (10058)'
    const { backend, operations } = watched({ put: [busy] })
    const caller = new AbortController()
    const put = backend.put?.('a', DIGITS, { signal: caller.signal })
    setTimeout(() => caller.abort(), 20)
    await expect(put).rejects.toMatchObject({ cause: { name: 'AbortError' } })
    expect(operations).toEqual(['put'])
  })
})

describe('a write', () => {
  const all = {
    md5: DIGITS_MD5,
    sha1: '87acec17cd9dcd20a716cc2cf67417b71c8a7016',
    sha256: DIGITS_SHA256,
    crc32: 'a684c7c6',
    crc32c: '280c069e',
  }

  it('checks every digest that is announced', async () => {
    const backend = r2Backend('media', env.MEDIA)
    expect(await backend.put?.('a', DIGITS, { digests: all })).toMatchObject({ size: 10 })
    expect(await backend.put?.('b', chunked('01234', '56789'), { size: 10, digests: all })).toMatchObject({
      size: 10,
    })
    expect(await backend.head('b')).toMatchObject({ digests: { md5: DIGITS_MD5, sha256: DIGITS_SHA256 } })
  })

  it.each(Object.keys(all))('stores nothing when only its %s differs', async (name) => {
    const backend = r2Backend('media', env.MEDIA)
    const wrong = { ...all, [name]: '0'.repeat(all[name as keyof typeof all].length) }
    await expect(backend.put?.('a', DIGITS, { digests: wrong })).rejects.toMatchObject({ code: 'corrupt' })
    const stream = backend.put?.('a', chunked('01234', '56789'), { size: 10, digests: wrong })
    await expect(stream).rejects.toMatchObject({ code: 'corrupt' })
    expect(await env.MEDIA.head('a')).toBeNull()
  })

  it('ends if its caller aborts, and stores nothing', async () => {
    const caller = new AbortController()
    const stalling = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) })
    const put = r2Backend('media', env.MEDIA).put?.('a', stalling, { size: 10, signal: caller.signal })
    setTimeout(() => caller.abort(), 20)
    await expect(put).rejects.toMatchObject({ name: 'StorageError' })
    expect(await env.MEDIA.head('a')).toBeNull()
  })

  it('accepts the body of another backend, whatever kind of stream it is', async () => {
    const backend = r2Backend('media', env.MEDIA)
    const bytes = Uint8Array.from({ length: 1_000_000 }, (_, index) => (index * 31) & 0xff)
    await env.MEDIA.put('source', bytes)
    const native = await backend.get('source')
    expect(await backend.put?.('a', native?.body ?? DIGITS, { size: bytes.length })).toMatchObject({
      size: bytes.length,
    })
    const fixed = withKnownLength(chunked('01234', '56789'), 10)
    expect(await backend.put?.('b', fixed, { size: 10, digests: { sha256: DIGITS_SHA256 } })).toMatchObject({
      size: 10,
    })
    expect(new Uint8Array(await new Response((await backend.get('a'))?.body).arrayBuffer())).toEqual(bytes)
  })

  it('keeps 2 KB of user metadata in addition to the internal metadata', async () => {
    const backend = r2Backend('media', env.MEDIA)
    const copied = new Date()
    const metadata = { text: 'x'.repeat(2000) }
    const info = {
      metadata,
      etag: '"e"',
      modified: copied,
      provenance: { backend: 'legacy', etag: '"e"', modified: copied, copied },
    }
    expect(await backend.put?.('a', DIGITS, { info })).toMatchObject(info)
    expect(await backend.head('a')).toMatchObject(info)
  })
})

it('reads objects that others put into the bucket', async () => {
  await env.MEDIA.put('a', DIGITS, {
    httpMetadata: { contentType: 'image/webp', cacheControl: 'max-age=5' },
    customMetadata: { Author: 'x', 'fallback-storage-modified': 'not a date' },
  })
  const backend = r2Backend('media', env.MEDIA, { bucketName: 'prod-media' })
  const object = await env.MEDIA.head('a')
  expect(await backend.head('a')).toMatchObject({
    etag: object?.httpEtag,
    version: object?.etag,
    modified: object?.uploaded,
    contentType: 'image/webp',
    cacheControl: 'max-age=5',
    metadata: { Author: 'x' },
  })
  expect(backend.path?.('a b')).toBe('r2://prod-media/a b')
})
