import { type Group, sumOf } from './popularity.ts'

export interface Migration {
  groups: readonly Group[]
  /** Reads per second. */
  reads: number
  /** Whether reads copy what a fallback answers. */
  copying: boolean
  /** Objects per second that the backfill copies, and that it lists; without one, 0. */
  job?: { copies: number; names: number }
}

/** The state at one time. */
export interface Moment {
  seconds: number
  /** Share of the reads that fallbacks answer. */
  fallback: number
  /** Objects in the primary, and how many of these the backfill and reads have copied. */
  copied: number
  byJob: number
  byReads: number
  /** Reads that fallbacks have answered so far. */
  fallbackReads: number
  /** GETs per second of the source, of which so many are the backfill's. */
  sourceGets: number
  jobGets: number
}

/** A step is at most a hundredth of the time that has passed. */
const STEPS = 100

/**
 * How a migration proceeds, at the given times (ascending). An object that is read `r` times a second is still in the fallback after
 * `t` seconds with the probability `exp(-r t)`; the backfill comes by in the order of names, which popularity does not
 * follow, so it has handled the same share of every group.
 */
export function migrate({ groups, reads, copying, job }: Migration, times: readonly number[]): Moment[] {
  const objects = sumOf(groups, () => 1)
  const left = (seconds: number) => (share: number) => (copying ? Math.exp(-share * reads * seconds) : 1)
  let seconds = 0
  let handled = 0
  let byJob = 0
  let fallbackReads = 0
  /** Names per second that the backfill gets through: what reads have copied, it only lists. */
  const speed = (): number => {
    if (!job || handled >= 1) return 0
    const toCopy = sumOf(groups, left(seconds)) / objects
    return Math.min(job.names, job.copies / toCopy)
  }
  const moment = (): Moment => {
    const uncopied = left(seconds)
    const fallback = (1 - handled) * sumOf(groups, (share) => share * uncopied(share))
    const copied = objects - (1 - handled) * sumOf(groups, uncopied)
    const jobGets = speed() * (sumOf(groups, uncopied) / objects)
    const sourceGets = jobGets + reads * fallback
    return { seconds, fallback, copied, byJob, byReads: copied - byJob, fallbackReads, sourceGets, jobGets }
  }
  return times.map((until) => {
    while (seconds < until) {
      const step = Math.min(until - seconds, Math.max(1, seconds / STEPS))
      const progress = Math.min(1 - handled, (speed() * step) / objects)
      byJob += progress * sumOf(groups, left(seconds))
      fallbackReads += reads * moment().fallback * step
      handled += progress
      seconds += step
    }
    return moment()
  })
}
