import type { Backend, BackendHealth, ReadOptions } from '../storage/backend.ts'
import { type ErrorCode, StorageError } from '../storage/errors.ts'

export interface BackendWithHealth extends Backend {
  health(): BackendHealth
}

export interface BreakerOptions {
  /** Opens at so many failures among the latest outcomes, where they are at least half of them. */
  failures: number
  /** How long it stays open before a request is let through again, in milliseconds. */
  openMs: number
  /** Longest pause that the backend itself gets by asking for one (Retry-After), in milliseconds; 0 gives it none. */
  longestPauseMs: number
  now?: () => number
}

/**
 * Outcomes that are remembered, as a multiple of `failures`: so many that chance does not open it for a backend that fails
 * one request in ten, so few that one that begins to hang is soon found out.
 */
const REMEMBERED = 3
/** Long enough that a backend that hangs is not forgotten while each question to it takes a timeout. */
const WINDOW_MS = 120_000
const RECENT_ERRORS = 10
const REMEMBERED_LATENCIES = 256

/** What a call says of the backend. `nothing`: it was called off, its body broke off, its caller or we were at fault. */
type Outcome = 'success' | 'failure' | 'nothing'

const MEANING: Partial<Record<ErrorCode, Outcome>> = {
  unavailable: 'failure',
  timeout: 'failure',
  absent: 'success',
  precondition: 'success',
  unsatisfiable: 'success',
}

/** The one place that decides whose doing a failure is: only what names this backend can be its own. */
function outcomeOf(error: unknown, backend: string, signal: AbortSignal | undefined): Outcome {
  if (signal?.aborted || !(error instanceof StorageError) || error.backend !== backend) return 'nothing'
  return MEANING[error.code] ?? 'nothing'
}

/**
 * Passes over a backend while at least half of its latest outcomes are failures: `skipped` is thrown. Then one request
 * at a time is let through, or some where nobody else can answer, until they succeed more often than not.
 */
export function withBreaker(backend: Backend, options: BreakerOptions): BackendWithHealth {
  const breaker = createBreaker(backend.name, options)
  const { put, delete: remove, list, createMultipartUpload: multipart } = backend
  const { run } = breaker
  // Nobody else takes a write or lists what is here.
  const alone = { lastResort: true }
  return {
    ...backend,
    get: (name, getOptions) => run(() => backend.get(name, getOptions), getOptions),
    head: (name, readOptions) => run(() => backend.head(name, readOptions), readOptions),
    ...(put && {
      put: (name, body, putOptions) => run(() => put(name, body, putOptions), { ...putOptions, ...alone }),
    }),
    ...(remove && { delete: (name) => run(() => remove(name), alone) }),
    ...(list && {
      list: (listOptions) => run(() => list(listOptions), { ...listOptions, ...alone }),
    }),
    ...(multipart && {
      createMultipartUpload: (name, uploadOptions) => run(() => multipart(name, uploadOptions), alone),
    }),
    health: breaker.health,
  }
}

interface Breaker {
  run<T>(operation: () => Promise<T>, options?: Pick<ReadOptions, 'signal' | 'lastResort'>): Promise<T>
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
  /** A probe for one that is let through while half-open, else whether it may go. */
  const admit = (lastResort: boolean): Probe | boolean => {
    const current = state()
    if (current !== 'half-open') return current === 'closed'
    // One that hangs, or whose request the platform ended, holds up nobody for long.
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
    // What was asked before it opened, and fails only now, says nothing new.
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
    async run(operation, { signal, lastResort = false } = {}) {
      const admitted = admit(lastResort)
      if (admitted === false)
        throw new StorageError('skipped', 'not asked: it failed too often a moment ago', { backend })
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
