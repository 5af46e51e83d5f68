import { StorageError } from '../storage/errors.ts'
import { cancelReader } from './cancel.ts'
import { byteReader } from './chunks.ts'

/** The bytes of one body in memory: filled once at the source's speed, read by any number of streams at theirs. */
export interface SharedBytes {
  /** `full` once every byte has come. */
  readonly state: 'filling' | 'full' | StorageError
  /** When the last byte so far came (ms since the epoch). */
  readonly lastByte: number
  /** Settles when the last byte has come; rejects when the body broke off or has another length. */
  readonly filled: Promise<void>
  stream(): ReadableStream<Uint8Array>
  /** Writes all the bytes, as fast as they are taken, and ends. A failure of either side aborts the other; it never throws. */
  writeTo(writable: WritableStream<Uint8Array>): Promise<void>
  /** Whether anybody still takes bytes, or will: then the memory cannot be given back. */
  isRead(): boolean
  /** Gives the memory back. Whoever still reads then fails. */
  free(): void
}

/** One who takes the bytes, from the first to the last. */
interface Reader {
  /** The next chunk; `undefined` after the last one. */
  next(): Promise<Uint8Array | undefined>
  close(): void
}

/** Whoever took nothing for so long is given up: a client that stalls, or a request that the platform ended. */
const MAX_STANDSTILL_MS = 300_000

/**
 * Reads `body` to its end into memory. A stream that waits longer than `stallMs` for the next byte errors:
 * the request that fills it may have been ended by the platform.
 */
export function createSharedBytes(
  body: ReadableStream<Uint8Array>,
  size: number,
  stallMs: number,
): SharedBytes {
  const chunks: Uint8Array[] = []
  const waiting = new Set<() => void>()
  /** When each reader took its last chunk. */
  const readers = new Map<Reader, number>()
  let state: SharedBytes['state'] = 'filling'
  let lastByte = Date.now()

  const wake = (): void => {
    for (const resume of waiting) resume()
    waiting.clear()
  }
  const fill = async (): Promise<void> => {
    let length = 0
    try {
      for await (const chunk of largeChunks(body)) {
        if (state !== 'filling') throw state
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

  const open = (): Reader => {
    let index = 0
    const reader: Reader = {
      async next() {
        readers.set(reader, Date.now())
        while (index >= chunks.length && state === 'filling') await nextChunk(waiting, stallMs)
        const chunk = chunks[index++]
        if (!chunk && state !== 'full') throw state
        return chunk
      },
      close: () => void readers.delete(reader),
    }
    readers.set(reader, Date.now())
    return reader
  }
  const stream = (): ReadableStream<Uint8Array> => {
    const reader = open()
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          let chunk: Uint8Array | undefined
          try {
            chunk = await reader.next()
          } finally {
            if (!chunk) reader.close()
          }
          if (chunk) controller.enqueue(chunk)
          else controller.close()
        },
        cancel: () => reader.close(),
      },
      { highWaterMark: 0 },
    )
  }
  const writeTo = async (writable: WritableStream<Uint8Array>): Promise<void> => {
    const writer = writable.getWriter()
    const reader = open()
    try {
      for (let chunk = await reader.next(); chunk; chunk = await reader.next()) await writer.write(chunk)
      await writer.close()
    } catch (error) {
      await writer.abort(error)
    } finally {
      reader.close()
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
    isRead() {
      const oldest = Date.now() - MAX_STANDSTILL_MS
      for (const [reader, lastTaken] of readers) if (lastTaken < oldest) readers.delete(reader)
      return readers.size > 0
    },
    free() {
      chunks.length = 0
      state = new StorageError('timeout', 'the body was not taken for too long')
      wake()
    },
  }
}

const READ_BYTES = 64 * 1024

/** Native bodies come in chunks of 4 KiB unless a larger buffer is handed in, and JavaScript runs for each chunk. */
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
      // A small chunk must not keep a large buffer.
      yield value.length < READ_BYTES / 2 ? value.slice() : value
    }
  } finally {
    void cancelReader(reader)
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
