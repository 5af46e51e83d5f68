import { describe, expect, it } from 'vitest'
import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import type { WritableBackend } from '../../src/storage/backend.ts'
import { createChunkReader } from '../../src/bodies/chunks.ts'
import { upload } from '../../src/methods/upload.ts'

const MIB = 1024 * 1024
const PART = 8 * MIB

const PATTERN = Uint8Array.from({ length: 65_521 }, (_, index) => (index * 31) % 251)

/** Bytes that differ by position. */
function bytesOf(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let offset = 0; offset < size; offset += PATTERN.length) {
    bytes.set(PATTERN.subarray(0, size - offset), offset)
  }
  return bytes
}

function streamOf(bytes: Uint8Array, options: { failAt?: number; chunk?: number } = {}) {
  let offset = 0
  let cancelled: unknown
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const end = Math.min(bytes.length, offset + (options.chunk ?? 70_001))
      if (options.failAt !== undefined && end > options.failAt)
        return controller.error(new Error('broke off'))
      if (end > offset) controller.enqueue(bytes.slice(offset, end))
      offset = end
      if (offset === bytes.length) controller.close()
    },
    cancel(reason) {
      cancelled = reason
    },
  })
  return { stream, wasCancelled: () => cancelled !== undefined }
}

async function sha256(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).toHex()
}

/** Runs `work` before each part is stored. */
function beforeEachPart(
  backend: MemoryBackend,
  work: (number: number, size: number) => Promise<void>,
): WritableBackend {
  return {
    ...backend,
    async createMultipartUpload(name) {
      const multipart = await backend.createMultipartUpload(name)
      return {
        ...multipart,
        async uploadPart(number, body, size) {
          await work(number, size)
          return multipart.uploadPart(number, body, size)
        },
      }
    },
  }
}

describe('upload()', () => {
  it.each([0, 1, 1000, PART - 1, PART, PART + 1, 2 * PART, 20 * MIB + 7])(
    'stores %i bytes of unknown length as they came',
    async (size) => {
      const backend = memoryBackend('m')
      const bytes = bytesOf(size)
      const stored = await upload(backend, 'a', streamOf(bytes).stream)
      expect(stored?.size).toBe(size)
      expect(stored?.digests?.sha256).toBe(await sha256(bytes))
      expect(backend.uploads.size).toBe(0)
    },
  )

  it('stores objects that are too large for one put in parts', async () => {
    const backend = { ...memoryBackend('m'), maxPutSize: 5 * MIB }
    const bytes = bytesOf(9 * MIB)
    const options = { size: bytes.length, info: { contentType: 'image/x' } }
    const stored = await upload(backend, 'a', streamOf(bytes).stream, options)
    expect([stored?.digests?.sha256, stored?.contentType]).toEqual([await sha256(bytes), 'image/x'])
  })

  it('keeps the current object if the condition does not hold, in parts too', async () => {
    const backend = memoryBackend('m')
    await backend.put('a', bytesOf(3))
    for (const size of [10, 9 * MIB]) {
      expect(await upload(backend, 'a', streamOf(bytesOf(size)).stream, { onlyIf: 'absent' })).toBeNull()
    }
    expect(backend.objects.get('a')?.bytes.length).toBe(3)
    expect(backend.uploads.size).toBe(0)
  })

  it.each([
    ['fails in the first part', { failAt: MIB }, {}, 'was interrupted'],
    ['fails in a later part', { failAt: 9 * MIB }, {}, 'was interrupted'],
    ['has another digest', {}, { digests: { sha256: '00'.repeat(32) } }, 'digest'],
    ['is longer than allowed, which only shows late', {}, { maxBytes: 9 * MIB }, 'is larger than'],
    ['is longer than announced', {}, { size: 9 * MIB }, 'announced'],
    ['is shorter than announced', {}, { size: 11 * MIB }, 'announced'],
  ])('stores nothing and leaves no upload behind when a body %s', async (_, source, options, message) => {
    const backend = { ...memoryBackend('m'), maxPutSize: 5 * MIB }
    const { stream } = streamOf(bytesOf(10 * MIB), source)
    await expect(upload(backend, 'a', stream, options)).rejects.toThrow(message)
    expect([backend.objects.size, backend.uploads.size]).toEqual([0, 0])
  })

  it('checks the digest of a body that is stored in parts', async () => {
    const backend = memoryBackend('m')
    const bytes = bytesOf(9 * MIB)
    const stored = await upload(backend, 'a', streamOf(bytes).stream, {
      digests: { sha256: await sha256(bytes) },
    })
    expect(stored?.size).toBe(bytes.length)
  })

  it('aborts and cancels the body when a part cannot be stored', async () => {
    const backend = memoryBackend('m')
    const failing = beforeEachPart(backend, async (number) => {
      if (number === 2) throw new Error('part refused')
    })
    const { stream, wasCancelled } = streamOf(bytesOf(40 * MIB), { chunk: MIB })
    await expect(upload(failing, 'a', stream)).rejects.toThrow('part refused')
    expect([wasCancelled(), backend.objects.size]).toEqual([true, 0])
  })

  it('never has more than two parts of a body in memory', async () => {
    let read = 0
    let stored = 0
    let most = 0
    const slow = beforeEachPart(memoryBackend('m'), async (_, size) => {
      await scheduler.wait(5)
      most = Math.max(most, read - stored)
      stored += size
    })
    const source = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (read === 6 * PART) return controller.close()
          read += MIB
          controller.enqueue(new Uint8Array(MIB))
        },
      },
      { highWaterMark: 0 },
    )
    await upload(slow, 'a', source)
    expect(most).toBeLessThanOrEqual(2 * PART + MIB)
    expect(most).toBeGreaterThan(PART)
  })

  it('refuses a known length that is too large before it reads a byte', async () => {
    const { stream, wasCancelled } = streamOf(bytesOf(100), { chunk: 10 })
    const small = { ...memoryBackend('m'), maxSize: 99 }
    await expect(upload(small, 'a', stream, { size: 100 })).rejects.toMatchObject({ code: 'too-large' })
    expect(wasCancelled()).toBe(true)
  })

  it('reads a body of unknown length into memory for a backend without multipart uploads, up to its limit', async () => {
    const { createMultipartUpload: _, ...whole } = memoryBackend('m')
    const small: WritableBackend = { ...whole, maxSize: 100_000 }
    expect((await upload(small, 'a', streamOf(bytesOf(100_000)).stream))?.size).toBe(100_000)
    await expect(upload(small, 'b', streamOf(bytesOf(100_001)).stream)).rejects.toMatchObject({
      code: 'too-large',
    })
  })
})

describe('createChunkReader()', () => {
  it.each([1, 2, 3, 7, 10, 11])('cuts a stream into parts of %i bytes, whatever its chunks', async (size) => {
    const bytes = bytesOf(10)
    for (const chunk of [1, 3, 10]) {
      const parts = createChunkReader(streamOf(bytes, { chunk }).stream)
      const cut: number[][] = []
      for (let part = await parts.next(size); part.length > 0; part = await parts.next(size))
        cut.push(Array.from(part))
      expect(cut.flat()).toEqual(Array.from(bytes))
      expect(cut.slice(0, -1).every((part) => part.length === size)).toBe(true)
    }
  })
})
