import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { S3Backend } from '../../src/backends/s3/s3.ts'

import { bodyOf, chunksOf, failure, gzip, streamOf, THOUSAND } from './fixtures.ts'
import { connect, connectEmpty } from './server.ts'

const bytes = THOUSAND

let backend: S3Backend
beforeAll(async () => {
  backend = await connectEmpty('writing')
  await backend.put('thousand.bin', bytes)
})

describe('s3Backend() and writing', () => {
  it('creates an object only if there is none', async () => {
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

  it('detects that the server honours conditions, and leaves no trace of that', async () => {
    const sent: string[] = []
    const spied = (url: string, init: RequestInit) => {
      sent.push(`${init.method} ${new URL(url).pathname.split('/writing/')[1]}`)
      return fetch(url, init)
    }
    const fresh = connect('writing', { fetch: spied as typeof fetch })
    expect(await fresh.put('probed', streamOf(bytes), { size: 1000, onlyIf: 'absent' })).not.toBeNull()
    expect(await fresh.put('probed', streamOf(bytes), { size: 1000, onlyIf: 'absent' })).toBeNull()
    expect(sent.filter((request) => request.endsWith(' probed'))).toEqual(['PUT probed', 'PUT probed'])
    expect((await fresh.list({ prefix: '-/' })).objects).toEqual([])
  })

  it('replaces only the version that is named', async () => {
    const version = (await backend.put('versioned', bytes))?.version ?? ''
    const second = await backend.put('versioned', new Uint8Array(2), { onlyIf: { version } })
    expect(second).toMatchObject({ size: 2 })
    expect(await backend.put('versioned', new Uint8Array(3), { onlyIf: { version } })).toBeNull()
    expect(await backend.put('never-there', new Uint8Array(3), { onlyIf: { version } })).toBeNull()
    expect(await backend.head('versioned')).toMatchObject({ size: 2 })
  })

  it('keeps the current object if a large body comes late', async () => {
    await backend.put('taken', bytes)
    expect(await backend.put('taken', chunksOf(20e6, 65536), { size: 20e6, onlyIf: 'absent' })).toBeNull()
    expect(await backend.head('taken')).toMatchObject({ size: 1000 })
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

  it('keeps encoded bytes unchanged, with their length', async ({ skip }) => {
    skip(
      inject('s3').flavour === 'r2',
      'the front door of the local R2 decodes what is stored under an encoding',
    )
    const gzipped = await gzip(bytes)
    await backend.put('encoded', gzipped, { info: { contentEncoding: 'gzip', contentType: 'text/plain' } })
    expect(await backend.head('encoded')).toMatchObject({ contentEncoding: 'gzip', size: gzipped.length })
    const object = await backend.get('encoded')
    expect(object).toMatchObject({ contentEncoding: 'gzip', size: gzipped.length })
    expect(await bodyOf(object)).toEqual(gzipped)
    const part = await backend.get('encoded', { range: { offset: 3, length: 4 } })
    expect(await bodyOf(part)).toEqual(gzipped.slice(3, 7))
  })

  it('keeps the fields of the representation, and only those that were given', async () => {
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
    const { contentType, ...bare } = (await backend.head('bare')) ?? {}
    // R2's type for an object without one.
    expect([undefined, 'application/octet-stream']).toContain(contentType)
    expect(Object.keys(bare).toSorted()).toEqual([
      'backend',
      'digests',
      'etag',
      'modified',
      'name',
      'size',
      'version',
    ])
  })

  it('shows tombstones for every kind of request', async () => {
    const deleted = new Date('2026-01-01T00:00:00Z')
    await backend.put('tombs/a', new Uint8Array(0), { info: { deleted } })
    await backend.put('tombs/empty', new Uint8Array(0))
    expect(await backend.head('tombs/a')).toMatchObject({ deleted })
    const object = await backend.get('tombs/a', { range: { offset: 10 } })
    expect(object).toMatchObject({ deleted })
    expect(await bodyOf(object)).toHaveLength(0)
    const { objects } = await backend.list({ prefix: 'tombs/' })
    expect(objects.map((entry) => entry.deleted)).toEqual([deleted, undefined])
  })
})
