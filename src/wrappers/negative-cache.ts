import type { Backend } from '../storage/backend.ts'
import { setLatest } from '../storage/set-latest.ts'
import { intercept, interceptCompletions } from './intercept.ts'

export interface NegativeCacheOptions {
  /** How long an absence is remembered, in milliseconds. */
  ttlMs: number
  /** Whether the name's absence may be remembered: not where it may be written to by another isolate. Default: it may. */
  remembers?: (name: string) => boolean
  /** How many names are remembered; the oldest are forgotten first. */
  maxNames?: number
  now?: () => number
}

const MAX_NAMES = 10_000

/**
 * Remembers for some seconds which names a fallback does not have, so that repeated misses do not reach an old server.
 * A write to this backend in this isolate forgets the name.
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
  /** Remembers a miss, unless something was written in the meantime. */
  const read = async <T>(
    name: string,
    fresh: boolean | undefined,
    operation: () => Promise<T | null>,
  ): Promise<T | null> => {
    if (options.remembers?.(name) === false) return operation()
    if (!fresh && isAbsent(name)) return null
    const before = writes
    const result = await operation()
    if (result !== null) absentUntil.delete(name)
    if (result !== null || writes !== before) return result
    setLatest(absentUntil, name, now() + options.ttlMs, options.maxNames ?? MAX_NAMES)
    return null
  }
  /** Forgets the name whether or not the write succeeded, because a failed one may still have been stored. */
  const write = async <T>(name: string, operation: () => Promise<T>): Promise<T> => {
    try {
      return await operation()
    } finally {
      writes += 1
      absentUntil.delete(name)
    }
  }
  return intercept(backend, {
    get: (get) => (name, getOptions) => read(name, getOptions?.fresh, () => get(name, getOptions)),
    head: (head) => (name, readOptions) => read(name, readOptions?.fresh, () => head(name, readOptions)),
    put: (put) => (name, body, putOptions) => write(name, () => put(name, body, putOptions)),
    ...interceptCompletions(write),
  })
}
