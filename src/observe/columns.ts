import type { Series } from '../schemas/answers.ts'
import type { SeriesKind } from '../schemas/reasons.ts'
import { BUCKETS, quantile } from './latencies.ts'
import { type Interval, intervalAt, RINGS } from './rings.ts'

/** What a ring contains, to be shown as columns. */
export interface Recorded {
  what: SeriesKind
  step: number
  /** In order of time; those in which nothing was counted are missing. */
  intervals: readonly Interval[]
  /** Milliseconds since 1970. */
  countedSince: number | null
}

const COLUMNS: Record<SeriesKind, readonly string[]> = {
  reads: ['edge', 'absent', 'failed'],
  copies: ['copied', 'present', 'absent', 'failed', 'bytes'],
  health: [],
}
const OF_BACKENDS: Record<SeriesKind, readonly string[]> = {
  reads: ['reads'],
  copies: [],
  health: ['attempts', 'errors', 'p50', 'p95'],
}
const QUANTILES: Partial<Record<string, number>> = { p50: 0.5, p95: 0.95 }

/** When the first interval begins that is shown: never one that the ring has forgotten. */
export function firstInterval(step: number, from: number | undefined, now: number): number {
  const slots = RINGS.find((ring) => ring.step === step)?.slots ?? 0
  const oldest = intervalAt(now, step) - (slots - 1) * step
  return from === undefined ? oldest : Math.max(oldest, intervalAt(from, step))
}

/** One entry for each interval of that time: 0 if nothing was counted in it, null if it was before anything was counted. */
export function columnsOf(
  { what, step, intervals, countedSince }: Recorded,
  { first, now, backends }: { first: number; now: number; backends: readonly string[] },
): Pick<Series, 'at' | 'columns' | 'backends'> {
  const recorded = new Map(intervals.map((interval) => [interval.at, interval.counts]))
  const since = countedSince === null ? Infinity : intervalAt(countedSince, step)
  const at: number[] = []
  for (let time = first; time * 1000 <= now; time += step) at.push(time)

  const valueAt = (time: number, backend: string, column: string): number | null => {
    const counts = recorded.get(time)
    if (!counts && time < since) return null
    const count = (name: string | number): number => counts?.[`${what}/${backend}/${name}`] ?? 0
    const q = QUANTILES[column]
    if (q === undefined) return count(column)
    return quantile(
      Array.from({ length: BUCKETS }, (_, bucket) => count(bucket)),
      q,
    )
  }
  const columns = (names: readonly string[], backend: string) =>
    Object.fromEntries(names.map((name) => [name, at.map((time) => valueAt(time, backend, name))]))

  // Backends that were removed from the chain have counts, too.
  const counted = intervals.flatMap(({ counts }) => Object.keys(counts).map((key) => key.split('/')[1] ?? ''))
  const named = OF_BACKENDS[what].length > 0 ? new Set([...backends, ...counted]) : new Set<string>()
  named.delete('')
  return {
    at,
    columns: columns(COLUMNS[what], ''),
    backends: Object.fromEntries(Array.from(named, (name) => [name, columns(OF_BACKENDS[what], name)])),
  }
}
