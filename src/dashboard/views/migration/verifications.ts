import type { Backends, Verification } from '../../../client/client.ts'
import { placesOf } from '../../../schemas/compared-with.ts'
import { ACCEPTABLE, type Acceptable, type DifferenceKind, LEFT_OUT } from '../../../schemas/reasons.ts'
import { formatCount, formatDuration, formatList, formatPercent, formatTime, plural } from '../../format.ts'
import type { Tone } from '../../parts/badge.tsx'
import type { IconName } from '../../parts/icons.ts'

/** Verifications and what still needs the fallbacks, in words; pure. */

/** What was left out of a comparison, in the order of its reasons. */
export const REASONS: readonly { reason: Acceptable; meaning: string }[] = ACCEPTABLE.map((reason) => ({
  reason,
  meaning:
    reason === 'equal_by_size' ? 'equal objects for which only the size could be compared' : LEFT_OUT[reason],
}))

const RESULTS = [
  ['equal', 'the same on both sides'],
  ['tombstoned', 'deleted in the primary, and stay deleted'],
  ['missing', 'in a fallback, but not in the primary'],
  ['different', 'different on both sides'],
  ['changed', 'replaced at the source after they were copied'],
  ['damaged', 'stored with other bytes than were recorded'],
  ['repaired', 'damaged copies that were copied again'],
  ['extra', 'in no fallback'],
  ['equal_by_size', 'among the equal: only the size could be compared'],
] as const satisfies readonly (readonly [keyof Verification, string])[]

const ROLLBACK_RESULTS = [
  ['equal', 'the same on both sides'],
  ['tombstoned', 'deleted in the primary, and kept by a mirror on purpose'],
  ['missing', 'not in a mirror'],
  ['different', 'different on both sides'],
  ['changed', 'replaced after they were mirrored'],
  ['not_deleted', 'deleted in the primary, but still in a mirror'],
  ['extra', 'in a mirror only'],
  ['equal_by_size', 'among the equal: only the size could be compared'],
] as const satisfies readonly (readonly [keyof Verification, string])[]

/** The kinds of results, with the words for them. */
export function resultsOf(job: Verification): typeof RESULTS | typeof ROLLBACK_RESULTS {
  return isRollback(job) ? ROLLBACK_RESULTS : RESULTS
}

export const KINDS: Readonly<Record<DifferenceKind, string>> = {
  missing: 'Missing',
  different: 'Different',
  changed: 'Changed',
  not_deleted: 'Not deleted',
  damaged: 'Damaged',
  left_out: 'Left out',
  equal_by_size: 'Equal by size',
  extra: 'Extra',
  repaired: 'Repaired',
}

/** How many names of each kind a verification found, without kinds that have none. */
export function kindCounts(job: Verification): { kind: DifferenceKind; count: number }[] {
  const { unlistable: _backends, prefix: _given, ...names } = job.left_out
  const leftOut = Object.values(names).reduce((sum, count) => sum + count, 0)
  return (Object.keys(KINDS) as DifferenceKind[])
    .map((kind) => ({ kind, count: kind === 'left_out' ? leftOut : (job[kind] ?? 0) }))
    .filter(({ count }) => count > 0)
}

interface Verdict {
  tone: Tone
  icon: IconName
  title: string
}

export function isRollback({ direction }: Verification): boolean {
  return direction === 'rollback'
}

/** A running verification, whose progress is shown, or else the last result. One that was cancelled proves nothing. */
export function chooseVerification(jobs: readonly Verification[]): Verification | undefined {
  return jobs.find(({ state }) => state === 'running') ?? jobs.find(({ state }) => state === 'completed')
}

/** Whether it has proved what it was to prove. */
export function isSafe({ safe_to_detach: canDetach, safe_to_roll_back: canRollBack }: Verification): boolean {
  return canRollBack ?? canDetach
}

export function verdictOf(job: Verification): Verdict {
  const { state } = job
  const goal = `${isRollback(job) ? 'roll back to' : 'detach'} ${formatList(job.fallbacks)}`
  if (state === 'running') return { tone: 'accent', icon: 'search', title: 'Comparing …' }
  if (state === 'cancelled') return { tone: 'idle', icon: 'ban', title: 'The verification was cancelled' }
  if (isSafe(job)) return { tone: 'good', icon: 'shield-check', title: `Safe to ${goal}` }
  return { tone: 'bad', icon: 'circle-x', title: `Not safe to ${goal}` }
}

/** What was compared, how, and as of when: the sentence under the verdict. */
export function describeComparison(job: Verification): string {
  const names = job.prefix === '' ? 'All names' : `The names that begin with “${job.prefix}”`
  const how = job.deep ? 'by their bytes' : 'by size and known digests'
  const of = `of ${formatList(job.fallbacks)} were compared with ${formatList(placesOf(job))}, ${how}.`
  const asOf =
    job.as_of === null
      ? ''
      : ` The result describes ${isRollback(job) ? 'them' : 'the fallbacks'} as of ${formatTime(job.as_of)}, when the last of ${plural(job.passes, 'pass', 'passes')} began.`
  return `${names} ${of}${asOf}`
}

/** The main counts in one line. */
export function summaryOf(job: Verification): string {
  return [
    `compared ${formatCount(job.compared)}`,
    `equal ${formatCount(job.equal)}`,
    `deleted ${formatCount(job.tombstoned)}`,
    `by size only ${formatCount(job.equal_by_size)}`,
    `${formatPercent(job.coverage)} covered`,
  ].join(' · ')
}

/** What a resync would do about the differences that a comparison found. */
export function plannedRepairs(job: Verification): { copy: number; remove: number } {
  const { missing, different, changed, damaged, not_deleted: notDeleted = 0 } = job
  return { copy: missing + different + changed + damaged, remove: notDeleted }
}

interface FallbackUse {
  /** The one number. */
  figure: string
  text: string
  last?: { name: string; backend: string }
}

/** How long no fallback was needed; null if nothing keeps it. */
export function fallbackUse(
  { last_fallback_read: last, counted_since: since }: Backends,
  now = Date.now(),
): FallbackUse | null {
  const elapsed = (time: string): string => formatDuration((now - Date.parse(time)) / 1000)
  if (last) return { figure: elapsed(last.at), text: 'since a fallback was last needed', last }
  if (last === undefined || since === undefined) return null
  if (since === null) return { figure: '–', text: 'Nothing has been read since counting began.' }
  return { figure: elapsed(since), text: 'of counting, and no fallback was needed' }
}
