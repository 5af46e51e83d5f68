export type Outcome = 'hit' | 'absent' | 'timeout' | 'error' | 'skipped'

/** One backend that was asked, or passed over, for one request. */
export interface Attempt {
  backend: string
  outcome: Outcome
  /** Milliseconds until its answer (response headers). */
  duration: number
  /** What went wrong, fit to be shown. */
  detail?: string
}

/** Who was asked, in order; one per request. The chain appends to it. */
export type Trace = Attempt[]
