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
      for await (const chunk of body) {
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

  const stream = (): ReadableStream<Uint8Array> => {
    let next = 0
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          while (next >= chunks.length && state === 'filling') await nextChunk(waiting, stallMs)
          const chunk = chunks[next]
          if (chunk) {
            next += 1
            controller.enqueue(chunk)
          } else if (state === 'full') controller.close()
          else controller.error(state)
        },
      },
      { highWaterMark: 0 },
    )
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
