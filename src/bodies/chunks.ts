import { interruption, StorageError } from '../storage/errors.ts'
import { watchIdleTime } from './idle-timeout.ts'
import type { Reservation } from './memory-budget.ts'
import { cancelReader } from './cancel.ts'

/** A reader that takes large buffers; `undefined` for streams that JavaScript made, which bring their own chunks. */
export function byteReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: 'byob' })
  } catch (error) {
    if (error instanceof TypeError && !body.locked) return undefined
    throw error
  }
}

/** A body in chunks. Whoever opens it reads to the end or cancels. */
export interface Chunks {
  /** Empty at the end. The bytes are valid until the call after the next one. */
  next(): Promise<Uint8Array>
  /** Never rejects: a body that broke has nothing left to cancel. */
  cancel(reason: unknown): Promise<void>
}

export interface ChunkSize {
  atLeast: number
  atMost: number
}

/** Reads the runtime's own streams in chunks of that size, other streams chunk by chunk as they come. */
export function openChunks(body: ReadableStream<Uint8Array>, { atLeast, atMost }: ChunkSize): Chunks {
  const bytes = byteReader(body)
  if (bytes) {
    // Used again and again: new ones each time would be garbage as large as the body, which the isolate has to hold.
    let buffer = new ArrayBuffer(atMost)
    let other: ArrayBuffer | undefined
    return {
      async next() {
        const { value } = await bytes.readAtLeast(atLeast, new Uint8Array(buffer))
        buffer = other ?? new ArrayBuffer(atMost)
        other = value?.buffer
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

/** Cuts a stream into parts of any wished size; whoever makes one reads it to its end or cancels it. */
export interface ChunkReader {
  /** The next `bytes` bytes; fewer only at the end of the stream. */
  next(bytes: number): Promise<Uint8Array>
  /** Puts back what `next` gave last, which its next caller gets again, in the same memory where it fits. */
  unread(part: Uint8Array): void
  /** Never rejects. */
  cancel(reason: unknown): Promise<void>
}

const FIRST_ALLOCATION = 64 * 1024
const NOTHING = new Uint8Array(0)

interface ChunkReaderOptions {
  /** The body's length where that is known, and as much memory is free. */
  size?: number | undefined
  /** What holds the memory for it; renewed as bytes come in. */
  memory?: Reservation | null | undefined
}

/** Well before a reservation that is not renewed is taken back: until then the bytes are still in memory. */
const MAX_PAUSE_MS = 120_000

/** Fails with `interrupted` when no byte comes for two minutes. */
export function createChunkReader(
  body: ReadableStream<Uint8Array>,
  { size = 0, memory }: ChunkReaderOptions = {},
): ChunkReader {
  const reader = body.getReader()
  const idle = watchIdleTime(MAX_PAUSE_MS, (message) => new StorageError('interrupted', message))
  let rest: Uint8Array = NOTHING
  /** What follows `rest`, the next one last. */
  const after: Uint8Array[] = []
  /** Behind a full part there mostly is another one: growing would take up half as much again. */
  let room = Math.max(size, FIRST_ALLOCATION)

  const pull = async (): Promise<boolean> => {
    while (rest.length === 0) {
      const next = after.pop()
      if (next) {
        rest = next
        continue
      }
      const { done, value } = await idle.wait(reader.read()).catch((error: unknown) => {
        idle.stop()
        throw interruption(error)
      })
      if (done) {
        idle.stop()
        return false
      }
      memory?.renew()
      rest = value
    }
    return true
  }

  return {
    async next(bytes) {
      let part = NOTHING
      let length = 0
      while (length < bytes && (await pull())) {
        const taken = rest.subarray(0, bytes - length)
        // An empty view would keep the whole buffer.
        rest = taken.length < rest.length ? rest.subarray(taken.length) : NOTHING
        if (taken.length === bytes) return taken
        part = withRoom(part, length, { needed: length + taken.length, room, most: bytes })
        part.set(taken, length)
        length += taken.length
      }
      if (length === bytes) room = Math.max(room, bytes)
      return part.subarray(0, length)
    },
    unread(part) {
      if (rest.length > 0) after.push(rest)
      rest = part
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
