import type { Backend, BackendHealth } from '../storage/backend.ts'
import { type ErrorCode, StorageError } from '../storage/errors.ts'
import { type Call, interceptCalls } from './intercept.ts'

export interface BackendWithHealth extends Backend {
  health(): BackendHealth
}

export interface BreakerOptions {
  /** Opens at so many failures among the latest outcomes, where they are at least half of them. */
  failures: number
  /** How long it stays open before a request is let through again, in milliseconds. */
  openMs: number
  /** Longest pause that the backend itself gets by sending Retry-After, in milliseconds; 0 gives it none. */
  longestPauseMs: number
  now?: () => number
}

/**
 * Outcomes that are remembered, as a multiple of `failures`: enough that chance does not open it for a backend that fails
 * one request in ten, few enough that one that begins to hang opens it soon.
 */
const REMEMBERED = 3
/** Long enough that the failures of a backend that hangs are not forgotten while each request to it takes a timeout. */
const WINDOW_MS = 120_000
const RECENT_ERRORS = 10
const REMEMBERED_LATENCIES = 256

/** What a call shows about the backend. `nothing`: it was aborted, its body broke off, or the fault was the caller's or ours. */
type Outcome = 'success' | 'failure' | 'nothing'

const MEANING: Partial<Record<ErrorCode, Outcome>> = {
  unavailable: 'failure',
  timeout: 'failure',
  absent: 'success',
  precondition: 'success',
  unsatisfiable: 'success',
}

/** Decides whose fault a failure is: only one that names this backend can be its own. */
function outcomeOf(error: unknown, backend: string, signal: AbortSignal | undefined): Outcome {
  if (signal?.aborted || !(error instanceof StorageError) || error.backend !== backend) return 'nothing'
  return MEANING[error.code] ?? 'nothing'
}

/** To refuse a part would waste those before it, and to refuse an abort would leave them. */
const UNGUARDED: ReadonlySet<Call<unknown>['method']> = new Set([
  'uploadPart',
  'complete',
  'abort',
  'abortMultipartUpload',
])

/**
 * Passes over a backend while at least half of its latest outcomes are failures: `skipped` is thrown. Then one request
 * at a time is let through, or several where no other backend can answer, until more of them succeed than fail.
 */
export function withBreaker(backend: Backend, options: BreakerOptions): BackendWithHealth {
  const { run, health } = createBreaker(backend.name, options)
  const guarded = interceptCalls(backend, ({ method, signal, lastResort }, send) => {
    if (UNGUARDED.has(method)) return send()
    // No other backend takes a write or lists what is here.
    const isOnly = method !== 'get' && method !== 'head'
    return run(send, { signal, lastResort: isOnly || lastResort })
  })
  return { ...guarded, health }
}

interface Breaker {
  run<T>(
    operation: () => Promise<T>,
    options: { signal: AbortSignal | undefined; lastResort: boolean | undefined },
  ): Promise<T>
  health(): BackendHealth
}

interface Probe {
  at: number
}

function createBreaker(backend: string, options: BreakerOptions): Breaker {
  const { failures, openMs, longestPauseMs, now = Date.now } = options
  const latest: { at: number; failed: boolean }[] = []
  const recentErrors: BackendHealth['recentErrors'] = []
  const latencies: number[] = []
  const probes = new Set<Probe>()
  let answers = 0
  /** 0 while closed. */
  let openUntil = 0

  const remember = (failed: boolean): void => {
    const at = now()
    latest.push({ at, failed })
    while (latest.length > REMEMBERED * failures || (latest[0]?.at ?? at) < at - WINDOW_MS) latest.shift()
  }
  const failed = (): number => latest.filter((outcome) => outcome.failed).length
  const isTripped = (): boolean => failed() >= Math.max(failures, latest.length / 2)

  const state = (): BackendHealth['state'] => {
    if (openUntil === 0) return 'closed'
    return now() < openUntil ? 'open' : 'half-open'
  }
  /** A probe for a request that is let through while half-open, else whether it may be sent. */
  const admit = (lastResort: boolean): Probe | boolean => {
    const current = state()
    if (current !== 'half-open') return current === 'closed'
    // A probe that hangs, or whose request the platform ended, does not hold up others for long.
    for (const probe of probes) if (now() - probe.at >= openMs) probes.delete(probe)
    if (probes.size >= (lastResort ? failures : 1)) return false
    const probe = { at: now() }
    probes.add(probe)
    return probe
  }
  const note = (outcome: Outcome, isProbe: boolean, retryAfter = 0): void => {
    if (outcome === 'nothing') return
    remember(outcome === 'failure')
    if (outcome === 'success') {
      if (openUntil !== 0 && !isTripped()) openUntil = 0
      return
    }
    const pause = Math.min(retryAfter, longestPauseMs)
    // A request from before it opened that fails only now shows nothing new.
    if (openUntil !== 0 && !isProbe) return
    const openFor = isProbe || isTripped() ? Math.max(openMs, pause) : pause
    if (openFor > 0) openUntil = now() + openFor
  }
  const noteError = (error: unknown): void => {
    if (!(error instanceof StorageError) || MEANING[error.code] === 'success') return
    recentErrors.push({ at: new Date(now()), code: error.code, detail: error.message })
    if (recentErrors.length > RECENT_ERRORS) recentErrors.shift()
  }

  return {
    async run(operation, { signal, lastResort = false }) {
      const admitted = admit(lastResort)
      if (admitted === false)
        throw new StorageError('skipped', 'was passed over: it failed too often a moment ago', { backend })
      const isProbe = admitted !== true
      const started = now()
      try {
        const result = await operation()
        note('success', isProbe)
        return result
      } catch (error) {
        const { retryAfter } = error instanceof StorageError ? error : {}
        note(outcomeOf(error, backend, signal), isProbe, retryAfter)
        noteError(error)
        throw error
      } finally {
        if (isProbe) probes.delete(admitted)
        latencies[answers++ % REMEMBERED_LATENCIES] = now() - started
      }
    },
    health: () => ({
      state: state(),
      failures: failed(),
      recentErrors: [...recentErrors],
      ...(latencies.length > 0 && { latency: quantiles(latencies) }),
    }),
  }
}

function quantiles(latencies: readonly number[]): NonNullable<BackendHealth['latency']> {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), count: sorted.length }
}
