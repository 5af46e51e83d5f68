import { beforeAll, describe, expect, it } from 'vitest'
import { startUpload } from '../kit/uploads.ts'
import type { S3Backend } from '../../src/backends/s3/s3.ts'
import { withStaging } from '../../src/wrappers/staging.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { bodyOf, chunksOf, failure, THOUSAND } from './fixtures.ts'
import { connectEmpty } from './server.ts'

const bytes = THOUSAND
const PART = 5 * 1024 * 1024
let backend: S3Backend
beforeAll(async () => {
  backend = await connectEmpty('multipart')
  await backend.put('thousand.bin', bytes)
})

describe('s3Backend() and uploads of several parts', () => {
  it('joins the parts', async () => {
    const upload = await startUpload(backend, 'parts', {
      info: { contentType: 'video/mp4', etag: '"s"' },
      onlyIf: 'absent',
    })
    await upload.uploadPart(2, new Uint8Array(10).fill(2), 10)
    await upload.uploadPart(1, chunksOf(PART, 65536), PART)
    expect(await upload.complete()).toMatchObject({ size: PART + 10, etag: '"s"' })
    expect(await backend.head('parts')).toMatchObject({
      contentType: 'video/mp4',
      etag: '"s"',
      size: PART + 10,
    })
    const tail = await backend.get('parts', { range: { offset: PART - 1 } })
    expect(await bodyOf(tail)).toEqual(new Uint8Array([0, ...Array.from({ length: 10 }, () => 2)]))
  })

  it('does not replace an object that was stored in the meantime', async () => {
    const upload = await startUpload(backend, 'meanwhile', { onlyIf: 'absent' })
    await upload.uploadPart(1, new Uint8Array(10), 10)
    await backend.put('meanwhile', bytes)
    expect(await upload.complete()).toBeNull()
    expect(await bodyOf(await backend.get('meanwhile'))).toEqual(bytes)
    expect(await failure(upload.uploadPart(2, bytes, 1000))).toBeInstanceOf(StorageError)
  })

  it('are staged if they are conditional, and only get their name if the condition holds', async () => {
    const staging = withStaging(backend, (_, name, error) => {
      throw new Error(`${name} was left`, { cause: error })
    })
    for (const [name, isTaken] of [
      ['staged-free', false],
      ['staged-taken', true],
    ] as const) {
      const options = { info: { contentType: 'video/mp4', etag: '"s"' }, onlyIf: 'absent' as const }
      const upload = await startUpload(staging, name, options)
      await upload.uploadPart(1, bytes, 1000)
      if (isTaken) await backend.put(name, new Uint8Array(3))
      const stored = await upload.complete()
      expect(stored).toEqual(isTaken ? null : expect.objectContaining({ name, size: 1000, etag: '"s"' }))
      expect(await backend.head(name)).toMatchObject(
        isTaken ? { size: 3 } : { size: 1000, contentType: 'video/mp4', etag: '"s"' },
      )
    }
    expect((await backend.list({ prefix: '-/' })).objects).toEqual([])
  })

  it('leaves nothing of an aborted one, and accepts a second abort', async () => {
    const upload = await startUpload(backend, 'aborted')
    await upload.uploadPart(1, new Uint8Array(10), 10)
    await upload.abort()
    await upload.abort()
    expect(await backend.head('aborted')).toBeNull()
    expect(await failure(upload.complete())).toBeInstanceOf(StorageError)
  })

  it('refuses a part of another length', async () => {
    const upload = await startUpload(backend, 'wrong-part')
    expect(await failure(upload.uploadPart(1, chunksOf(90, 30), 100))).toMatchObject({ code: 'corrupt' })
    await upload.abort()
  })
})
