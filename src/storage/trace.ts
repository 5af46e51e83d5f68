import { type ErrorCode, isCallersFault, type StorageError, toStorageError } from './errors.ts'

/** `cancelled`: a speculative request that turned out not to be needed, whether or not the backend had responded. */
export type Outcome = 'hit' | 'absent' | 'timeout' | 'error' | 'skipped' | 'cancelled'

/** One backend that was tried, or skipped, for one request. */
export interface Attempt {
  backend: string
  outcome: Outcome
  /** Milliseconds until its response headers; of a write, until it was done. */
  duration: number
  /** What went wrong; can be shown to clients. */
  detail?: string | undefined
  /** It was started before the backends before it had responded. */
  speculative?: true | undefined
  /** The failure itself, with its cause: for the log, never for a client. */
  failure?: StorageError | undefined
}

/** The backends that a request tried, in order. The chain appends to it. */
export type Trace = Attempt[]

/** What a failure of the backend is called in a trace. */
export function outcomeOf(failure: StorageError): Outcome {
  const { code } = failure
  if (code === 'timeout' || code === 'skipped') return code
  return isCallersFault(failure) ? 'hit' : 'error'
}

/** What is wrong with a request or its body, or what a lock forbids, is no failure of the backend. */
const REFUSALS = new Set<ErrorCode>([
  'precondition',
  'corrupt',
  'too-large',
  'interrupted',
  'locked',
  'unsupported',
])

/** Runs a write in the backend, and appends it to the trace. */
export async function traceWrite<T>(
  trace: Trace | undefined,
  { name: backend }: { name: string },
  write: () => Promise<T>,
): Promise<T> {
  const started = performance.now()
  const add = (outcome: Outcome, more?: Pick<Attempt, 'detail' | 'failure'>): void =>
    void trace?.push({ backend, outcome, duration: performance.now() - started, ...more })
  try {
    const result = await write()
    add('hit')
    return result
  } catch (error) {
    const failure = toStorageError(error, backend)
    // For a condition, other backends are asked as well.
    const isOwn = failure.backend === backend && !REFUSALS.has(failure.code)
    add(isOwn ? outcomeOf(failure) : 'hit', { detail: failure.message, failure })
    throw failure
  }
}

/**
 * Whether a backend before the one that answered did not prove the name absent: it may have a newer version, or a
 * tombstone. A backend that was still silent when another was preferred proved nothing either.
 */
export function mayBeStale(trace: Trace): boolean {
  let isUnproven = false
  for (const { outcome } of trace) {
    if (outcome === 'hit') return isUnproven
    isUnproven ||= outcome !== 'absent'
  }
  return false
}
