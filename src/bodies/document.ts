import { createChunkReader } from './chunks.ts'
import { isolateMemory, type Reservation, UPLOAD_BYTES } from './memory-budget.ts'

/** Not counted: most documents are smaller, and a request may have as much in its headers. */
const UNCOUNTED_BYTES = 16 * 1024
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
  { size = Infinity, maxBytes, tooLarge }: DocumentOptions,
  use: (bytes: Uint8Array) => Promise<Result>,
): Promise<Result> {
  const reader = createChunkReader(body)
  let memory: Reservation | undefined
  try {
    let bytes = await reader.whole(Math.min(UNCOUNTED_BYTES, maxBytes) + 1)
    if (!bytes) {
      memory = await isolateMemory.reserve(FACTOR * Math.min(size, maxBytes), { leave: UPLOAD_BYTES })
      bytes = await reader.whole(maxBytes + 1)
    }
    if (!bytes) throw tooLarge()
    return await use(bytes)
  } catch (error) {
    await reader.cancel(error)
    throw error
  } finally {
    memory?.release()
  }
}
