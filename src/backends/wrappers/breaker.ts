import type { Backend, BackendHealth } from '../../storage/backend.ts'
import { StorageError, toStorageError } from '../../storage/errors.ts'

export interface BreakerOptions {
  /** Transport failures within `windowMs` that open it. */
  failures: number
  /** How long it stays open before one probe is let through, in milliseconds. */
  openMs: number
  windowMs?: number
  now?: () => number
}

const WINDOW_MS = 30_000
/** A backend that asks for an hour of peace is asked again sooner all the same. */
const MAX_RETRY_AFTER_MS = 60_000
const REMEMBERED_ERRORS = 10
const REMEMBERED_LATENCIES = 256

/**
 * Stops asking a backend that keeps failing: `skipped` is thrown until a single probe succeeds.
 * A miss is healthy, a refusal of our credentials says nothing about the transport, Retry-After is honoured.
 */
export function withBreaker(backend: Backend, options: BreakerOptions): Backend {
  const breaker = createBreaker(backend.name, options)
  const { put, delete: remove, list, createMultipartUpload: multipart } = backend
  return {
    ...backend,
    get: (name, getOptions) => breaker.run(() => backend.get(name, getOptions)),
    head: (name, readOptions) => breaker.run(() => backend.head(name, readOptions)),
    ...(put && { put: (name, body, putOptions) => breaker.run(() => put(name, body, putOptions)) }),
    ...(remove && { delete: (name) => breaker.run(() => remove(name)) }),
    ...(list && { list: (listOptions) => breaker.run(() => list(listOptions)) }),
    ...(multipart && {
      createMultipartUpload: (name, uploadOptions) => breaker.run(() => multipart(name, uploadOptions)),
    }),
    health: breaker.health,
  }
}

interface Breaker {
  run<T>(operation: () => Promise<T>): Promise<T>
  health(): BackendHealth
}

function createBreaker(backend: string, options: BreakerOptions): Breaker {
  const now = options.now ?? Date.now
  const failedAt: number[] = []
  const recentErrors: BackendHealth['recentErrors'] = []
  const latencies: number[] = []
  let answers = 0
  let openUntil = 0
  let probing = 0

  const fail = (error: StorageError): void => {
    const at = now()
    recentErrors.push({ at: new Date(at), code: error.code, detail: error.message })
    if (recentErrors.length > REMEMBERED_ERRORS) recentErrors.shift()
    if (error.code !== 'unavailable' && error.code !== 'timeout') return
    failedAt.push(at)
    while ((failedAt[0] ?? at) < at - (options.windowMs ?? WINDOW_MS)) failedAt.shift()
    if (failedAt.length > options.failures) failedAt.shift()
    if (failedAt.length >= options.failures || probing !== 0) openUntil = at + options.openMs
    if (error.retryAfter !== undefined)
      openUntil = Math.max(openUntil, at + Math.min(error.retryAfter, MAX_RETRY_AFTER_MS))
  }
  const succeed = (): void => {
    failedAt.length = 0
    openUntil = 0
  }
  const state = (): BackendHealth['state'] => {
    if (openUntil === 0) return 'closed'
    return now() < openUntil ? 'open' : 'half-open'
  }
  const admit = (): boolean => {
    const current = state()
    if (current === 'closed') return true
    // A probe whose request the platform ended never reports: after `openMs` another one may go.
    if (current === 'open' || now() - probing < options.openMs) return false
    probing = now()
    return true
  }

  return {
    async run(operation) {
      if (!admit()) {
        throw new StorageError('skipped', 'not asked: it failed too often a moment ago', { backend })
      }
      const isProbe = state() === 'half-open'
      const started = now()
      try {
        const result = await operation()
        succeed()
        return result
      } catch (error) {
        const failure = toStorageError(error, backend)
        if (failure.code !== 'denied' && !isTransport(failure)) succeed()
        else fail(failure)
        throw error
      } finally {
        if (isProbe) probing = 0
        latencies[answers++ % REMEMBERED_LATENCIES] = now() - started
      }
    },
    health: () => ({
      state: state(),
      failures: failedAt.length,
      recentErrors: [...recentErrors],
      ...(latencies.length > 0 && { latency: quantiles(latencies) }),
    }),
  }
}

function isTransport({ code }: StorageError): boolean {
  return code === 'unavailable' || code === 'timeout'
}

function quantiles(latencies: readonly number[]): NonNullable<BackendHealth['latency']> {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), count: sorted.length }
}
