import type { Backend, BackendHealth } from '../storage/backend.ts'
import { type ErrorCode, StorageError } from '../storage/errors.ts'
import { type Call, interceptCalls } from './intercept.ts'

export interface BackendWithHealth extends Backend {
  health(): BackendHealth
}

export interface BreakerOptions {
  /** Opens after this many failures, if they are at least half of the latest outcomes. */
  failures: number
  /** How long it stays open before it lets a request through again, in milliseconds. */
  openMs: number
  /** Longest Retry-After of the backend that is honoured, in milliseconds. */
  longestPauseMs: number
  now?: () => number
}

/**
 * Outcomes that are remembered, as a multiple of `failures`: enough that chance does not open it for a backend that fails
 * one request in ten, few enough that one that begins to hang opens it soon.
 */
const REMEMBERED = 3
/** Long enough to remember the failures of a backend that hangs, when each request takes until its timeout. */
const WINDOW_MS = 120_000
const RECENT_ERRORS = 10
const REMEMBERED_LATENCIES = 256

/** What an error says about the backend; other codes say nothing. */
const MEANING: Partial<Record<ErrorCode, 'success' | 'failure'>> = {
  unavailable: 'failure',
  timeout: 'failure',
  absent: 'success',
  locked: 'success',
  precondition: 'success',
  unsatisfiable: 'success',
}

/** Statuses from 400 to 499 that are about the backend; others are about one request, such as its name. */
const FAILURES_OF_BACKEND = new Set([408, 425, 429])

/** Never refused: refusing a part would waste the parts before it, and refusing an abort would leave them behind. */
const UNGUARDED: ReadonlySet<Call<unknown>['method']> = new Set(['uploadPart', 'complete', 'abort'])

/** A request that is let through while half-open. */
interface Probe {
  at: number
}

/**
 * Throws `skipped` while at least half of the backend's latest outcomes are failures. Then lets one request at a time
 * through, or several if no other backend can answer, until more of them succeed than fail.
 */
export function withBreaker(backend: Backend, options: BreakerOptions): BackendWithHealth {
  const { failures, openMs, longestPauseMs, now = Date.now } = options
  /** Overwritten in turn. */
  const outcomes: { at: number; failed: boolean }[] = []
  let remembered = 0
  const recentErrors: BackendHealth['recentErrors'] = []
  const latencies: number[] = []
  const probes = new Set<Probe>()
  let answers = 0
  /** 0 while closed. */
  let openUntil = 0

  const latest = (): typeof outcomes => outcomes.filter(({ at }) => at >= now() - WINDOW_MS)
  const failed = (): number => latest().filter((outcome) => outcome.failed).length
  const isTripped = (): boolean => failed() >= Math.max(failures, latest().length / 2)
  const state = (): BackendHealth['state'] => {
    if (openUntil === 0) return 'closed'
    return now() < openUntil ? 'open' : 'half-open'
  }
  /** Whether a request may be sent; a probe if it may because the breaker is half-open. */
  const admit = (isLastResort: boolean): Probe | boolean => {
    const current = state()
    if (current !== 'half-open') return current === 'closed'
    // A probe that hangs, or whose request the platform ended, must not block others for long.
    for (const probe of probes) if (now() - probe.at >= openMs) probes.delete(probe)
    if (probes.size >= (isLastResort ? failures : 1)) return false
    const probe = { at: now() }
    probes.add(probe)
    return probe
  }
  const remember = (hasFailed: boolean): void => {
    outcomes[remembered++ % (REMEMBERED * failures)] = { at: now(), failed: hasFailed }
  }
  const noteSuccess = (): void => {
    remember(false)
    if (openUntil !== 0 && !isTripped()) openUntil = 0
  }
  const noteFailure = (isProbe: boolean, retryAfter = 0): void => {
    remember(true)
    const pause = Math.min(retryAfter, longestPauseMs)
    // The failure of a request that was sent before the breaker opened is nothing new.
    if (openUntil !== 0 && !isProbe) return
    const openFor = isProbe || isTripped() ? Math.max(openMs, pause) : pause
    if (openFor > 0) openUntil = now() + openFor
  }
  const noteError = (error: unknown, signal: AbortSignal | undefined, isProbe: boolean): void => {
    if (!(error instanceof StorageError)) return
    const meaning = MEANING[error.code]
    // A lock is healthy, but operators look for what it refuses.
    if (meaning !== 'success' || error.code === 'locked') {
      recentErrors.push({ at: new Date(now()), code: error.code, detail: error.message })
      if (recentErrors.length > RECENT_ERRORS) recentErrors.shift()
    }
    // It says nothing about the backend if the call was aborted or the failure is another backend's.
    if (signal?.aborted || error.backend !== backend.name) return
    if (meaning === 'success') noteSuccess()
    if (meaning === 'failure' && !refusesRequest(error)) noteFailure(isProbe, error.retryAfter)
  }

  const guarded = interceptCalls(backend, async ({ method, body, signal, lastResort = false }, send) => {
    if (UNGUARDED.has(method)) return send()
    // Writes and listings cannot be answered by another backend.
    const admitted = admit(lastResort || (method !== 'get' && method !== 'head'))
    if (admitted === false)
      throw new StorageError('skipped', 'it failed too often recently', {
        backend: backend.name,
      })
    const isProbe = admitted !== true
    const started = now()
    try {
      const result = await send()
      noteSuccess()
      return result
    } catch (error) {
      noteError(error, signal, isProbe)
      throw error
    } finally {
      if (isProbe) probes.delete(admitted)
      // A call that was cancelled has no answer, and a stream takes as long as its client.
      if (!signal?.aborted && !(body instanceof ReadableStream))
        latencies[answers++ % REMEMBERED_LATENCIES] = now() - started
    }
  })
  return {
    ...guarded,
    health: () => ({
      state: state(),
      failures: failed(),
      recentErrors: [...recentErrors],
      ...(latencies.length > 0 && { latency: quantiles(latencies) }),
    }),
  }
}

function refusesRequest({ status = 0 }: StorageError): boolean {
  return status >= 400 && status < 500 && !FAILURES_OF_BACKEND.has(status)
}

function quantiles(latencies: readonly number[]): NonNullable<BackendHealth['latency']> {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), count: sorted.length }
}
