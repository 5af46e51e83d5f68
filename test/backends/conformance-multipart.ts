import { describe, expect, it } from 'vitest'
import {
  bytesOf,
  chunked,
  DIGITS,
  DIGITS_MD5,
  encoder,
  expectNothing,
  multipart,
  textOf,
} from './conformance-fixtures.ts'
import type { Backend, MultipartUpload } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import type { Create } from './conformance.ts'

const PART = 5 * 1024 * 1024

function resumed(backend: Backend, name: string, id: string): MultipartUpload {
  const upload = backend.resumeMultipartUpload?.(name, id)
  if (!upload) throw new Error(`${backend.name} has no resumeMultipartUpload`)
  return upload
}

export function describeMultipart(create: Create): void {
  describe('multipart uploads', () => {
    it('joins parts that came in any order', async () => {
      const { backend, start } = await multipart(create)
      const upload = await start('multi/video.mp4')
      await upload.uploadPart(2, chunked('01234', '56789'), 10)
      await upload.uploadPart(1, new Uint8Array(PART).fill(65), PART)
      await expectNothing(backend, 'multi/video.mp4')
      const stored = await upload.complete()
      expect(stored).toMatchObject({ name: 'multi/video.mp4', size: PART + 10 })
      const object = await backend.get('multi/video.mp4', { range: { offset: PART - 2 } })
      expect(object).toMatchObject({
        contentType: 'video/mp4',
        size: PART + 10,
        range: { start: PART - 2, end: PART + 9 },
      })
      expect(await textOf(object)).toBe('AA0123456789')
      expect((await bytesOf(await backend.get('multi/video.mp4'))).length).toBe(PART + 10)
    })

    it('stores nothing when it is aborted', async () => {
      const { backend, start } = await multipart(create)
      const upload = await start('multi/aborted')
      await upload.uploadPart(1, DIGITS, 10)
      await upload.abort()
      expect(await backend.head('multi/aborted')).toBeNull()
    })

    it('can be resumed by their id alone', async () => {
      const { backend, start } = await multipart(create)
      const { id } = await start('multi/resumed')
      const resume = () => resumed(backend, 'multi/resumed', id)
      const parts = [
        await resume().uploadPart(1, new Uint8Array(PART).fill(65), PART),
        await resume().uploadPart(2, chunked('01234', '56789'), 10),
      ]
      expect(parts).toMatchObject([
        { number: 1, size: PART },
        { number: 2, size: 10 },
      ])
      expect(await resume().complete(parts)).toMatchObject({ size: PART + 10 })
      const object = await backend.get('multi/resumed', { range: { offset: PART - 2 } })
      expect(object).toMatchObject({ contentType: 'video/mp4' })
      expect(await textOf(object)).toBe('AA0123456789')
    })

    it('joins the last bytes that were sent for each part', async () => {
      const { backend, start } = await multipart(create)
      const { id } = await start('multi/chosen')
      const upload = resumed(backend, 'multi/chosen', id)
      await upload.uploadPart(1, DIGITS, 10)
      const part = await upload.uploadPart(1, encoder.encode('again'), 5)
      expect(await upload.complete([part])).toMatchObject({ size: 5 })
      expect(await textOf(await backend.get('multi/chosen'))).toBe('again')
    })

    it('stores no part whose digest is another one', async () => {
      const { backend, start } = await multipart(create)
      const { id } = await start('multi/digests')
      const upload = resumed(backend, 'multi/digests', id)
      for (const body of [DIGITS, chunked('01234', '56789')])
        await expect(
          upload.uploadPart(1, body, 10, { md5: DIGITS_MD5, crc32: '00000000' }),
        ).rejects.toMatchObject({ code: 'corrupt' })
      await expect(upload.complete([{ number: 1, tag: DIGITS_MD5, size: 10 }])).rejects.toMatchObject({
        code: 'invalid',
      })
      const part = await upload.uploadPart(1, chunked('01234', '56789'), 10, { md5: DIGITS_MD5 })
      expect(await upload.complete([part])).toMatchObject({ size: 10 })
    })

    it('can be aborted by their id, too, even if they are already gone', async () => {
      const { backend, start } = await multipart(create)
      const upload = await start('multi/left')
      const part = await upload.uploadPart(1, DIGITS, 10)
      const { abort, complete, uploadPart } = resumed(backend, 'multi/left', upload.id)
      await abort()
      await abort()
      await expect(uploadPart(1, DIGITS, 10)).rejects.toMatchObject({ code: 'precondition' })
      // radosgw answers 500 to this.
      await expect(complete([part])).rejects.toBeInstanceOf(StorageError)
      await expectNothing(backend, 'multi/left')
    })

    it('yields to an object that was stored in the meantime', async () => {
      const { backend, start } = await multipart(create)
      const upload = await start('multi/raced', 'absent')
      await upload.uploadPart(1, DIGITS, 10)
      await backend.put('multi/raced', encoder.encode('winner'))
      expect(await upload.complete()).toBeNull()
      expect(await textOf(await backend.get('multi/raced'))).toBe('winner')
    })

    it('completes if nothing was stored in the meantime', async () => {
      const { backend, start } = await multipart(create)
      const upload = await start('multi/alone', 'absent')
      await upload.uploadPart(1, DIGITS, 10)
      expect(await upload.complete()).toMatchObject({ size: 10 })
      expect(await textOf(await backend.get('multi/alone'))).toBe('0123456789')
    })

    it('fails for a part that is short', async () => {
      const { backend, start } = await multipart(create)
      const upload = await start('multi/short')
      await expect(upload.uploadPart(1, chunked('0123'), 10)).rejects.toMatchObject({ code: 'corrupt' })
      await upload.abort()
      await expectNothing(backend, 'multi/short')
    })
  })
}
