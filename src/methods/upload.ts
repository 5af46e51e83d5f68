import type { MultipartUpload, PutOptions, WritableBackend } from '../storage/backend.ts'
import { cancelBody } from '../bodies/cancel.ts'
import { verifyingStream } from '../bodies/digest.ts'
import { StorageError } from '../storage/errors.ts'
import {
  BACKGROUND_LEAVES_BYTES,
  isolateMemory,
  type Reservation,
  UPLOAD_BYTES,
} from '../bodies/memory-budget.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { createChunkReader, type ChunkReader } from '../bodies/chunks.ts'

export interface UploadOptions extends PutOptions {
  /** Longer bodies throw `too-large` as soon as that shows. */
  maxBytes?: number
  /** Bytes of a part where the length is not known. R2 and S3 want at least 5 MiB. Default: 8 MiB. */
  partBytes?: number | undefined
  /** Memory that was set aside for it already; it grows to what `uploadMemory` says where the body turns out to need that. */
  memory?: Reservation
  /** Nobody waits for it: leaves memory free for uploads that somebody waits for. */
  isBackground?: boolean | undefined
}

const MIB = 1024 * 1024
/** One part is read while another is stored: memory holds two, and no more than that. R2 and S3 want at least 5 MiB. */
const PART_BYTES = 8 * MIB
/** R2 and S3 take no more parts in one upload. */
const MAX_PARTS = 10_000
/** Most bytes of a body of unknown length that are held for a backend without multipart uploads. */
const MAX_BUFFERED_BYTES = 25 * MIB

/** Set aside at first for a body of unknown length: most are small, and need no more. Who begins leaves enough for one that goes on. */
const FIRST_BYTES = MIB / 2

/** Most bytes of a stream of that length that are in memory at once while it is stored; 0 where it just passes. */
export function uploadMemory(
  backend: WritableBackend,
  size: number | undefined,
  partBytes = PART_BYTES,
): number {
  if (!backend.createMultipartUpload) return size ?? 2 * MAX_BUFFERED_BYTES
  const isPassedOn = size !== undefined && size <= (backend.maxPutSize ?? Infinity)
  return isPassedOn ? 0 : 2 * partBytesFor(size, partBytes)
}

/**
 * Stores a body of any size, known or not: whole or not at all. Throws `overloaded` when there is no memory to do it
 * with, before anything is stored. `null` when `onlyIf` did not hold.
 * The body is read to its end or cancelled.
 */
export async function upload(
  backend: WritableBackend,
  name: string,
  body: ReadableStream<Uint8Array> | Uint8Array,
  options: UploadOptions = {},
): Promise<ObjectInfo | null> {
  const { maxBytes = Infinity, memory: given, partBytes, isBackground, ...putOptions } = options
  const size = body instanceof Uint8Array ? body.length : options.size
  const limit = Math.min(maxBytes, backend.maxSize ?? Infinity)
  if (size !== undefined && size > limit) {
    const error = tooLarge(backend, name, limit)
    await cancelBody(body, error)
    throw error
  }
  const fitsOnePut = size !== undefined && size <= (backend.maxPutSize ?? Infinity)
  if (fitsOnePut && (body instanceof Uint8Array || uploadMemory(backend, size) === 0))
    return backend.put(name, body, { ...putOptions, size })
  const memory = given ?? (await setAside(backend, body, { ...putOptions, partBytes, isBackground }))
  try {
    const { digests } = options
    const stream = body instanceof Uint8Array ? streamOf(body) : body
    // One put checks them itself.
    const checked = digests && !fitsOnePut ? stream.pipeThrough(verifyingStream(digests)) : stream
    const parts = createChunkReader(checked, { memory, ...(fitsOnePut && { size }) })
    try {
      return await uploadStream(backend, name, parts, {
        ...putOptions,
        ...(size !== undefined && { size }),
        ...(memory && { memory }),
        ...(partBytes !== undefined && { partBytes }),
        limit,
      })
    } catch (error) {
      await parts.cancel(error)
      throw error
    }
  } finally {
    if (!given) memory?.release()
  }
}

