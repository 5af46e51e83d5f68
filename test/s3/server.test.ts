import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { S3Backend } from '../../src/backends/s3.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { connect, connectEmpty } from './server.ts'

const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index % 251)
const base = 'https://media.example/'
const PART = 5 * 1024 * 1024

let backend: S3Backend
beforeAll(async () => {
  backend = await connectEmpty('server')
  await backend.put('thousand.bin', bytes)
})

describe('s3Backend() and signatures', () => {
  it('is denied with a wrong secret, and does not tell it', async () => {
    const { credentials } = inject('s3')
    const wrong = connect('server', { credentials: { ...credentials, secretAccessKey: 'wrong-secret' } })
    const error = await failure(wrong.get('thousand.bin'))
    expect(error).toMatchObject({ code: 'denied', status: 403 })
    expect(JSON.stringify([error.message, error.cause ?? ''])).not.toMatch(/wrong-secret|Signature=/)
    expect(await failure(wrong.head('thousand.bin'))).toMatchObject({ code: 'denied' })
    expect(await failure(wrong.list())).toMatchObject({ code: 'denied' })
    expect(await failure(wrong.put('x', bytes))).toMatchObject({ code: 'denied' })
  })

  it('does not take wrong credentials for absence, even where 403 proves it', async () => {
    const { credentials } = inject('s3')
    const wrong = connect('server', {
      credentials: { ...credentials, secretAccessKey: 'wrong-secret' },
      absentStatuses: [403, 404],
    })
    expect(await failure(wrong.get('missing'))).toMatchObject({ code: 'denied' })
    expect(await failure(wrong.head('missing'))).toMatchObject({ code: 'denied' })
  })

  it('makes URLs that anyone can fetch', async () => {
    const url = await backend.url('thousand.bin', { base, expiresIn: 60 })
    const answer = await fetch(url, { headers: { Range: 'bytes=0-9' } })
    expect(answer.status).toBe(206)
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes.slice(0, 10))
    const forged = await fetch(url.replace('thousand.bin', 'other.bin'))
    expect(forged.status).toBe(403)
    await forged.body?.cancel()
  })
})

describe('s3Backend() and absence', () => {
  it('misses what is not there', async () => {
    expect(await backend.get('missing')).toBeNull()
    expect(await backend.get('missing', { range: { offset: 5 } })).toBeNull()
    expect(await backend.get('missing', { range: { suffix: 0 } })).toBeNull()
    expect(await backend.head('missing')).toBeNull()
  })

  it('fails when the bucket itself is missing', async () => {
    const { flavour: _flavour, ...server } = inject('s3')
    const astray = connect('server', { ...server, bucket: 'no-such-bucket' })
    expect(await failure(astray.head('x'))).toMatchObject({ code: 'unavailable', status: 404 })
    expect(await failure(astray.get('x'))).toMatchObject({ code: 'unavailable', status: 404 })
    expect(await failure(astray.list())).toMatchObject({ code: 'unavailable', status: 404 })
  })

  it('fails when nobody listens', async () => {
    const nowhere = connect('server', { endpoint: 'http://127.0.0.1:1' })
    expect(await failure(nowhere.get('x'))).toMatchObject({ code: 'unavailable', backend: 's3' })
  })
})

describe('s3Backend() and ranges', () => {
  it.each([
    [{ offset: 0, length: 1 }, 0, 0],
    [{ offset: 10 }, 10, 999],
    [{ offset: 990, length: 500 }, 990, 999],
    [{ suffix: 7 }, 993, 999],
    [{ suffix: 5000 }, 0, 999],
  ])('answers %j with that part', async (range, start, end) => {
    const object = await backend.get('thousand.bin', { range })
    expect(object).toMatchObject({ size: 1000, range: { start, end } })
    expect(await bodyOf(object)).toEqual(bytes.slice(start, end + 1))
  })

  it.each([[{ offset: 1000 }], [{ offset: 5000, length: 2 }], [{ suffix: 0 }]])(
    'says that %j begins past the end, and where that is',
    async (range) => {
      const error = await failure(backend.get('thousand.bin', { range }))
      expect(error).toMatchObject({ code: 'unsatisfiable', size: 1000 })
    },
  )

  it('gives the part only of the version that is named', async () => {
    const etag = (await backend.head('thousand.bin'))?.etag ?? ''
    const object = await backend.get('thousand.bin', { ifMatch: etag, range: { offset: 1, length: 2 } })
    expect(await bodyOf(object)).toEqual(bytes.slice(1, 3))
    expect(await failure(backend.get('thousand.bin', { ifMatch: '"another"' }))).toMatchObject({
      code: 'precondition',
    })
  })

  it('knows a copy by the ETag of its source', async () => {
    await backend.put('copy.bin', bytes, { info: { etag: '"source"' } })
    const object = await backend.get('copy.bin', { ifMatch: '"source"' })
    expect(object).toMatchObject({ etag: '"source"' })
    expect(await bodyOf(object)).toEqual(bytes)
  })
})

