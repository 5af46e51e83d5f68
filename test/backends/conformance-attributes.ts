import { describe, expect, it } from 'vitest'
import type { ObjectAttributes } from '../../src/storage/backend.ts'
import { bytesOf, DIGITS, expectNothing, textOf, writable } from './conformance-fixtures.ts'
import type { Create, Traits } from './conformance.ts'

const REPRESENTATION: ObjectAttributes = {
  contentType: 'text/html; charset=utf-8',
  contentLanguage: 'de, en',
  contentDisposition: 'attachment; filename="a b.html"',
  cacheControl: 'public, max-age=60',
  expires: new Date('2030-01-02T03:04:05.000Z'),
  metadata: { author: 'Zoë 猫 😀', 'x-empty': 'x', album: 'a b+c%20' },
}

const COPY: ObjectAttributes = {
  contentType: 'image/png',
  etag: '"legacy-etag"',
  modified: new Date('2001-02-03T04:05:06.000Z'),
  provenance: {
    backend: 'legacy',
    etag: '"legacy-etag"',
    modified: new Date('2001-02-03T04:05:06.000Z'),
    copied: new Date('2026-01-01T00:00:00.123Z'),
  },
}

export function describeAttributes(create: Create, traits: Traits): void {
  describe('what is kept beside the bytes', () => {
    if (traits.encodings ?? true) describeEncodings(create)

    it('keeps the representation headers and user metadata in any script', async () => {
      const backend = await writable(create)
      await backend.put('write/page.html', DIGITS, { info: REPRESENTATION })
      const object = await backend.get('write/page.html')
      expect(object).toMatchObject(REPRESENTATION)
      await object?.body.cancel()
      expect(await backend.head('write/page.html')).toMatchObject(REPRESENTATION)
    })

    it('keeps the validators and the provenance of a copy', async () => {
      const backend = await writable(create)
      expect(await backend.put('write/copy.png', DIGITS, { info: COPY })).toMatchObject(COPY)
      const object = await backend.get('write/copy.png', { ifMatch: '"legacy-etag"' })
      expect(object).toMatchObject(COPY)
      expect(object?.metadata).toBeUndefined()
      await object?.body.cancel()
      expect(await backend.head('write/copy.png')).toMatchObject(COPY)
    })

    it('shows a tombstone as an object that is deleted, whatever range is requested', async () => {
      const backend = await writable(create)
      const deleted = new Date('2026-02-03T04:05:06.789Z')
      await backend.put('write/gone', DIGITS)
      await backend.put('write/gone', new Uint8Array(), { info: { deleted } })
      expect(await backend.head('write/gone')).toMatchObject({ deleted, size: 0 })
      for (const range of [
        undefined,
        { offset: 0 },
        { offset: 100, length: 5 },
        { suffix: 5 },
        { suffix: 0 },
      ]) {
        const object = await backend.get('write/gone', range && { range })
        expect(object).toMatchObject({ deleted })
        expect(await textOf(object)).toBe('')
      }
    })

    it('stores no metadata of a client that passes for its own', async () => {
      const backend = await writable(create)
      const metadata = {
        'fallback-storage-deleted': '2026-01-01T00:00:00.000Z',
        'fallback-storage-etag': '"x"',
        kept: 'yes',
      }
      await backend.put('write/forged', DIGITS, { info: { metadata } })
      const info = await backend.head('write/forged')
      expect(info?.deleted).toBeUndefined()
      expect(info?.etag).not.toBe('"x"')
      expect(info?.metadata?.['kept']).toBe('yes')
    })

    it('refuses more user metadata than it can keep', async () => {
      const backend = await writable(create)
      const put = backend.put('write/bad', DIGITS, { info: { metadata: { large: 'x'.repeat(9000) } } })
      await expect(put).rejects.toMatchObject({ code: 'too-large' })
      await expectNothing(backend, 'write/bad')
    })
  })
}

function describeEncodings(create: Create): void {
  it('gives encoded bytes back as they were stored', async () => {
    const backend = await writable(create)
    const gzipped = new Uint8Array(
      await new Response(
        new Blob(['hello']).stream().pipeThrough(new CompressionStream('gzip')),
      ).arrayBuffer(),
    )
    await backend.put('write/a.txt', gzipped, {
      info: { contentType: 'text/plain', contentEncoding: 'gzip' },
    })
    const object = await backend.get('write/a.txt')
    expect(object).toMatchObject({ contentEncoding: 'gzip', size: gzipped.length })
    expect(await bytesOf(object)).toEqual(gzipped)
  })
}