/** Memory for a body that is not all there yet. */
async function setAside(
  backend: WritableBackend,
  body: ReadableStream<Uint8Array> | Uint8Array,
  options: Pick<UploadOptions, 'size' | 'signal' | 'partBytes' | 'isBackground'>,
): Promise<Reservation | null> {
  const bytes = body instanceof Uint8Array ? 0 : uploadMemory(backend, options.size, options.partBytes)
  if (bytes === 0) return null
  try {
    return await reserveFor(bytes, options)
  } catch (error) {
    await cancelBody(body, error)
    throw error
  }
}

/** Memory to begin with, of the `bytes` that the upload may need: all of it where the length is known. */
export function reserveFor(
  bytes: number,
  { size, signal, isBackground }: Pick<UploadOptions, 'size' | 'signal' | 'isBackground'>,
): Promise<Reservation> {
  if (isBackground) return isolateMemory.reserve(bytes, { signal, leave: BACKGROUND_LEAVES_BYTES })
  if (size !== undefined) return isolateMemory.reserve(bytes, { signal })
  return isolateMemory.reserve(Math.min(bytes, FIRST_BYTES), { signal, leave: UPLOAD_BYTES })
}

function partBytesFor(size = 0, wished = PART_BYTES): number {
  return Math.max(wished, Math.ceil(size / MAX_PARTS / MIB) * MIB)
}

type StreamOptions = PutOptions & Pick<UploadOptions, 'memory' | 'partBytes'> & { limit: number }

/** One put when the body turns out to fit into a part, else a multipart upload. */
async function uploadStream(
  backend: WritableBackend,
  name: string,
  parts: ChunkReader,
  options: StreamOptions,
): Promise<ObjectInfo | null> {
  const { limit, size, memory, partBytes: wished, ...putOptions } = options
  const partBytes = backend.createMultipartUpload
    ? partBytesFor(size, wished)
    : (size ?? Math.min(limit, MAX_BUFFERED_BYTES)) + 1
  if (memory) await growFor(parts, memory, uploadMemory(backend, size, wished))
  const whole = await wholeWithin(parts, partBytes)
  if ((whole?.length ?? partBytes) > limit) throw tooLarge(backend, name, limit)
  if (whole) {
    checkLength(whole.length, size)
    return backend.put(name, whole, { ...putOptions, size: whole.length })
  }
  const multipart = await backend.createMultipartUpload?.(name, {
    ...putOptions,
    ...(size !== undefined && { size }),
  })
  if (!multipart) throw tooLarge(backend, name, partBytes - 1)
  const check = (sum: number): void => {
    memory?.renew()
    if (sum > limit) throw tooLarge(backend, name, limit)
    if (size !== undefined && sum > size) throw wrongLength(sum, size)
  }
  try {
    const length = await uploadParts(multipart, parts, { partBytes, check })
    checkLength(length, size)
    return await multipart.complete()
  } catch (error) {
    // The first error is the one to tell. An upload left behind is removed by R2 and S3 after some days.
    await Promise.allSettled([multipart.abort()])
    throw error
  }
}

/** Sets more memory aside unless the body ends within what there is. Throws `overloaded` before anything is stored. */
export async function growFor(parts: ChunkReader, memory: Reservation, bytes: number): Promise<void> {
  if (memory.bytes >= bytes) return
  const whole = await wholeWithin(parts, memory.bytes)
  if (whole) parts.unread(whole)
  else await memory.grow(bytes)
}

/** The body when it has fewer bytes than that; else `null`, and the reader still has all of it. */
export async function wholeWithin(parts: ChunkReader, bytes: number): Promise<Uint8Array | null> {
  const first = await parts.next(bytes)
  if (first.length < bytes) return first
  // Nobody but the reader may keep it: whoever waits for the rest of the body would keep it as long.
  parts.unread(first)
  return null
}

/** Stores all that there is to read in parts of one size; the sum of the bytes. */
async function uploadParts(
  multipart: MultipartUpload,
  parts: ChunkReader,
  { partBytes, check }: { partBytes: number; check: (sum: number) => void },
): Promise<number> {
  let sum = 0
  let storing: Promise<void> = Promise.resolve()
  try {
    let part = await parts.next(partBytes)
    for (let number = 1; part.length > 0; number++) {
      sum += part.length
      check(sum)
      await storing
      storing = multipart.uploadPart(number, part, part.length)
      // Its failure is thrown by the next `await storing`; until then it must not count as unhandled.
      storing.catch(() => {})
      part = await parts.next(partBytes)
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
