import type {
  MultipartUpload,
  PutCondition,
  PutOptions,
  UploadedPart,
  WritableBackend,
} from '../storage/backend.ts'
import { cancelBody } from '../bodies/cancel.ts'
import { startCheck } from '../bodies/digest.ts'
import { StorageError } from '../storage/errors.ts'
import {
  BACKGROUND_LEAVES_BYTES,
  isolateMemory,
  type Reservation,
  SHARED_LEAVES_BYTES,
  UPLOAD_BYTES,
} from '../bodies/memory-budget.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { createChunkReader, type ChunkReader } from '../bodies/chunks.ts'

export type Body = ReadableStream<Uint8Array> | Uint8Array

export interface UploadOptions extends Omit<PutOptions, 'onlyIf'> {
  /** Longer bodies throw `too-large` as soon as possible. */
  maxBytes?: number | undefined
  /** Size of a part if the length is unknown, and of the longest body that `hold` reads. R2 and S3 require at least 5 MiB. Default: 8 MiB. */
  partBytes?: number | undefined
  /** Memory that is already reserved for it. It is released at the end. */
  memory?: Reservation | undefined
  /** No client waits for it, so it leaves memory free for clients' uploads. */
  isBackground?: boolean
}

/** A body on its way into a backend. */
export interface Upload {
  /** The bytes, once all of them are in memory. */
  body: Body
  /** Length in bytes, once it is known. */
  size: number | undefined
  readonly options: UploadOptions
  memory: Reservation | undefined
  reader?: ChunkReader
  /** Whether some of it may have been sent to a backend. */
  isSent: boolean
}

const MIB = 1024 * 1024
/** One part is read while another is stored, so memory holds two. */
const PART_BYTES = 8 * MIB
/** The limit of R2 and S3 for one upload. */
const MAX_PARTS = 10_000
/** The longest body of unknown length that is read into memory for a backend without multipart uploads. */
const MAX_BUFFERED_BYTES = 25 * MIB
/** Reserved at first for a body of unknown length, since most are small. Enough stays free for one large upload. */
const FIRST_BYTES = MIB / 2

/** The most bytes of a stream of that length that are in memory at once while it is stored; 0 if it is passed through. */
export function uploadMemory(
  backend: WritableBackend,
  size: number | undefined,
  partBytes = PART_BYTES,
): number {
  if (!backend.createMultipartUpload) return size ?? 2 * MAX_BUFFERED_BYTES
  const fitsOnePut = size !== undefined && size <= (backend.maxPutSize ?? Infinity)
  return fitsOnePut ? 0 : 2 * partBytesFor(size, partBytes)
}

/** The size of the parts of a body that has so many bytes. */
export function partBytesFor(size = 0, partBytes = PART_BYTES): number {
  return Math.max(partBytes, Math.ceil(size / MAX_PARTS / MIB) * MIB)
}

/** Stores one body in one backend, like `storeIn`. The body is read to its end or cancelled. */
export function upload(
  backend: WritableBackend,
  name: string,
  body: Body,
  { onlyIf, ...options }: UploadOptions & Pick<PutOptions, 'onlyIf'> = {},
): Promise<ObjectInfo | null> {
  return withUpload(body, options, (started) => storeIn(backend, started, name, onlyIf))
}

/** Runs `store`. Afterwards the body has been read to its end or is cancelled, and its memory is released. */
export async function withUpload<T>(
  body: Body,
  options: UploadOptions,
  store: (upload: Upload) => Promise<T>,
): Promise<T> {
  const size = body instanceof Uint8Array ? body.length : options.size
  const upload: Upload = { body, size, options, memory: options.memory, isSent: false }
  try {
    return await store(upload)
  } catch (error) {
    await (upload.reader ? upload.reader.cancel(error) : cancelBody(body, error))
    throw error
  } finally {
    upload.memory?.release()
  }
}

/** Whether it can be sent to another backend: all of it is in memory, or none of it was sent yet. */
export function isComplete({ body, isSent }: Upload): boolean {
  return body instanceof Uint8Array || !isSent
}

/** Reads a small body into memory if there is room, so that it can be sent again after a lost race or a failed backend. */
export async function hold(upload: Upload, backend: WritableBackend): Promise<void> {
  const { body, size } = upload
  const { partBytes = PART_BYTES } = upload.options
  if (body instanceof Uint8Array || (size !== undefined && size > partBytes)) return
  const needed = uploadMemory(backend, size, partBytes)
  if (needed > 0) await reserve(upload, needed)
  else upload.memory ??= isolateMemory.tryReserve(size ?? 0, { leave: SHARED_LEAVES_BYTES }) ?? undefined
  // One byte more than the known length, to check that nothing follows.
  if (upload.memory) await readWhole(upload, size === undefined ? partBytes : size + 1)
}

