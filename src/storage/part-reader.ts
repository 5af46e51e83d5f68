import { interruption } from './errors.ts'

/** Cuts a stream into parts of any wished size; whoever makes one reads it to its end or cancels it. */
export interface PartReader {
  /** The next `bytes` bytes; fewer only at the end of the stream. */
  next(bytes: number): Promise<Uint8Array>
  cancel(reason: unknown): Promise<void>
}

const FIRST_ALLOCATION = 64 * 1024
const NOTHING = new Uint8Array(0)

export function createPartReader(body: ReadableStream<Uint8Array>): PartReader {
  const reader = body.getReader()
  let rest: Uint8Array = NOTHING

  const pull = async (): Promise<boolean> => {
    while (rest.length === 0) {
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
        part = withRoom(part, length, length + taken.length, bytes)
        part.set(taken, length)
        length += taken.length
        rest = rest.subarray(taken.length)
      }
      return part.subarray(0, length)
    },
    cancel: (reason) => reader.cancel(reason),
  }
}

/** Grows by doubling: most bodies are far smaller than a part. */
function withRoom(
  part: Uint8Array<ArrayBuffer>,
  used: number,
  needed: number,
  most: number,
): Uint8Array<ArrayBuffer> {
  if (needed <= part.length) return part
  const larger = new Uint8Array(Math.min(most, Math.max(needed, part.length * 2, FIRST_ALLOCATION)))
  larger.set(part.subarray(0, used))
  return larger
}
