import { StorageError } from '../storage/errors.ts'
import { openChunks } from './chunks.ts'
import { watchIdleTime } from './idle-timeout.ts'

/** The bytes of one body in memory: filled once at the source's speed, and read by any number of streams at their own. */
export interface SharedBytes {
  /** `full` once every byte has arrived. */
  readonly state: 'filling' | 'full' | StorageError
  /** When the latest byte arrived (ms since the epoch). */
  readonly lastByte: number
  /** Settles when the last byte has arrived; rejects if the body failed or has another length. */
  readonly filled: Promise<void>
  stream(): ReadableStream<Uint8Array>
  /** Writes all the bytes as fast as they are read, and closes. A failure aborts `writable`; it never rejects. */
  writeTo(writable: WritableStream<Uint8Array>): Promise<void>
  /** Whether a stream is still being read: then the memory cannot be freed. */
  isRead(): boolean
  /** Frees the memory. Unfinished reads fail. */
  free(): void
}

/** Native bodies are read in chunks of 4 KiB unless a larger buffer is passed, and JavaScript runs for each chunk. */
const READ_BYTES = 64 * 1024
/** A reader that has read nothing for this long is dropped: its client has stalled, or the platform ended its request. */
const MAX_STANDSTILL_MS = 300_000

/**
 * Reads `body` to its end into memory. A stream that waits longer than `stallMs` for the next byte errors:
 * the platform may have ended the request that fills it.
 */
export function createSharedBytes(
  body: ReadableStream<Uint8Array>,
  size: number,
  stallMs: number,
): SharedBytes {
  const chunks: Uint8Array[] = []
  const waiting = new Set<() => void>()
  /** When each reader read its latest chunk. */
  const readers = new Map<WritableStreamDefaultWriter, number>()
  let state: SharedBytes['state'] = 'filling'
  let lastByte = Date.now()

  const wake = (): void => {
    for (const resume of waiting) resume()
    waiting.clear()
  }
  const fill = async (): Promise<void> => {
    const source = openChunks(body, { atLeast: 1, atMost: READ_BYTES })
    let length = 0
    try {
      for (let chunk = await source.next(); chunk.length > 0; chunk = await source.next()) {
        if (state !== 'filling') throw state
        length += chunk.length
        if (length > size) throw wrongLength(size, 'more')
        // Its buffer is reused.
        chunks.push(chunk.slice())
        lastByte = Date.now()
        wake()
      }
      if (length < size) throw wrongLength(size, `${length}`)
      state = 'full'
    } catch (error) {
      void source.cancel(error)
      state =
        error instanceof StorageError
          ? error
          : new StorageError('unavailable', 'the body was interrupted', { cause: error })
      throw state
    } finally {
      wake()
    }
  }
  const filled = fill()
  // Each stream reports the failure too, so `filled` need not be awaited.
  filled.catch(() => {})

  const writeTo = async (writable: WritableStream<Uint8Array>): Promise<void> => {
    const writer = writable.getWriter()
    const idle = watchIdleTime(stallMs, (message) => new StorageError('timeout', message))
    try {
      for (let index = 0; ; index++) {
        readers.set(writer, Date.now())
        while (index >= chunks.length && state === 'filling')
          await idle.wait(new Promise<void>((resolve) => waiting.add(resolve)))
        const chunk = chunks[index]
        if (!chunk) break
        await writer.write(chunk)
      }
      if (state !== 'full') throw state
      await writer.close()
    } catch (error) {
      await Promise.allSettled([writer.abort(error)])
    } finally {
      idle.stop()
      readers.delete(writer)
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
    stream() {
      const { readable, writable } = new FixedLengthStream(size)
      void writeTo(writable)
      return readable
    },
    writeTo,
    isRead() {
      const oldest = Date.now() - MAX_STANDSTILL_MS
      for (const [reader, lastTaken] of readers) if (lastTaken < oldest) readers.delete(reader)
      return readers.size > 0
    },
    free() {
      chunks.length = 0
      state = new StorageError('timeout', 'the client did not read the body for too long')
      wake()
    },
  }
}

function wrongLength(size: number, got: string): StorageError {
  return new StorageError('corrupt', `the body has ${got} bytes, but ${size} were announced`)
}
