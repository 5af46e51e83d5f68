import type { Backend, GetOptions, PutOptions, UploadedPart, WritableBackend } from '../storage/backend.ts'
import { type ErrorCode, StorageError, toStorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { partBytesFor } from '../methods/upload.ts'
import { uploadParts } from '../storage/upload-parts.ts'

/** At least: R2 and S3 allow 10,000 parts, and all except the last must have the same size. */
const MIN_PART_BYTES = 64 * 1024 ** 2
const ATTEMPTS_PER_PART = 3
/** Another try would fail the same way. */
const FINAL = new Set<ErrorCode>(['precondition', 'locked'])

/**
 * Copies an object that is too large for one put by ranged reads, each conditional on the source's ETag, so that changes of
 * the source are noticed. A part that fails is retried by itself. `null` if `onlyIf` did not hold.
 */
export async function copyInParts(
  source: Backend,
  target: WritableBackend,
  { name, size, etag }: ObjectInfo & { size: number },
  { copyName = name, ...put }: PutOptions & { copyName?: string },
): Promise<ObjectInfo | null> {
  if (!target.createMultipartUpload) {
    throw new StorageError('too-large', `${target.name} accepts no object of ${size} bytes`, {
      backend: target.name,
    })
  }
  if (etag === undefined || etag.startsWith('W/')) {
    const why = 'without a strong ETag at the source, its parts may be of different versions'
    throw new StorageError('unsupported', why, { backend: source.name })
  }
  const options = { ...put, size }
  const multipart = await target.createMultipartUpload(copyName, options)
  const partBytes = partBytesFor(size, MIN_PART_BYTES)
  return uploadParts(multipart, { size, partBytes, options }, (number, range) =>
    copyPart(source, name, { range, ifMatch: etag }, (body) =>
      multipart.uploadPart(number, body, range.length),
    ),
  )
}

async function copyPart(
  source: Backend,
  name: string,
  read: GetOptions,
  store: (body: ReadableStream<Uint8Array>) => Promise<UploadedPart>,
): Promise<UploadedPart> {
  for (let attempt = 1; ; attempt++) {
    try {
      const object = await source.get(name, read)
      if (!object)
        throw new StorageError(
          'precondition',
          'the object was removed from the source while it was being copied',
        )
      return await store(object.body)
    } catch (error) {
      const failure = toStorageError(error, source.name)
      if (FINAL.has(failure.code) || attempt === ATTEMPTS_PER_PART) throw failure
    }
  }
}
