import type { MultipartUpload, PutOptions, WritableBackend } from './backend.ts'
import { cancelBody } from './cancel-body.ts'
import { verifyingStream } from './digest.ts'
import { StorageError } from './errors.ts'
import type { ObjectInfo } from './object.ts'
import { createPartReader, type PartReader } from './part-reader.ts'

export interface UploadOptions extends PutOptions {
  /** Longer bodies throw `too-large` as soon as that shows. */
  maxBytes?: number
  /** Bytes of a part where the length is not known. R2 and S3 want at least 5 MiB. Default: 8 MiB. */
  partBytes?: number
}

const MIB = 1024 * 1024
/** One part is read while another is stored: memory holds two. R2 and S3 want at least 5 MiB. */
const PART_BYTES = 8 * MIB
/** R2 and S3 take no more parts in one upload. */
const MAX_PARTS = 10_000
/** Most bytes of a body of unknown length that are held for a backend without multipart uploads. */
const MAX_BUFFERED_BYTES = 25 * MIB

/**
 * Stores a body of any size, known or not: whole or not at all. `null` when `onlyIf` did not hold.
 * The body is read to its end or cancelled.
 */
export async function upload(
  backend: WritableBackend,
  name: string,
  body: ReadableStream<Uint8Array> | Uint8Array,
  options: UploadOptions = {},
): Promise<ObjectInfo | null> {
  const { maxBytes = Infinity, partBytes = PART_BYTES, ...putOptions } = options
  const size = body instanceof Uint8Array ? body.length : options.size
  const limit = Math.min(maxBytes, backend.maxSize ?? Infinity)
  if (size !== undefined && size > limit) {
    const error = tooLarge(backend, name, limit)
    await cancelBody(body, error)
    throw error
  }
  if (size !== undefined && size <= (backend.maxPutSize ?? Infinity)) {
    return backend.put(name, body, { ...putOptions, size })
  }
  const { digests } = options
  const stream = body instanceof Uint8Array ? streamOf(body) : body
  const parts = createPartReader(digests ? stream.pipeThrough(verifyingStream(digests)) : stream)
  try {
    return await uploadStream(backend, name, parts, {
      ...putOptions,
      ...(size !== undefined && { size }),
      limit,
      wishedBytes: partBytes,
    })
  } catch (error) {
    await Promise.allSettled([parts.cancel(error)])
    throw error
  }
}

type StreamOptions = PutOptions & { limit: number; wishedBytes: number }

/** One put when the body turns out to fit into a part, else a multipart upload. */
async function uploadStream(
  backend: WritableBackend,
  name: string,
  parts: PartReader,
  options: StreamOptions,
): Promise<ObjectInfo | null> {
  const { limit, size, wishedBytes, ...putOptions } = options
  const partBytes = backend.createMultipartUpload
    ? Math.max(wishedBytes, Math.ceil((size ?? 0) / MAX_PARTS / MIB) * MIB)
    : Math.min(limit, MAX_BUFFERED_BYTES) + 1
  const first = await parts.next(partBytes)
  if (first.length > limit) throw tooLarge(backend, name, limit)
  if (first.length < partBytes) {
    checkLength(first.length, size)
    return backend.put(name, first, { ...putOptions, size: first.length })
  }
  const multipart = await backend.createMultipartUpload?.(name, {
    ...putOptions,
    ...(size !== undefined && { size }),
  })
  if (!multipart) throw tooLarge(backend, name, partBytes - 1)
  const check = (sum: number): void => {
    if (sum > limit) throw tooLarge(backend, name, limit)
    if (size !== undefined && sum > size) throw wrongLength(sum, size)
  }
  try {
    const length = await uploadParts(multipart, parts, { first, check })
    checkLength(length, size)
    return await multipart.complete()
  } catch (error) {
    // The first error is the one to tell. An upload left behind is removed by R2 and S3 after some days.
    await Promise.allSettled([multipart.abort()])
    throw error
  }
}

/** Stores `first` and all that follows in parts of its size; the sum of the bytes. */
async function uploadParts(
  multipart: MultipartUpload,
  parts: PartReader,
  { first, check }: { first: Uint8Array; check: (sum: number) => void },
): Promise<number> {
  let sum = 0
  let storing: Promise<void> = Promise.resolve()
  try {
    for (let number = 1, part = first; part.length > 0; number++) {
      sum += part.length
      check(sum)
      await storing
      storing = multipart.uploadPart(number, part, part.length)
      // Its failure is thrown by the next `await storing`; until then it must not count as unhandled.
      storing.catch(() => {})
      part = await parts.next(first.length)
    }
    await storing
    return sum
  } finally {
    await Promise.allSettled([storing])
  }
}

function checkLength(length: number, size: number | undefined): void {
  if (size !== undefined && size !== length) throw wrongLength(length, size)
}

function wrongLength(length: number, size: number): StorageError {
  return new StorageError('corrupt', `the body has ${length} bytes where ${size} were announced`)
}

function tooLarge(backend: WritableBackend, name: string, limit: number): StorageError {
  const message = `the body has more than the ${limit} bytes that can be stored`
  return new StorageError('too-large', message, { backend: backend.name, name })
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes)
      controller.close()
    },
  })
}
