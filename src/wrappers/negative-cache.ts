import type { Backend } from '../storage/backend.ts'

export interface NegativeCacheOptions {
  /** How long a proven absence is believed, in milliseconds. */
  ttlMs: number
  /** Most names remembered; the oldest are forgotten first. */
  maxNames?: number
  now?: () => number
}

const MAX_NAMES = 10_000

/**
 * Remembers for some seconds what a fallback proved absent, so that repeated misses do not reach an old server.
 * A write to this backend forgets the name; a copy goes to another backend, so no migration is ever hidden.
 */
export function withNegativeCache(backend: Backend, options: NegativeCacheOptions): Backend {
  const now = options.now ?? Date.now
  const absentUntil = new Map<string, number>()
  let writes = 0

  const isAbsent = (name: string): boolean => {
    const until = absentUntil.get(name)
    if (until === undefined) return false
    if (now() < until) return true
    absentUntil.delete(name)
    return false
  }
  /** Asks, and believes a miss unless something was written meanwhile. */
  const ask = async <T>(name: string, operation: () => Promise<T | null>): Promise<T | null> => {
    if (isAbsent(name)) return null
    const before = writes
    const answer = await operation()
    if (answer !== null || writes !== before) return answer
    if (absentUntil.size >= (options.maxNames ?? MAX_NAMES)) {
      const oldest = absentUntil.keys().next()
      if (!oldest.done) absentUntil.delete(oldest.value)
    }
    absentUntil.delete(name)
    absentUntil.set(name, now() + options.ttlMs)
    return null
  }
  /** Forgets the name whether or not the write succeeded: a failed one may have been stored all the same. */
  const write = async <T>(name: string, operation: () => Promise<T>): Promise<T> => {
    try {
      return await operation()
    } finally {
      writes += 1
      absentUntil.delete(name)
    }
  }
  const { put, createMultipartUpload: multipart } = backend
  return {
    ...backend,
    get: (name, getOptions) => ask(name, () => backend.get(name, getOptions)),
    head: (name, readOptions) => ask(name, () => backend.head(name, readOptions)),
    ...(put && { put: (name, body, putOptions) => write(name, () => put(name, body, putOptions)) }),
    ...(multipart && {
      createMultipartUpload: async (name, uploadOptions) => {
        const upload = await multipart(name, uploadOptions)
        return { ...upload, complete: () => write(name, () => upload.complete()) }
      },
    }),
  }
}
