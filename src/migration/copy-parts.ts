import type { Backend, MultipartUpload, PutCondition, WritableBackend } from '../storage/backend.ts'
import { StorageError, toStorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { attributesOfCopy, type CopyResult } from './copy-result.ts'

const MIB = 1024 * 1024
/** R2 and S3 take at most 10,000 parts; all but the last must be equal. */
const MAX_PARTS = 10_000
const MIN_PART_BYTES = 64 * MIB
const ATTEMPTS_PER_PART = 3

/**
 * Copies what is too large for one put by ranged reads, each conditional on the source's ETag: a source that changes
 * meanwhile is noticed, and a part that fails is tried again alone.
 */
export async function copyInParts(
  source: Backend,
  target: WritableBackend,
  info: ObjectInfo,
  onlyIf: PutCondition,
): Promise<CopyResult> {
  const { name, size, etag } = info
  if (size === undefined) throw new StorageError('invalid', 'parts need a known size', { name })
  if (!target.createMultipartUpload) {
    throw new StorageError('too-large', `${target.name} accepts no object of ${size} bytes`, {
      backend: target.name,
      name,
    })
  }
  if (etag === undefined || etag.startsWith('W/')) {
    const why = 'without a strong ETag at the source, its parts may be of different versions'
    throw new StorageError('unsupported', why, { backend: source.name, name })
  }
  const multipart = await target.createMultipartUpload(name, {
    info: attributesOfCopy(info),
    onlyIf,
    size,
  })
  try {
    const partBytes = Math.max(MIN_PART_BYTES, Math.ceil(size / MAX_PARTS / MIB) * MIB)
    for (let offset = 0, number = 1; offset < size; offset += partBytes, number++) {
      const length = Math.min(partBytes, size - offset)
      await copyPart(source, multipart, { name, etag, offset, length, number })
    }
    const stored = await multipart.complete()
    return stored ? { outcome: 'copied', bytes: size } : { outcome: 'present', bytes: 0 }
  } catch (error) {
    // The first error is the one to tell.
    await Promise.allSettled([multipart.abort()])
    throw error
  }
}

interface Part {
  name: string
  etag: string
  offset: number
  length: number
  number: number
}

async function copyPart(source: Backend, multipart: MultipartUpload, part: Part): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { name, etag, offset, length, number } = part
      const object = await source.get(name, { range: { offset, length }, ifMatch: etag })
      if (!object)
        throw new StorageError('precondition', 'the source lost the object while it was copied', { name })
      return await multipart.uploadPart(number, object.body, length)
    } catch (error) {
      const failure = toStorageError(error, source.name, part.name)
      if (failure.code === 'precondition' || attempt === ATTEMPTS_PER_PART) throw failure
    }
  }
}
