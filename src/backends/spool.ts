import { StorageError } from '../storage/errors.ts'

/** The bytes of one body in memory: filled once at the source's speed, read by any number of streams at theirs. */
export interface Spool {
  /** `full` once every byte has come. */
  readonly state: 'filling' | 'full' | StorageError
  /** When the last byte so far came (ms since the epoch). */
  readonly lastByte: number
  /** Settles when the last byte has come; rejects when the body broke off or has another length. */
  readonly filled: Promise<void>
  stream(): ReadableStream<Uint8Array>
  /** Writes all the bytes, as fast as they are taken, and ends. A failure of either side aborts the other; it never throws. */
  writeTo(writable: WritableStream<Uint8Array>): Promise<void>
}

/**
 * Reads `body` to its end into memory. A stream that waits longer than `stallMs` for the next byte errors:
 * the request that fills the spool may have been ended by the platform.
 */
export function createSpool(body: ReadableStream<Uint8Array>, size: number, stallMs: number): Spool {
  const chunks: Uint8Array[] = []
  const waiting = new Set<() => void>()
  let state: Spool['state'] = 'filling'
  let lastByte = Date.now()

  const wake = (): void => {
    for (const resume of waiting) resume()
    waiting.clear()
  }
  const fill = async (): Promise<void> => {
    let length = 0
    try {
      for await (const chunk of largeChunks(body)) {
        length += chunk.length
        if (length > size) throw wrongLength(size, 'more')
        chunks.push(chunk)
        lastByte = Date.now()
        wake()
      }
      if (length < size) throw wrongLength(size, `${length}`)
      state = 'full'
    } catch (error) {
      state =
        error instanceof StorageError
          ? error
          : new StorageError('unavailable', 'the body broke off', { cause: error })
      throw state
    } finally {
      wake()
    }
  }
  const filled = fill()
  // Whoever reads a stream of it sees the failure there; `filled` need not be awaited.
  filled.catch(() => {})

  /** The chunk of that index; `undefined` past the last one. */
  const chunkAt = async (index: number): Promise<Uint8Array | undefined> => {
    while (index >= chunks.length && state === 'filling') await nextChunk(waiting, stallMs)
    const chunk = chunks[index]
    if (!chunk && state !== 'full') throw state
    return chunk
  }
  const stream = (): ReadableStream<Uint8Array> => {
    let next = 0
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const chunk = await chunkAt(next++)
          if (chunk) controller.enqueue(chunk)
          else controller.close()
        },
      },
      { highWaterMark: 0 },
    )
  }
  const writeTo = async (writable: WritableStream<Uint8Array>): Promise<void> => {
    const writer = writable.getWriter()
    try {
      for (let next = 0; ; next++) {
        const chunk = await chunkAt(next)
        if (!chunk) break
        await writer.write(chunk)
      }
      await writer.close()
    } catch (error) {
      await writer.abort(error)
    }
  }
  return {
    get state() {
      return state
    },
    get lastByte() {
      return lastByte
    },
    filled,
    stream,
    writeTo,
  }
}

const READ_BYTES = 64 * 1024

/** Native bodies come in pieces of 4 KiB unless a larger buffer is handed in, and JavaScript runs for each piece. */
async function* largeChunks(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = byteReader(body)
  if (!reader) {
    yield* body
    return
  }
  try {
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(READ_BYTES))
      if (done) return
      // A small piece must not keep a large buffer.
      yield value.length < READ_BYTES / 2 ? value.slice() : value
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

/** `undefined` for streams that JavaScript made without bytes in mind. */
function byteReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: 'byob' })
  } catch (error) {
    if (error instanceof TypeError && !body.locked) return undefined
    throw error
  }
}

/** Resolves at the next wake-up; the timer belongs to the waiting request, so it fires even when the filling one is gone. */
function nextChunk(waiting: Set<() => void>, stallMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiting.delete(resume)
      reject(new StorageError('timeout', `no further byte came within ${stallMs} ms`))
    }, stallMs)
    const resume = (): void => {
      clearTimeout(timer)
      resolve()
    }
    waiting.add(resume)
  })
}

function wrongLength(size: number, got: string): StorageError {
  return new StorageError('corrupt', `the body has ${got} bytes, ${size} were announced`)
}
