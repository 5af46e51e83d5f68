import type { BackfillJson, Waiting } from '../backfill/record.ts'
import { ACCEPTABLE, type Acceptable, type LeftOutReason } from '../../schemas/reasons.ts'
import type { LeftOut, PrefixCoverage, Tally, VerificationRecord } from './record.ts'

/** The verification as the API returns it. */
export function toJson(record: VerificationRecord, prefixes: PrefixCoverage[]) {
  const { id, status, options, primary, fallbacks, tally, waiting, pass } = record
  const counts = countsOf(record)
  const reasons = reasonsAgainst(record)
  return {
    id,
    state: status,
    ...tally,
    left_out: leftOutOf(record),
    prefix: options.prefix,
    deep: options.deep,
    /** What the operator accepts, and how much that is. */
    accepted: options.accept.map((reason) => ({ reason, count: counts[reason] ?? 0 })),
    primary,
    fallbacks,
    /** How often all names were compared: again while the sources change. */
    passes: pass.number,
    /** When the last pass began: what the certificate says is true of then. `null` until it has ended. */
    as_of: status === 'completed' && pass.began !== undefined ? timeOf(pass.began) : null,
    coverage: coverageOf(tally),
    prefixes,
    safe_to_detach: reasons.length === 0,
    reasons,
    waiting: waiting ? waitingJson(waiting) : null,
    started: timeOf(record.started),
    updated: timeOf(record.updated),
    finished: record.finished === undefined ? null : timeOf(record.finished),
  }
}

function waitingJson({ backend, error, detail, until }: Waiting) {
  return { backend, error, detail, until: timeOf(until) }
}

function timeOf(time: number): string {
  return new Date(time).toISOString()
}

/** Of the names that fallbacks hold, the part that the primary holds equally, or deleted. */
function coverageOf({ compared, extra, equal, tombstoned }: Tally): number {
  const held = compared - extra
  return held === 0 ? 1 : (equal + tombstoned) / held
}

/** Names by the reason why they were left out; and how many fallbacks cannot list, and whether a prefix was given. */
function leftOutOf({ tally, unlistable, options }: VerificationRecord): LeftOut {
  return {
    ...tally.left_out,
    ...(unlistable.length > 0 && { unlistable: unlistable.length }),
    ...(options.prefix !== '' && { prefix: 1 }),
  }
}

/** How much there is of all that an operator may accept. */
function countsOf(record: VerificationRecord): Partial<Record<Acceptable, number>> {
  return { ...leftOutOf(record), equal_by_size: record.tally.equal_by_size }
}

/** Why the fallbacks cannot be taken out of the chain; none when they can. */
function reasonsAgainst(record: VerificationRecord): string[] {
  const { tally, options, status, primary } = record
  const counts = countsOf(record)
  const reasons: string[] = []
  if (status !== 'completed') reasons.push(`the verification is ${status}`)
  if (tally.missing > 0) reasons.push(`${objects(tally.missing)} missing from ${primary}`)
  if (tally.different > 0) reasons.push(`${objects(tally.different)} different`)
  if (tally.changed > 0) reasons.push(`${objects(tally.changed)} changed at the source since the copy`)
  for (const reason of ACCEPTABLE)
    if ((counts[reason] ?? 0) > 0 && !options.accept.includes(reason))
      reasons.push(...EXPLAINED[reason](counts[reason] ?? 0, record))
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
    unlistable.map((backend) => `${backend} cannot list, so nothing is proved of what it holds`),
  failed: (count) => [`${objects(count)} not copied by a backfill, or unreadable on one side (failed)`],
  prefix: (_, { options }) => [`only names that begin with "${options.prefix}" were compared`],
  equal_by_size: (count) => [
    `${objects(count)} compared by nothing but size (equal_by_size): use deep, or accept it`,
  ],
}

function objects(count: number): string {
  return count === 1 ? '1 object is' : `${count} objects are`
}

/** Backfills that are not done, or ended with failures that are not all accepted. `jobs` are newest first. */
export function obstaclesOf(
  jobs: readonly BackfillJson[],
  isAccepted: (failed: BackfillJson) => boolean,
): string[] {
  const open = jobs.filter(({ dry_run, state }) => !dry_run && OPEN.includes(state))
  const failed = failedBackfills(jobs).filter((job) => !isAccepted(job))
  return [
    ...open.map(({ id, state }) => `backfill ${id} is ${state}`),
    ...failed.map(
      ({ id, failed: count }) =>
        `backfill ${id} ended with ${count} ${count === 1 ? 'failure' : 'failures'}: retry it, or accept the reasons of its failures`,
    ),
  ]
}

const OPEN: readonly BackfillJson['state'][] = ['listing', 'running', 'paused']

/** Backfills with failures whose names no later backfill has copied. `jobs` are newest first. */
export function failedBackfills(jobs: readonly BackfillJson[]): BackfillJson[] {
  return jobs.filter(
    (job, index) =>
      !job.dry_run &&
      job.state === 'completed_with_failures' &&
      !jobs.slice(0, index).some((later) => makesGood(later, job)),
  )
}

/** The reason that a backfill's failure counts under. */
export function reasonOf({ error }: { error: string }): LeftOutReason {
  if (error === 'invalid') return 'invalid_name'
  return error === 'too-large' ? 'too_large' : 'failed'
}

function makesGood(later: BackfillJson, failed: BackfillJson): boolean {
  const covers = Object.keys(failed.backends).every((backend) => backend in later.backends)
  return (
    later.state === 'completed' &&
    !later.dry_run &&
    later.manifest === null &&
    failed.prefix.startsWith(later.prefix) &&
    covers
  )
}
