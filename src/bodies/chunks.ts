import { interruption, StorageError } from '../storage/errors.ts'
import { watchIdleTime } from './idle-timeout.ts'
import type { Reservation } from './memory-budget.ts'
import { cancelReader } from './cancel.ts'

/** A reader that fills large buffers; `undefined` for streams created in JavaScript, which have their own chunks. */
export function byteReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: 'byob' })
  } catch (error) {
    if (error instanceof TypeError && !body.locked) return undefined
    throw error
  }
}

/** A body in chunks, which must be read to its end or cancelled. */
export interface Chunks {
  /** Empty at the end. The bytes are valid until the call after the next one. */
  next(): Promise<Uint8Array>
  /** Never rejects: a body that failed has nothing left to cancel. */
  cancel(reason: unknown): Promise<void>
}

export interface ChunkSize {
  atLeast: number
  atMost: number
}

/**
 * Reads the runtime's own streams in chunks of that size, and other streams in the chunks that they deliver. If the stream
 * was made of chunks, and none has been written into it yet, these are returned.
 */
export function openChunks(body: ReadableStream<Uint8Array>, { atLeast, atMost }: ChunkSize): Chunks {
  const unread = unreadChunks.get(body)?.()
  if (unread) {
    body.getReader()
    return unread
  }
  const bytes = byteReader(body)
  if (bytes) {
    // Reused: new buffers each time would be garbage as large as the body, which stays in the isolate's memory.
    let latest: ArrayBuffer | undefined
    let spare: ArrayBuffer | undefined
    let ended = false
    return {
      async next() {
        if (ended) return new Uint8Array()
        const { value } = await bytes.readAtLeast(atLeast, new Uint8Array(spare ?? new ArrayBuffer(atMost)))
        spare = latest
        latest = value?.buffer
        ended = !value || value.length < atLeast
        // It would be kept open until it is read once more.
        if (ended && value) void cancelReader(bytes)
        return value ?? new Uint8Array()
      },
      cancel: (reason) => cancelReader(bytes, reason),
    }
  }
  const reader = body.getReader()
  const next = async (): Promise<Uint8Array> => {
    const { done, value } = await reader.read()
    if (done) return new Uint8Array()
    return value.length > 0 ? value : next()
  }
  return { next, cancel: (reason) => cancelReader(reader, reason) }
}

/** A reader of the runtime's own streams, for all bytes at once; `undefined` for other streams and those made of chunks. */
export function wholeReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  return unreadChunks.has(body) ? undefined : byteReader(body)
}

/** For streams made of chunks: takes the chunks back, which is only possible until one is written. */
const unreadChunks = new WeakMap<ReadableStream, () => Chunks>()

/** A native stream of chunks. Its reader sees their failure; if the reader is gone, they are cancelled. */
export function streamOfChunks(chunks: Chunks, length: number | undefined): ReadableStream<Uint8Array> {
  const { readable, writable } =
    length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length)
  const writer = writable.getWriter()
  const first = chunks.next()
  let isTaken = false
  unreadChunks.set(readable, () => {
    isTaken = true
    let isFirst = true
    const next = (): Promise<Uint8Array> => {
      if (!isFirst) return chunks.next()
      isFirst = false
      return first
    }
    return { next, cancel: chunks.cancel }
  })
  const write = async (): Promise<void> => {
    let chunk = await first
    if (isTaken) return
    unreadChunks.delete(readable)
    for (; chunk.length > 0; chunk = await chunks.next()) await writer.write(chunk)
    await writer.close()
  }
  write().catch((error: unknown) => Promise.allSettled([chunks.cancel(error), writer.abort(error)]))
  return readable
}

/** Cuts a stream into parts of any size. It must be read to its end or cancelled. */
export interface ChunkReader {
  /** The next `bytes` bytes; fewer only at the end of the stream. */
  next(bytes: number): Promise<Uint8Array>
  /** The rest, if it has fewer than `bytes` bytes; else `null`, and `next` still returns all of it, from the same memory where it fits. */
  whole(bytes: number): Promise<Uint8Array | null>
  /** Never rejects. */
  cancel(reason: unknown): Promise<void>
}

const FIRST_ALLOCATION = 64 * 1024

interface ChunkReaderOptions {
  /** The body's length, if it is known and that much memory is free. */
  size?: number | undefined
  /** The memory reserved for it; renewed as bytes arrive. */
  memory?: Reservation | null | undefined
}

/** Shorter than the time after which a reservation that is not renewed is released, since the bytes are still in memory. */
const MAX_PAUSE_MS = 120_000

/** Fails with `interrupted` if no byte arrives for two minutes. */
export function createChunkReader(
  body: ReadableStream<Uint8Array>,
  { size = 0, memory }: ChunkReaderOptions = {},
): ChunkReader {
  const reader = body.getReader()
  const idle = watchIdleTime(MAX_PAUSE_MS, (message) => new StorageError('interrupted', message))
  /** Chunks that were read and not yet returned, the next bytes last. */
  const ahead: Uint8Array[] = []
  /** A full part is usually followed by another one, and growing step by step would need half as much memory again. */
  let room = Math.max(size, FIRST_ALLOCATION)

  const nextChunk = async (): Promise<Uint8Array | undefined> => {
    const known = ahead.pop()
    if (known) return known
    try {
      const { value } = await idle.wait(reader.read())
      if (value) memory?.renew()
      else idle.stop()
      return value
    } catch (error) {
      idle.stop()
      throw interruption(error)
    }
  }

  const next = async (bytes: number): Promise<Uint8Array> => {
    let part = new Uint8Array(0)
    let length = 0
    while (length < bytes) {
      const chunk = await nextChunk()
      if (!chunk) break
      const taken = chunk.subarray(0, bytes - length)
      if (taken.length < chunk.length) ahead.push(chunk.subarray(taken.length))
      if (taken.length === bytes) return taken
      part = withRoom(part, length, { needed: length + taken.length, room, most: bytes })
      part.set(taken, length)
      length += taken.length
    }
    if (length === bytes) room = Math.max(room, bytes)
    return part.subarray(0, length)
  }

  return {
    next,
    async whole(bytes) {
      const first = await next(bytes)
      if (first.length < bytes) return first
      ahead.push(first)
      return null
    },
    cancel(reason) {
      idle.stop()
      return cancelReader(reader, reason)
    },
  }
}

/** Grows by doubling: most bodies are far smaller than a part. */
function withRoom(
  part: Uint8Array<ArrayBuffer>,
  used: number,
  { needed, room, most }: { needed: number; room: number; most: number },
): Uint8Array<ArrayBuffer> {
  if (needed <= part.length) return part
  const larger = new Uint8Array(Math.min(most, Math.max(needed, part.length * 2, room)))
  larger.set(part.subarray(0, used))
  return larger
}
