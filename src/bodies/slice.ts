import { StorageError } from '../storage/errors.ts'
import type { ByteRange } from '../storage/object.ts'
import { withKnownLength } from './fixed-length.ts'

const droppedAt = new WeakMap<ReadableStream, number>()

/** When bytes before this part of a body last came, which its reader does not see; 0 if none did. */
export function lastDropped(part: ReadableStream): number {
  return droppedAt.get(part) ?? 0
}

/**
 * The bytes `range.start` to `range.end` of a whole body, for backends that cannot send a part. Earlier bytes are read
 * and dropped, later ones cancelled. Errors with `corrupt` if the source ends too early.
 */
export function sliceBody(
  body: ReadableStream<Uint8Array>,
  { start, end }: ByteRange,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let position = 0
  const slice = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await reader.read()
          if (done) throw new StorageError('corrupt', `the body ended after ${position} bytes`)
          const from = Math.max(0, start - position)
          const to = Math.min(value.length, end + 1 - position)
          position += value.length
          if (from >= to) {
            droppedAt.set(part, Date.now())
            continue
          }
          controller.enqueue(value.subarray(from, to))
          if (position <= end) return
          controller.close()
          return reader.cancel()
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  const part = withKnownLength(slice, end + 1 - start)
  return part
}
