import { expect, it } from 'vitest'
import { startUpload } from '../kit/uploads.ts'
import { memoryBackend } from '../kit/memory.ts'
import { describeBackend } from './conformance.ts'

const traits = { writable: true, listable: true, conditional: true, multipart: true }

describeBackend('the memory backend', async () => memoryBackend('memory'), traits)
describeBackend(
  'the memory backend in pages of two',
  async () => memoryBackend('memory', { pageSize: 2 }),
  traits,
)

it('shows which multipart uploads are left over', async () => {
  const backend = memoryBackend('memory')
  const upload = await startUpload(backend, 'a')
  expect(backend.uploads.size).toBe(1)
  await upload.abort()
  expect(backend.uploads.size).toBe(0)
})

it('refuses parts that R2 and S3 would refuse', async () => {
  const upload = await startUpload(memoryBackend('memory'), 'a')
  await upload.uploadPart(1, new Uint8Array(10), 10)
  await upload.uploadPart(2, new Uint8Array(10), 10)
  await expect(upload.complete()).rejects.toMatchObject({ code: 'invalid' })
})

it('uses the given clock', async () => {
  const now = new Date('2026-01-01T00:00:00.000Z')
  const stored = await memoryBackend('memory', { now: () => now }).put('a', new Uint8Array())
  expect(stored).toMatchObject({ modified: now, created: now })
})
