import { createChunkReader } from './chunks.ts'
import { isolateMemory, type Reservation, UNCOUNTED_BYTES, UPLOAD_BYTES } from './memory-budget.ts'

/** Documents that may not be longer are read before memory is reserved: one that arrives slowly reserves nothing. */
const READ_FIRST_BYTES = 128 * 1024
/** What a document takes when it is decoded, parsed and worked on, as a multiple of its bytes. */
const FACTOR = 4

interface DocumentOptions {
  /** Its length, if that is known. */
  size: number | undefined
  maxBytes: number
  /** The error if it is longer. */
  tooLarge: () => Error
}

/** Runs `use` with all of a body that is parsed. Its memory counts in the isolate's budget until `use` is done. */
export async function withDocument<Result>(
  body: ReadableStream<Uint8Array>,
  { size, maxBytes, tooLarge }: DocumentOptions,
  use: (bytes: Uint8Array) => Promise<Result>,
): Promise<Result> {
  const reader = createChunkReader(body)
  let memory: Reservation | undefined
  try {
    if (size !== undefined && size > maxBytes) {
      // Discarded as far as an allowed one would be read: most clients then see the answer and keep their connection.
      for (let read = 0; read <= maxBytes; read += UNCOUNTED_BYTES) await reader.next(UNCOUNTED_BYTES)
      throw tooLarge()
    }
    const first = maxBytes > READ_FIRST_BYTES ? UNCOUNTED_BYTES : maxBytes
    let bytes = await reader.whole(first + 1)
    if (!bytes && first === maxBytes) throw tooLarge()
    const length = bytes?.length ?? size ?? maxBytes
    if (length > UNCOUNTED_BYTES)
      memory = await isolateMemory.reserve(FACTOR * length, { leave: UPLOAD_BYTES })
    bytes ??= await reader.whole(maxBytes + 1)
    if (!bytes) throw tooLarge()
    return await use(bytes)
  } catch (error) {
    await reader.cancel(error)
    throw error
  } finally {
    memory?.release()
  }
}
