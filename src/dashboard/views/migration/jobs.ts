import type { Backfill, BackfillSeries, Counters, FailureCounts, Waiting } from '../../../client/client.ts'
import { formatBytes, formatCount, formatDuration, plural } from '../../format.ts'
import type { Tone } from '../../parts/badge.tsx'
import type { IconName } from '../../parts/icons.ts'

/** Backfills in words and figures; pure. */

interface State {
  tone: Tone
  icon: IconName
  label: string
}

export const STATES: Readonly<Record<Backfill['state'], State>> = {
  listing: { tone: 'accent', icon: 'search', label: 'listing' },
  running: { tone: 'accent', icon: 'play', label: 'running' },
  paused: { tone: 'warn', icon: 'pause', label: 'paused' },
  cancelled: { tone: 'idle', icon: 'ban', label: 'cancelled' },
  completed: { tone: 'good', icon: 'circle-check', label: 'completed' },
  completed_with_failures: { tone: 'bad', icon: 'triangle-alert', label: 'completed with failures' },
}

export function isMoving({ state }: Backfill): boolean {
  return state === 'listing' || state === 'running'
}

export function isOpen(job: Backfill): boolean {
  return isMoving(job) || job.state === 'paused'
}

/** The backfill to show if none is chosen: an open one, else the newest that copied. `jobs` are newest first. */
export function chooseJob(jobs: readonly Backfill[]): Backfill | undefined {
  const copying = jobs.filter((job) => !job.dry_run && job.mirror === null)
  return copying.find(isOpen) ?? copying[0]
}

/** The same of the resyncs of mirrors. */
export function chooseResync(jobs: readonly Backfill[]): Backfill | undefined {
  const resyncs = jobs.filter((job) => job.mirror !== null)
  return resyncs.find(isOpen) ?? resyncs[0]
}

/** What a job is called in a sentence. */
export function nounOf({ mirror }: Backfill): string {
  return mirror === null ? 'backfill' : 'resync'
}

export function settledOf({ copied, present, skipped, failed }: Counters): number {
  return copied + present + skipped + failed
}

/** Null while the total is not known. */
export function fractionOf(job: Backfill): number | null {
  if (!job.total?.exact) return null
  return job.total.objects === 0 ? 1 : Math.min(1, settledOf(job) / job.total.objects)
}

/** How far the job is, in parts of a sentence. */
export function progressParts(job: Backfill, now = Date.now()): string[] {
  const { total, rate, bytes_rate: bytesRate, bytes, eta, finished } = job
  const atLeast = total?.exact === false ? 'at least ' : ''
  const ofObjects = total ? ` of ${atLeast}${formatCount(total.objects)}` : ''
  const ofBytes =
    typeof total?.bytes === 'number' && total.bytes > bytes ? ` of ${atLeast}${formatBytes(total.bytes)}` : ''
  const seconds = (Date.parse(finished ?? job.updated) - Date.parse(job.started)) / 1000
  return [
    `${formatCount(settledOf(job))}${ofObjects} objects`,
    `${formatBytes(bytes)}${ofBytes} copied`,
    ...(rate > 0 ? [`${formatRate(rate)} objects/s${finished === null ? '' : ' on average'}`] : []),
    ...(bytesRate > 0 ? [`${formatBytes(bytesRate)}/s`] : []),
    ...(eta === null ? [] : [`${formatLeft((Date.parse(eta) - now) / 1000)} left`]),
    ...(finished === null ? [] : [`took ${formatDuration(seconds)}`]),
  ]
}

/** Rounded to minutes where seconds would only flicker. */
function formatLeft(seconds: number): string {
  return formatDuration(seconds < 90 ? seconds : Math.round(seconds / 60) * 60)
}

export function formatRate(value: number): string {
  return value >= 10 ? formatCount(Math.round(value)) : `${Math.round(value * 10) / 10}`
}

/** One sentence for each tenth of the way, and for each change of state. */
export function announcement(job: Backfill): string {
  const fraction = fractionOf(job)
  if (!isMoving(job) || fraction === null) return `The ${nounOf(job)} is ${STATES[job.state].label}.`
  return `${Math.floor(fraction * 10) * 10} % of the objects are done.`
}

const SKIPPED: Readonly<Record<keyof Counters['skipped_by'], string>> = {
  excluded: 'excluded by the source’s filters',
  not_accepted: 'accepted by no writable backend',
  tombstoned: 'deleted, and stay deleted',
  shadowed: 'in an earlier fallback',
  gone: 'deleted from the source meanwhile',
  deleted: 'deleted from the mirror',
  changing: 'changing just now',
  only_in_mirror: 'only in the mirror, and left alone',
}

/** Why objects were skipped, with how many. */
export function skippedReasons({ skipped_by: by }: Counters): string[] {
  return (Object.keys(SKIPPED) as (keyof typeof SKIPPED)[]).flatMap((reason) =>
    by[reason] ? [`${formatCount(by[reason])} ${SKIPPED[reason]}`] : [],
  )
}

/** Objects and bytes per second. The last interval may not have ended by `end`, in seconds since 1970. */
export function ratesOf({ step, at, settled, bytes }: BackfillSeries, end: number) {
  const perSecond = (column: readonly number[]): number[] =>
    column.map((value, index) => value / Math.min(step, Math.max(1, end - (at[index] ?? end))))
  return { objects: perSecond(settled), bytes: perSecond(bytes) }
}

export interface FailureReason {
  error: string
  count: number
  backends: string[]
  /** One of the names. */
  example: string
}

/** Failures by reason, most frequent first. */
export function failureReasons(counts: FailureCounts['failures']): FailureReason[] {
  const reasons = new Map<string, FailureReason>()
  for (const { error, backend, count, example } of counts) {
    const reason = reasons.get(error) ?? { error, count: 0, backends: [], example }
    reason.count += count
    reason.backends.push(backend)
    reasons.set(error, reason)
  }
  return [...reasons.values()].toSorted((one, other) => other.count - one.count)
}

/** The limits on a job's speed. */
export function describeLimits({ max_concurrency: consumers, max_per_second: perSecond }: Backfill): string {
  const rate = perSecond === null ? '' : `, at most ${formatRate(perSecond)} objects/s`
  return `${plural(consumers, 'consumer')}${rate}`
}

/** When a waiting job tries again. */
export function nextTry({ until }: Waiting, now = Date.now()): string {
  const seconds = (Date.parse(until) - now) / 1000
  return seconds >= 1 ? `next try in ${formatDuration(seconds)}` : 'next try now'
}