describe('s3Backend() and writing', () => {
  it('creates only where nothing is', async () => {
    expect(await backend.put('once', bytes, { onlyIf: 'absent' })).toMatchObject({ size: 1000 })
    expect(await backend.put('once', streamOf(bytes), { size: 1000, onlyIf: 'absent' })).toBeNull()
    expect(await backend.put('once', new Uint8Array(1), { onlyIf: 'absent' })).toBeNull()
    expect(await bodyOf(await backend.get('once'))).toEqual(bytes)
  })

  it('lets one of several creations at once win', async () => {
    const bodies = Array.from({ length: 8 }, (_, index) => new Uint8Array(64 * 1024).fill(index))
    const stored = await Promise.all(bodies.map((body) => backend.put('race', body, { onlyIf: 'absent' })))
    expect(stored.filter((info) => info !== null)).toHaveLength(1)
    const winner = stored.findIndex((info) => info !== null)
    expect(await bodyOf(await backend.get('race'))).toEqual(bodies[winner])
  })

  it('replaces only the version that is named', async () => {
    const version = (await backend.put('versioned', bytes))?.version ?? ''
    const second = await backend.put('versioned', new Uint8Array(2), { onlyIf: { version } })
    expect(second).toMatchObject({ size: 2 })
    expect(await backend.put('versioned', new Uint8Array(3), { onlyIf: { version } })).toBeNull()
    expect(await backend.put('never-there', new Uint8Array(3), { onlyIf: { version } })).toBeNull()
    expect(await backend.head('versioned')).toMatchObject({ size: 2 })
  })

  it('does not read a large body that the condition refuses', async () => {
    await backend.put('taken', bytes)
    let cancelled = false
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
      cancel: () => {
        cancelled = true
      },
    })
    expect(await backend.put('taken', endless, { size: 1e9, onlyIf: 'absent' })).toBeNull()
    expect(cancelled).toBe(true)
  })

  it.each([
    ['short', 900],
    ['long', 1100],
  ])('stores nothing of a body that is too %s', async (kind, length) => {
    for (const body of [streamOf(new Uint8Array(length)), chunksOf(length, 100), new Uint8Array(length)]) {
      const error = await failure(backend.put(`wrong-${kind}`, body, { size: 1000 }))
      expect(error).toMatchObject({ code: 'corrupt' })
    }
    expect(await backend.head(`wrong-${kind}`)).toBeNull()
  })

  it.each([
    ['md5', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['sha1', 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
    ['sha256', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['crc32', '00000000'],
  ])('stores nothing when the %s differs', async (algorithm, digest) => {
    const digests = { [algorithm]: digest }
    for (const body of [bytes, streamOf(bytes)]) {
      const error = await failure(backend.put(`wrong-${algorithm}`, body, { size: 1000, digests }))
      expect(error).toMatchObject({ code: 'corrupt' })
    }
    expect(await backend.head(`wrong-${algorithm}`)).toBeNull()
    expect(await backend.put(`right-${algorithm}`, new Uint8Array(0), { digests })).toMatchObject({ size: 0 })
  })

  it('keeps encoded bytes as they are, with their length', async () => {
    const gzipped = await gzip(bytes)
    await backend.put('encoded', gzipped, { info: { contentEncoding: 'gzip', contentType: 'text/plain' } })
    expect(await backend.head('encoded')).toMatchObject({ contentEncoding: 'gzip', size: gzipped.length })
    const object = await backend.get('encoded')
    expect(object).toMatchObject({ contentEncoding: 'gzip', size: gzipped.length })
    expect(await bodyOf(object)).toEqual(gzipped)
    const part = await backend.get('encoded', { range: { offset: 3, length: 4 } })
    expect(await bodyOf(part)).toEqual(gzipped.slice(3, 7))
  })

  it('keeps what belongs to the representation, and nothing that was not given', async () => {
    const info = {
      contentType: 'text/plain; charset=utf-8',
      contentLanguage: 'de',
      contentDisposition: 'attachment; filename="x.txt"',
      cacheControl: 'max-age=60',
      expires: new Date('2030-01-02T03:04:05Z'),
      metadata: { plain: 'a  b', 'non-ascii': 'Grüße 日本 🎉', 'with-quotes': '"=?UTF-8?Q?x?="' },
    }
    await backend.put('representation', bytes, { info })
    expect(await backend.head('representation')).toMatchObject(info)
    await backend.put('bare', bytes)
    expect(Object.keys((await backend.head('bare')) ?? {}).toSorted()).toEqual([
      'backend',
      'digests',
      'etag',
      'modified',
      'name',
      'size',
      'version',
    ])
  })

  it('shows tombstones as such, whatever is asked of them', async () => {
    const deleted = new Date('2026-01-01T00:00:00Z')
    await backend.put('tombs/buried', new Uint8Array(0), { info: { deleted } })
    await backend.put('tombs/empty', new Uint8Array(0))
    expect(await backend.head('tombs/buried')).toMatchObject({ deleted })
    const object = await backend.get('tombs/buried', { range: { offset: 10 } })
    expect(object).toMatchObject({ deleted })
    expect(await bodyOf(object)).toHaveLength(0)
    const { objects } = await backend.list({ prefix: 'tombs/' })
    expect(objects.map((entry) => entry.deleted)).toEqual([deleted, undefined])
  })
})

describe('s3Backend() and uploads of several parts', () => {
  it('joins the parts', async () => {
    const upload = await backend.createMultipartUpload('parts', { contentType: 'video/mp4', etag: '"s"' })
    await upload.uploadPart(2, new Uint8Array(10).fill(2), 10)
    await upload.uploadPart(1, chunksOf(PART, 65536), PART)
    expect(await upload.complete('absent')).toMatchObject({ size: PART + 10, etag: '"s"' })
    expect(await backend.head('parts')).toMatchObject({
      contentType: 'video/mp4',
      etag: '"s"',
      size: PART + 10,
    })
    const tail = await backend.get('parts', { range: { offset: PART - 1 } })
    expect(await bodyOf(tail)).toEqual(new Uint8Array([0, ...Array.from({ length: 10 }, () => 2)]))
  })

  it('does not replace what came meanwhile', async () => {
    const upload = await backend.createMultipartUpload('meanwhile')
    await upload.uploadPart(1, new Uint8Array(10), 10)
    await backend.put('meanwhile', bytes)
    expect(await upload.complete('absent')).toBeNull()
    expect(await bodyOf(await backend.get('meanwhile'))).toEqual(bytes)
    expect(await failure(upload.uploadPart(2, bytes, 1000))).toBeInstanceOf(StorageError)
  })

  it('leaves nothing of an aborted one, and takes a second abort', async () => {
    const upload = await backend.createMultipartUpload('aborted')
    await upload.uploadPart(1, new Uint8Array(10), 10)
    await upload.abort()
    await upload.abort()
    expect(await backend.head('aborted')).toBeNull()
    expect(await failure(upload.complete())).toBeInstanceOf(StorageError)
  })

  it('refuses a part of another length', async () => {
    const upload = await backend.createMultipartUpload('wrong-part')
    expect(await failure(upload.uploadPart(1, chunksOf(90, 30), 100))).toMatchObject({ code: 'corrupt' })
    await upload.abort()
  })
})

async function failure(promise: Promise<unknown>): Promise<StorageError> {
  const error: unknown = await promise.then(
    (value) => value,
    (reason: unknown) => reason,
  )
  if (error instanceof StorageError) return error
  throw new Error(`expected a StorageError, got ${String(error)}`)
}

async function bodyOf(object: { body: ReadableStream<Uint8Array> } | null): Promise<Uint8Array> {
  return new Uint8Array(await new Response(object?.body).arrayBuffer())
}

function streamOf(content: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  return new Response(content).body as ReadableStream<Uint8Array>
}

function chunksOf(total: number, chunk: number): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent >= total) return controller.close()
      const length = Math.min(chunk, total - sent)
      controller.enqueue(new Uint8Array(length))
      sent += length
    },
  })
}

function gzip(content: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = streamOf(content).pipeThrough(new CompressionStream('gzip'))
  return new Response(stream).arrayBuffer().then((buffer) => new Uint8Array(buffer))
}
