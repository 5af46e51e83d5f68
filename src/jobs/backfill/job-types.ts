import type { Backfill, Counters } from '../../schemas/job-answers.ts'
import type { WalkPosition } from '../walk.ts'
import type { BackendFailure, JobRecord } from '../job-record.ts'

export interface BackfillOptions {
  /** Names of the fallbacks to copy from, in the order of the chain. */
  backends: readonly string[]
  prefix: string
  dryRun: boolean
  /** Copies at the same time, all consumers together. */
  maxConcurrency: number
  /** Copies started per second. Default: no limit. */
  maxPerSecond?: number
  /** Where the names come from instead of listings: sent by the client, or an object of the chain. */
  manifest?: { from: 'client' } | ManifestObject
  /** The mirror that a resync makes equal to the primary; `backends` has only its name then. */
  mirror?: string
}

/** An object with names: of one backend, or of the chain. */
export interface ManifestObject {
  from: 'object'
  name: string
  backend?: string
  /** What begins the names that its files may have: those that the identity who started the job sees. */
  within?: string
}

/** Where to continue reading a manifest: `row` rows of a file were taken, and all files of an inventory before it. */
export interface ManifestPosition {
  row: number
  file?: number
  etag?: string
}

/** Objects, the bytes of those whose sizes are known, and how many have unknown sizes. */
export interface Sized {
  objects: number
  bytes: number
  unsized: number
}

/** What is to be copied, by source; a manifest does not say which source has its names, and may not say their sizes. */
export interface Found extends Omit<Sized, 'unsized'>, Partial<Pick<Sized, 'unsized'>> {
  sources?: Record<string, Sized>
}

/** What a job has done in some time. */
export interface Point {
  /** Objects copied, present, skipped or failed. */
  settled: number
  failed: number
  bytes: number
}

/** The job's counters at some time. */
export interface Sample extends Pick<Point, 'settled' | 'bytes'> {
  at: number
}

/** What a backfill stores about itself, beside its counters and pages. */
export interface BackfillRecord extends JobRecord {
  options: BackfillOptions
  status: 'open' | Exclude<Backfill['state'], 'listing' | 'running'>
  /** All names are known. */
  listed: boolean
  position?: WalkPosition
  /** Where to continue reading the manifest. */
  manifest?: ManifestPosition
  /** What was found to be copied. */
  found: Found
  /** Set at the end of a resync, once the mirrors' log knows of it. */
  recorded?: boolean
  /** The latest, oldest first. Records of earlier versions have none. */
  samples?: Sample[]
}

/** A name and its size, `null` if unknown. */
export type PageEntry = readonly [name: string, size: number | null]

/** Up to 100 names of one job. `source` is `null` for names of a manifest, which any source may have. */
export interface PageMessage {
  type: 'page'
  job: string
  page: number
  source: string | null
  names: readonly PageEntry[]
}

/** What happened to one name, and the backend that it is counted with. */
export interface Outcome {
  backend: string
  what: 'copied' | 'present' | 'skipped' | 'failed'
  /** Of a skipped name; the answer's schema explains them. */
  reason?: keyof Counters['skipped_by']
  bytes?: number
}

/** A name that could not be copied. */
export interface Failure extends BackendFailure {
  name: string
  size: number | null
}

/** What a consumer needs to copy a page. */
export interface PageStart {
  /** Copies at the same time. */
  concurrency: number
  /** Milliseconds between the starts of two copies. */
  interval: number
  /** Something failed before: list one name of the source first. */
  probe: boolean
  /** Set if the page was started before: some of its names may have been copied by this job since then. */
  copiedSince: number | undefined
  /** Where to look for the names of a manifest. */
  sources: readonly string[]
  /** The mirror to make equal to the primary, in a resync. */
  mirror?: string
}

/** What happened to the names of a page: each is counted, failed, or left. */
export interface PageReport {
  /** By backend. */
  counts: Record<string, Counters>
  failures: Failure[]
  /** Names still to be copied. */
  left: PageEntry[]
  /** A backend that does not respond: nothing should be sent for a while. */
  down?: BackendFailure
}

/** What the consumers of the queue call. */
export interface PageJob {
  /** `null` if there is nothing to do for the page now; its message is done then, too. */
  beginPage(page: number): Promise<PageStart | null>
  /** Only the first report of a page counts. */
  reportPage(page: number, report: PageReport): Promise<void>
}
