import { interruption, StorageError } from '../storage/errors.ts'
import { watchIdleTime } from './idle-timeout.ts'
import type { Reservation } from './memory-budget.ts'

/** Cuts a stream into parts of any wished size; whoever makes one reads it to its end or cancels it. */
export interface PartReader {
  /** The next `bytes` bytes; fewer only at the end of the stream. */
  next(bytes: number): Promise<Uint8Array>
  /** Puts back what `next` gave last, which its next caller gets again, in the same memory where it fits. */
  unread(part: Uint8Array): void
  cancel(reason: unknown): Promise<void>
}

const FIRST_ALLOCATION = 64 * 1024
const NOTHING = new Uint8Array(0)

interface PartReaderOptions {
  /** The body's length where that is known, and as much memory is free. */
  size?: number | undefined
  /** What holds the memory for it; renewed as bytes come in. */
  memory?: Reservation | null | undefined
}

/** Well before a reservation that is not renewed is taken back: until then the bytes are still in memory. */
const MAX_PAUSE_MS = 120_000

/** Fails with `interrupted` when no byte comes for two minutes. */
export function createPartReader(
  body: ReadableStream<Uint8Array>,
  { size = 0, memory }: PartReaderOptions = {},
): PartReader {
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
      return reader.cancel(reason)
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
