import type { Backfill, Verification } from '../../schemas/job-answers.ts'
import { commonJson } from '../job-record.ts'
import { ACCEPTABLE, type Acceptable, type LeftOutReason } from '../../schemas/reasons.ts'
import type { LeftOut, Tally, VerificationRecord } from './record.ts'

/** The verification as the API returns it. */
export function toJson(record: VerificationRecord, prefixes: Verification['prefixes']): Verification {
  const { status, options, primary, fallbacks, pass } = record
  const { not_deleted, ...tally } = record.tally
  const isRollback = options.direction === 'rollback'
  const counts = countsOf(record)
  const reasons = reasonsAgainst(record)
  return {
    ...commonJson(record),
    direction: options.direction ?? 'detach',
    state: status,
    ...tally,
    // Records of earlier versions have none.
    damaged: tally.damaged ?? 0,
    repaired: record.repaired ?? 0,
    left_out: leftOutOf(record),
    prefix: options.prefix,
    deep: options.deep,
    check_copies: options.checkCopies ?? options.deep,
    repair: options.repair ?? false,
    max_per_second: options.maxPerSecond ?? null,
    accepted: options.accept.map((reason) => ({ reason, count: counts[reason] ?? 0 })),
    primary,
    fallbacks,
    passes: pass.number,
    as_of: status === 'completed' && pass.began !== undefined ? new Date(pass.began).toISOString() : null,
    coverage: coverageOf(record.tally),
    prefixes,
    safe_to_detach: !isRollback && reasons.length === 0,
    ...(isRollback && { not_deleted, safe_to_roll_back: reasons.length === 0 }),
    reasons,
  }
}

/** The fraction of the fallbacks' names that are equal or deleted in the primary. */
function coverageOf({ compared, extra, equal, tombstoned }: Tally): number {
  const held = compared - extra
  return held === 0 ? 1 : (equal + tombstoned) / held
}

/** How many names were left out, by reason; also counts fallbacks that cannot list, and a prefix. */
function leftOutOf({ tally, unlistable, options }: VerificationRecord): LeftOut {
  return {
    ...tally.left_out,
    ...(unlistable.length > 0 && { unlistable: unlistable.length }),
    ...(options.prefix !== '' && { prefix: 1 }),
  }
}

/** Counts of everything that an operator may accept. */
function countsOf(record: VerificationRecord): Partial<Record<Acceptable, number>> {
  return { ...leftOutOf(record), equal_by_size: record.tally.equal_by_size }
}

/** Why the fallbacks cannot be detached; empty if they can. */
function reasonsAgainst(record: VerificationRecord): string[] {
  const { tally, options, status, primary, fallbacks } = record
  const isRollback = options.direction === 'rollback'
  const target = isRollback ? fallbacks.join(', ') : primary
  const counts = countsOf(record)
  const reasons: string[] = []
  if (status !== 'completed') reasons.push(`the verification is ${status}`)
  if (tally.missing > 0) reasons.push(`${objects(tally.missing)} missing from ${target}`)
  if (tally.different > 0) reasons.push(`${objects(tally.different)} different`)
  if (tally.changed > 0)
    reasons.push(
      `${objects(tally.changed)} changed ${isRollback ? `in ${primary}` : 'at the source'} since the copy`,
    )
  if (tally.not_deleted > 0)
    reasons.push(`${objects(tally.not_deleted)} deleted in ${primary}, but not on a mirror`)
  if (tally.damaged > 0) reasons.push(`${objects(tally.damaged)} damaged in ${target}`)
  for (const reason of ACCEPTABLE)
    if ((counts[reason] ?? 0) > 0 && !options.accept.includes(reason))
      reasons.push(...EXPLAINED[reason](counts[reason] ?? 0, { ...record, primary: target }))
  return [...reasons, ...record.obstacles]
}

const EXPLAINED: Record<Acceptable, (count: number, record: VerificationRecord) => string[]> = {
  excluded: (count) => [`${objects(count)} left out by a fallback's include or exclude (excluded)`],
  not_accepted: (count, { primary }) => [
    `${objects(count)} refused by ${primary}'s include, exclude or limits on names (not_accepted)`,
  ],
  invalid_name: (count) => [`${objects(count)} under names that cannot be served (invalid_name)`],
  too_large: (count) => [`${objects(count)} larger than any writable backend takes (too_large)`],
  unlistable: (_, { unlistable }) =>
    unlistable.map((backend) => `${backend} cannot list, so its objects are unknown`),
  failed: (count) => [`${objects(count)} not copied by a backfill, or unreadable on one side (failed)`],
  prefix: (_, { options }) => [`only names that begin with "${options.prefix}" were compared`],
  equal_by_size: (count) => [
    `${objects(count)} compared by nothing but size (equal_by_size): use deep, or accept it`,
  ],
}

function objects(count: number): string {
  return count === 1 ? '1 object is' : `${count} objects are`
}

/** Reasons against detaching: backfills that are open, or ended with failures that are not all accepted. Newest first. */
export function obstaclesOf(jobs: readonly Backfill[], isAccepted: (failed: Backfill) => boolean): string[] {
  const open = jobs.filter(({ dry_run, mirror, state }) => !dry_run && !mirror && isOpen(state))
  const failed = failedBackfills(jobs).filter((job) => !isAccepted(job))
  return [
    ...open.map(({ id, state }) => `backfill ${id} is ${state}`),
    ...failed.map(
      ({ id, failed: count }) =>
        `backfill ${id} ended with ${count} ${count === 1 ? 'failure' : 'failures'}: retry it, or accept the reasons of its failures`,
    ),
  ]
}

export function isOpen(state: Backfill['state']): boolean {
  return ['listing', 'running', 'paused'].includes(state)
}

/** Backfills with failures that no later backfill makes up for. Newest first. */
export function failedBackfills(jobs: readonly Backfill[]): Backfill[] {
  return jobs.filter(
    (job, index) =>
      !job.dry_run &&
      !job.mirror &&
      job.state === 'completed_with_failures' &&
      !jobs.slice(0, index).some((later) => makesUpFor(later, job)),
  )
}

/** The reason under which a backfill's failure counts. */
export function reasonOf({ error }: { error: string }): LeftOutReason {
  if (error === 'invalid') return 'invalid_name'
  return error === 'too-large' ? 'too_large' : 'failed'
}

function makesUpFor(later: Backfill, failed: Backfill): boolean {
  const covers = Object.keys(failed.backends).every((backend) => backend in later.backends)
  return (
    later.state === 'completed' &&
    !later.dry_run &&
    !later.mirror &&
    later.manifest === null &&
    failed.prefix.startsWith(later.prefix) &&
    covers
  )
}
