import { describe, expect, it } from 'vitest'
import {
  bytesOf,
  chunked,
  DIGITS,
  encoder,
  expectNothing,
  multipart,
  textOf,
} from './conformance-fixtures.ts'
import type { Create } from './conformance.ts'

const PART = 5 * 1024 * 1024

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

    it('can be aborted by their id, too, even if they are already gone', async () => {
      const { backend, start } = await multipart(create)
      const upload = await start('multi/left')
      await upload.uploadPart(1, DIGITS, 10)
      await backend.abortMultipartUpload?.('multi/left', upload.id)
      await backend.abortMultipartUpload?.('multi/left', upload.id)
      await expect(upload.complete()).rejects.toBeInstanceOf(Error)
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
