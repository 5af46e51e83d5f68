/** The JSON of backfills and verifications. */

export type SkipReason = 'excluded' | 'not_accepted' | 'tombstoned' | 'shadowed' | 'gone'

export interface Counters {
  listed: number
  copied: number
  /** The target held them already. */
  present: number
  /** Left where they are, with a reason. */
  skipped: number
  skipped_by: Partial<Record<SkipReason, number>>
  failed: number
  bytes: number
}

/** What a job waits for; it goes on by itself. */
export interface Waiting {
  backend: string
  error: string
  detail: string
  until: string
}

export interface Backfill extends Counters {
  id: string
  state: 'listing' | 'running' | 'paused' | 'cancelled' | 'completed' | 'completed_with_failures'
  /** Objects in a second: lately, or over all of a job that ended. */
  rate: number
  started: string
  updated: string
  finished: string | null
  prefix: string
  dry_run: boolean
  /** Where the names come from instead of listings. */
  manifest: string | null
  max_concurrency: number
  max_per_second: number | null
  waiting: Waiting | null
  backends: Record<string, Counters>
  /** Of a dry run. */
  estimate?: Estimate
}

/** What copying would cost beyond what a plan includes, at the prices of that date. */
export interface Estimate {
  objects: number
  /** Of those whose sizes are known. */
  bytes: number
  objects_of_unknown_size: number
  operations: Record<string, number>
  /** By service, and the `total`; `egress` is among them only where all of it is known. */
  cost_usd: Record<string, number | null>
  /** What reading out of the sources costs; `null` where some of it is unknown: then the total leaves it out. */
  egress_usd: number | null
  /** Backends with unknown prices or sizes. */
  egress_unknown: string[]
  /** Whose prices were taken, by backend. */
  egress_prices: Record<string, string>
  /** `null` where sizes are unknown. */
  storage_usd_per_month: number | null
  prices: { date: string; sources: readonly string[] }
}

export interface BackfillRequest {
  /** The fallbacks to copy from. Default: all. */
  backends?: string[]
  prefix?: string
  /** Counts and prices only. */
  dry_run?: boolean
  max_concurrency?: number
  max_per_second?: number
  /** An object of the chain that holds the names, one a line. */
  manifest?: string
}

/** Names to copy, one a line, for fallbacks that cannot list. */
export interface Manifest {
  body: BodyInit
  type: 'text/plain' | 'application/x-ndjson'
}

export interface BackfillFailure {
  name: string
  backend: string
  error: string
  detail: string
  attempts: number
}

export interface FailurePage {
  failures: BackfillFailure[]
  cursor: string | null
}

export interface Verification {
  id: string
  state: 'running' | 'completed' | 'cancelled'
  prefix: string
  deep: boolean
  primary: string
  fallbacks: readonly string[]
  compared: number
  equal: number
  missing: number
  different: number
  extra: number
  changed: number
  tombstoned: number
  /** Of the equal ones: only the sizes could be compared. */
  equal_by_size: number
  /** What was not compared or cannot be moved, by reason. */
  left_out: Record<string, number>
  /** What the operator accepts, and how much that is. */
  accepted: { reason: string; count: number }[]
  /** How often all names were compared. */
  passes: number
  /** When the last pass began: what the certificate is true of. */
  as_of: string | null
  /** Of the names that fallbacks hold, the part that the primary holds equally, or deleted. */
  coverage: number
  prefixes: { prefix: string; objects: number; covered: number; coverage: number }[]
  safe_to_detach: boolean
  /** Why not. */
  reasons: string[]
  waiting: Waiting | null
  started: string
  updated: string
  finished: string | null
}

export interface VerificationRequest {
  prefix?: string
  /** Compare the bytes, not only sizes and digests. */
  deep?: boolean
  /** Reasons that are not in the way of detaching: `excluded`, `unlistable`, … */
  accept?: string[]
}

export interface Difference {
  kind: 'missing' | 'different' | 'extra' | 'changed' | 'left_out' | 'equal_by_size'
  name: string
  backend: string
  detail: string
}

export interface DifferencePage {
  differences: Difference[]
  cursor: string | null
}
