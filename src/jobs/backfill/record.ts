import type { Backfill } from '../../schemas/job-answers.ts'
import type { ErrorCode, StorageError } from '../../storage/errors.ts'
import type { WalkPosition } from '../walk.ts'
import { type EgressPrices, estimateEgress, type Found } from './egress.ts'
import { type Estimate, estimateCost } from './estimate.ts'
import type { BackfillOptions, BackfillState, Counts, PageEntry } from './job-types.ts'
import type { Store } from './store.ts'

/** What a job knows of itself, beside its counters and pages. */
export interface BackfillRecord {
  id: string
  options: BackfillOptions
  status: 'open' | Exclude<BackfillState, 'listing' | 'running'>
  /** All names are known. */
  listed: boolean
  position?: WalkPosition
  manifest?: { offset: number; etag?: string }
  /** What a dry run found to be copied. */
  found: {
    objects: number
    bytes: number
    /** Absent with a manifest: the sources of its names are not known. */
    sources?: Record<string, Found>
  }
  waiting?: Waiting
  /** A source failed: consumers list one name of it before they copy. */
  probe: boolean
  started: number
  updated: number
  finished?: number
}

/** Why nothing is listed or sent for a while; it goes on by itself. */
export interface Waiting {
  backend: string
  error: ErrorCode
  detail: string
  until: number
  rounds: number
}

/** The job as the API answers it. */
export type BackfillJson = Backfill

const FIRST_WAIT_MS = 5_000
const MAX_WAIT_MS = 300_000

export function stateOf({ status, listed }: BackfillRecord): BackfillState {
  if (status !== 'open') return status
  return listed ? 'running' : 'listing'
}

export function isClosed({ status }: BackfillRecord): boolean {
  return status !== 'open' && status !== 'paused'
}

/** Twice as long each time, until something succeeds. */
export function waitingAfter(
  before: Waiting | undefined,
  why: Pick<Waiting, 'backend' | 'error' | 'detail'>,
  now: number,
): Waiting {
  const rounds = (before?.rounds ?? 0) + 1
  return { ...why, until: now + Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (rounds - 1)), rounds }
}

/** Lets the job wait for what failed, and says so. */
export function waitAfter(
  record: BackfillRecord,
  { code, message, backend = 'chain' }: StorageError,
  now: number,
): void {
  record.waiting = waitingAfter(record.waiting, { backend, error: code, detail: message }, now)
}

/** Objects settled per second, from when a job was looked at before. */
export interface Rate {
  of(settled: number, now: number): number
}

const WINDOW_MS = 30_000

export function createRate(): Rate {
  const samples: { at: number; settled: number }[] = []
  return {
    of(settled, now) {
      samples.push({ at: now, settled })
      while (samples.length > 2 && (samples[1]?.at ?? now) <= now - WINDOW_MS) samples.shift()
      const [first] = samples
      const seconds = (now - (first?.at ?? now)) / 1000
      return seconds < 1 ? 0 : (settled - (first?.settled ?? settled)) / seconds
    },
  }
}

/** The job as the API answers it. */
export function toJson(
  record: BackfillRecord,
  store: Store,
  { recent, egress }: { recent: (settled: number) => number; egress: () => EgressPrices },
): BackfillJson {
  const { options, waiting } = record
  const counts = store.counts(null)
  const settled = counts.copied + counts.present + counts.skipped + counts.failed
  return {
    id: record.id,
    state: stateOf(record),
    ...counts,
    skipped_by: store.skips(null),
    rate: round(record.finished === undefined ? recent(settled) : overall(record, settled)),
    started: iso(record.started),
    updated: iso(record.updated),
    finished: record.finished === undefined ? null : iso(record.finished),
    prefix: options.prefix,
    dry_run: options.dryRun,
    manifest: manifestOf(options),
    max_concurrency: options.maxConcurrency,
    max_per_second: options.maxPerSecond ?? null,
    waiting: waiting
      ? { backend: waiting.backend, error: waiting.error, detail: waiting.detail, until: iso(waiting.until) }
      : null,
    backends: Object.fromEntries(
      [...new Set([...options.backends, ...store.backends()])].map((backend) => [
        backend,
        { ...store.counts(backend), skipped_by: store.skips(backend) },
      ]),
    ),
    ...(options.dryRun && { estimate: estimateOf(record, counts, egress()) }),
  }
}

function manifestOf({ manifest }: BackfillOptions): string | null {
  if (!manifest) return null
  return manifest.from === 'object' ? manifest.name : 'sent by the client'
}

/** Adds names that one source listed to what was found to be copied. */
export function addFound({ found }: BackfillRecord, source: string, names: readonly PageEntry[]): void {
  found.objects += names.length
  const own = (found.sources &&= { [source]: { objects: 0, bytes: 0, unsized: 0 }, ...found.sources })?.[
    source
  ]
  for (const [, size] of names) {
    found.bytes += size ?? 0
    if (!own) continue
    own.objects++
    own.bytes += size ?? 0
    if (size === null) own.unsized++
  }
}

function estimateOf(
  { found: { objects, bytes, sources }, options }: BackfillRecord,
  { present }: Counts,
  prices: EgressPrices,
): Estimate {
  // Any of them may have to give any of it.
  const unsized = { objects, bytes: 0, unsized: objects }
  const bySource = sources ?? Object.fromEntries(options.backends.map((backend) => [backend, unsized]))
  return estimateCost({
    objects,
    bytes,
    unsized: sources ? Object.values(sources).reduce((sum, source) => sum + source.unsized, 0) : objects,
    present,
    manifest: options.manifest !== undefined,
    egress: estimateEgress(bySource, prices),
  })
}

function overall({ started, finished = started }: BackfillRecord, settled: number): number {
  return settled / Math.max(1, (finished - started) / 1000)
}

function iso(time: number): string {
  return new Date(time).toISOString()
}

function round(rate: number): number {
  return Math.round(rate * 10) / 10
}