/**
 * Stores the body in `backend`, completely or not at all; `null` if `onlyIf` did not hold. Throws `overloaded` if there is
 * not enough memory, before anything is stored.
 */
export async function storeIn(
  backend: WritableBackend,
  upload: Upload,
  name: string,
  onlyIf?: PutCondition,
): Promise<ObjectInfo | null> {
  const { maxBytes = Infinity, partBytes, memory: _, isBackground: __, ...putOptions } = upload.options
  const { createMultipartUpload } = backend
  const most = createMultipartUpload ? Infinity : (upload.size ?? MAX_BUFFERED_BYTES)
  const limit = Math.min(maxBytes, backend.maxSize ?? Infinity, most)
  const checkLimit = (bytes: number): void => {
    if (bytes <= limit) return
    const message = `the body is larger than ${limit} bytes, the most that can be stored`
    throw new StorageError('too-large', message, { backend: backend.name })
  }
  const options = (): PutOptions => ({
    ...putOptions,
    size: upload.size,
    onlyIf,
  })

  checkLimit(upload.size ?? 0)
  upload.isSent = true
  const needed = upload.body instanceof Uint8Array ? 0 : uploadMemory(backend, upload.size, partBytes)
  if (needed > 0) {
    await reserve(upload, needed)
    const bytes = createMultipartUpload ? partBytesFor(upload.size, partBytes) : limit + 1
    const parts = await readWhole(upload, bytes)
    checkLimit(upload.size ?? bytes)
    if (parts && createMultipartUpload)
      return storeParts(upload, parts, {
        bytes,
        checkLimit,
        create: (options) => createMultipartUpload(name, options),
        options: options(),
      })
  }
  return backend.put(name, upload.body, options())
}

/** Waits for the memory: for all of it or, if the length is unknown, for a small amount that grows if the body turns out to be larger. */
async function reserve(upload: Upload, needed: number): Promise<void> {
  const { signal, isBackground } = upload.options
  const isGrowing = upload.size === undefined && !isBackground
  upload.memory ??= await isolateMemory.reserve(isGrowing ? Math.min(needed, FIRST_BYTES) : needed, {
    signal,
    leave: isBackground ? BACKGROUND_LEAVES_BYTES : isGrowing ? UPLOAD_BYTES : 0,
  })
  if (upload.memory.bytes < needed && (await readWhole(upload, upload.memory.bytes)))
    await upload.memory.grow(needed)
}

/** Reads the body into memory if it has fewer than `bytes` bytes; else returns the reader, which still has all of it. */
async function readWhole(upload: Upload, bytes: number): Promise<ChunkReader | null> {
  const { body, size } = upload
  if (body instanceof Uint8Array) return null
  upload.reader ??= createChunkReader(body, { size, memory: upload.memory })
  const whole = await upload.reader.whole(bytes)
  if (size !== undefined && (whole ? whole.length !== size : bytes > size))
    throw wrongLength(whole?.length ?? 'more', size)
  if (!whole) return upload.reader
  upload.body = whole
  upload.size = whole.length
  return null
}

interface PartsOptions {
  bytes: number
  checkLimit: (bytes: number) => void
  create: (options: PutOptions) => Promise<MultipartUpload>
  options: PutOptions
}

async function storeParts(
  upload: Upload,
  parts: ChunkReader,
  { bytes, checkLimit, create, options }: PartsOptions,
): Promise<ObjectInfo | null> {
  const { size, memory } = upload
  const { digests = {} } = upload.options
  const check = startCheck(digests)
  const multipart = await create(options)
  const stored: UploadedPart[] = []
  let storing: Promise<unknown> = Promise.resolve()
  try {
    let sum = 0
    let part = await parts.next(bytes)
    for (let number = 1; part.length > 0; number++) {
      sum += part.length
      memory?.renew()
      checkLimit(sum)
      if (size !== undefined && sum > size) throw wrongLength('more', size)
      await check.update(part)
      await storing
      storing = multipart.uploadPart(number, part, part.length).then((uploaded) => stored.push(uploaded))
      // Its failure is thrown by the next `await storing`; until then it must not count as unhandled.
      storing.catch(() => {})
      part = await parts.next(bytes)
    }
    await storing
    if (size !== undefined && sum < size) throw wrongLength(sum, size)
    await check.finish()
    return await multipart.complete(stored, options)
  } catch (error) {
    // The first error is the one that is thrown. R2 and S3 remove an upload that is left behind after some days.
    await Promise.allSettled([storing])
    await Promise.allSettled([multipart.abort()])
    throw error
  }
}

function wrongLength(length: number | 'more', size: number): StorageError {
  return new StorageError('corrupt', `the body has ${length} bytes, but ${size} were announced`)
}
