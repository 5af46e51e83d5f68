import { interruption } from '../storage/errors.ts'

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

/** `size` is the body's length where that is known, and as much memory is free. */
export function createPartReader(body: ReadableStream<Uint8Array>, size = 0): PartReader {
  const reader = body.getReader()
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
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw interruption(error)
      })
      if (done) return false
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
    cancel: (reason) => reader.cancel(reason),
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
