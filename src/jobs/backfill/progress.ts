import type { Backfill } from '../../schemas/job-answers.ts'
import { isoTime } from '../../storage/iso-time.ts'
import type { SavedRecord } from '../job-record.ts'
import { unsizedOf } from './estimate.ts'
import type { BackfillRecord, Point, Sample } from './job-types.ts'
import { isActive } from './pages.ts'
import type { Series } from './series.ts'
import type { Store } from './store.ts'

/** Rates are measured since the oldest sample: for 40 seconds, or for eight reports of large pages. */
const SAMPLES = 8
const SAMPLE_MS = 5_000
/** Nobody plans with a date that is farther away. */
const MAX_SECONDS_LEFT = 100 * 365 * 86_400

/** The record, whose changes also record what they settled: in the series, and in samples for the rates. */
export function recordProgress(
  saved: SavedRecord<BackfillRecord>,
  store: Store,
  series: Series,
): SavedRecord<BackfillRecord> {
  const change: typeof saved.change = (work) =>
    saved.change((record) => {
      const before = store.progress()
      const { waiting } = record
      if (work(record) === false) return false
      const after = store.progress()
      const settled = after.settled - before.settled
      // A retry takes failures back; what was tried before has happened all the same.
      if (settled <= 0) return
      const now = saved.now()
      const [failed, bytes] = [after.failed - before.failed, after.bytes - before.bytes]
      series.add(secondOf(record, now), { settled, failed, bytes })
      // The time without a backend says nothing about the speed with it.
      const resumed = waiting && !record.waiting && sampleOf(before, Math.min(waiting.until, now))
      const samples = resumed ? [resumed] : (record.samples ?? [])
      const isDue = now - (samples.at(-1)?.at ?? 0) >= SAMPLE_MS
      record.samples = isDue ? [...samples, sampleOf(after, now)].slice(-SAMPLES) : samples
    })
  return { ...saved, change }
}

/** Measures the rates from now on. */
export function restartRates(record: BackfillRecord, store: Store, now: number): void {
  record.samples = [sampleOf(store.progress(), now)]
}

function sampleOf({ settled, bytes }: Point, at: number): Sample {
  return { at, settled, bytes }
}

/** Seconds since the job began, as its series counts them. */
export function secondOf({ started }: BackfillRecord, now: number): number {
  return Math.max(0, Math.floor(now / 1000) - Math.floor(started / 1000))
}

/** How fast the job is, how much it has found, and when it will have done that. */
export function progressOf(
  record: BackfillRecord,
  store: Store,
  now: number,
): Pick<Backfill, 'rate' | 'bytes_rate' | 'total' | 'eta'> {
  const { listed, settled, bytes } = store.progress()
  const from = startOfRates(record, now)
  const seconds = from ? Math.max(1, ((record.finished ?? now) - from.at) / 1000) : 1
  const rate = from ? (settled - from.settled) / seconds : 0
  const isRunning = record.listed && isActive(record, now)
  const left = isRunning && rate > 0 ? Math.max(0, listed - settled) / rate : Infinity
  return {
    rate: Math.round(rate * 10) / 10,
    bytes_rate: from ? Math.round((bytes - from.bytes) / seconds) : 0,
    total:
      listed > 0 || record.listed ? { objects: listed, bytes: bytesOf(record), exact: record.listed } : null,
    eta: isoTime(left < MAX_SECONDS_LEFT ? now + left * 1000 : null),
  }
}

/** The rates of a job that has ended are averages; one that is paused or waits has none. */
function startOfRates(record: BackfillRecord, now: number): Sample | undefined {
  if (record.finished !== undefined) return { at: record.started, settled: 0, bytes: 0 }
  return isActive(record, now) ? record.samples?.[0] : undefined
}

/** Bytes to be copied, as they were listed. */
function bytesOf({ found }: BackfillRecord): number | null {
  return unsizedOf(found) === 0 ? found.bytes : null
}
