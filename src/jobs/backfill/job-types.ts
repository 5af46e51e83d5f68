import type { ErrorCode } from '../../storage/errors.ts'

export type BackfillState =
  | 'listing'
  | 'running'
  | 'paused'
  | 'cancelled'
  | 'completed'
  | 'completed_with_failures'

export interface BackfillOptions {
  /** Names of the fallbacks that are copied from, in the order of the chain. */
  backends: readonly string[]
  prefix: string
  dryRun: boolean
  /** Copies at the same time, all consumers together. */
  maxConcurrency: number
  /** Copies begun in a second. Default: no limit. */
  maxPerSecond?: number
  /** Where the names come from instead of listings: sent by the client, or an object of the chain. */
  manifest?: { from: 'client' } | { from: 'object'; name: string }
}

/** A name and its size, `null` where it is unknown. */
export type PageEntry = readonly [name: string, size: number | null]

/** Up to 100 names of one job. `source` is `null` for names of a manifest, which any source may have. */
export interface PageMessage {
  type: 'page'
  job: string
  page: number
  source: string | null
  names: readonly PageEntry[]
}

/**
 * - `excluded` the source's `include` or `exclude` leaves it out
 * - `not_accepted` no writable backend before the source takes such names
 * - `tombstoned` deleted: it stays so
 * - `shadowed` a fallback that was not chosen is served instead
 * - `gone` the source lost it since it was listed
 */
export type SkipReason = 'excluded' | 'not_accepted' | 'tombstoned' | 'shadowed' | 'gone'

/** How many names were skipped for which reason; of names that were copied nothing. */
export type Skips = Partial<Record<SkipReason, number>>

export interface Counts {
  listed: number
  copied: number
  present: number
  skipped: number
  failed: number
  bytes: number
}

export const NO_COUNTS: Counts = { listed: 0, copied: 0, present: 0, skipped: 0, failed: 0, bytes: 0 }

export interface Failure {
  name: string
  size: number | null
  /** The backend that failed. */
  backend: string
  error: ErrorCode
  detail: string
}

/** What a consumer needs to copy a page. */
export interface PageStart {
  /** Copies at the same time. */
  concurrency: number
  /** Milliseconds from one copy's begin to the next. */
  interval: number
  /** A source failed before: list one name of it first. */
  probe: boolean
  /** Where the page was begun before: some of its names may have been copied, from then on by this job. */
  copiedSince: number | undefined
  /** Where names of a manifest are looked for. */
  sources: readonly string[]
}

/** What became of a page's names: each is counted, has failed, or is left. */
export interface PageReport {
  /** By backend; `listed` is left out. */
  counts: Record<string, Omit<Counts, 'listed' | 'failed'> & { skips?: Skips }>
  /** Names that failed; `final` ones are not tried again. */
  failures: (Failure & { final: boolean })[]
  /** Names that are still to be copied. */
  left: PageEntry[]
  /** A backend does not answer: nothing should be sent for a while. */
  down?: { backend: string; error: ErrorCode; detail: string }
}

/** What the queue's consumers call of a job. */
export interface PageJob {
  /** `null` where nothing is to be done with the page now; its message is settled then, too. */
  beginPage(page: number): Promise<PageStart | null>
  /** Only the first report of a page counts. */
  reportPage(page: number, report: PageReport): Promise<void>
  /** The queue gave up the page's message. */
  pageGivenUp(page: number, deliveries: number): Promise<void>
}
