import type { StorageError } from './errors.ts'

/** `cancelled`: a speculative request that turned out not to be needed, whether or not the backend had responded. */
export type Outcome = 'hit' | 'absent' | 'timeout' | 'error' | 'skipped' | 'cancelled'

/** One backend that was tried, or skipped, for one request. */
export interface Attempt {
  backend: string
  outcome: Outcome
  /** Milliseconds until its response headers. */
  duration: number
  /** What went wrong; can be shown to clients. */
  detail?: string
  /** It was started before the backends before it had responded. */
  speculative?: true
  /** The failure itself, with its cause: for the log, never for a client. */
  failure?: StorageError
}

/** The backends that a request tried, in order. The chain appends to it. */
export type Trace = Attempt[]

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
