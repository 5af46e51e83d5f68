import type { Backfill, Verification } from '../../schemas/job-answers.ts'
import { commonJson } from '../job-record.ts'
import { isoTime } from '../../storage/iso-time.ts'
import type { LeftOutReason } from '../../schemas/reasons.ts'
import { conditionsOf, countsOf, leftOutOf } from './conditions.ts'
import { type Configuration, NO_TALLY, type Tally, type VerificationRecord } from './record.ts'

/** The verification as the API returns it, apart from its signature. */
export function toJson(
  stored: VerificationRecord,
  prefixes: Verification['prefixes'],
  current: Configuration,
): Verification {
  // Those of earlier versions have fewer counts.
  const record = { ...stored, tally: { ...NO_TALLY, ...stored.tally } }
  const { status, options, primary, fallbacks, pass } = record
  const { not_deleted, unread: _, ...tally } = record.tally
  const isRollback = options.direction === 'rollback'
  const counts = countsOf(record)
  const all = conditionsOf(record, current)
  const reasons = all.flatMap((condition) => condition.reasons)
  const conditions = all.map((condition) => {
    const { reasons: __, ...shown } = condition
    return shown
  })
  return {
    ...commonJson(record),
    direction: options.direction ?? 'detach',
    state: status,
    ...tally,
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
    as_of: isoTime((status === 'completed' && pass.began) || null),
    coverage: coverageOf(record.tally),
    prefixes,
    safe_to_detach: !isRollback && reasons.length === 0,
    ...(isRollback && { not_deleted, safe_to_roll_back: reasons.length === 0 }),
    reasons,
    // Before its end, the others would say that nothing is missing yet.
    conditions: status === 'completed' ? conditions : conditions.slice(0, 1),
    certificate: certificateOf(record, conditions),
  }
}

/** What makes a completed verification a certificate; `null` if it is none. The API signs it. */
function certificateOf(
  { status, finished, deployment, configuration }: VerificationRecord,
  conditions: Verification['conditions'],
): Verification['certificate'] {
  if (status !== 'completed' || finished === undefined || !configuration || deployment === undefined)
    return null
  return {
    issued: isoTime(finished),
    deployment,
    configuration,
    current: conditions.every(({ id, met }) => id !== 'configuration' || met === true),
    algorithm: null,
    key_id: null,
    signature: null,
  }
}

/** The fraction of the fallbacks' names that are equal or deleted in the primary. */
function coverageOf({ compared, extra, equal, tombstoned }: Tally): number {
  const held = compared - extra
  return held === 0 ? 1 : (equal + tombstoned) / held
}

/** Reasons against detaching: backfills that are open, or ended with failures that are not all accepted. Newest first. */
export function obstaclesOf(
  jobs: readonly Backfill[],
  primary: string,
  isAccepted: (failed: Backfill) => boolean,
): string[] {
  const open = jobs.filter(({ dry_run, mirror, state }) => !dry_run && !mirror && isOpen(state))
  const failed = failedBackfills(jobs, primary).filter((job) => !isAccepted(job))
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
export function failedBackfills(jobs: readonly Backfill[], primary: string): Backfill[] {
  return jobs.filter(
    (job, index) =>
      !job.dry_run &&
      !job.mirror &&
      job.state === 'completed_with_failures' &&
      !jobs.slice(0, index).some((later) => makesUpFor(later, job, primary)),
  )
}

/** The reason under which a backfill's failure counts. */
export function reasonOf({ error }: { error: string }): LeftOutReason {
  if (error === 'invalid') return 'invalid_name'
  return error === 'too-large' ? 'too_large' : 'failed'
}

function makesUpFor(later: Backfill, failed: Backfill, primary: string): boolean {
  // The primary is no source: what failed there counts under its name.
  const sources = Object.keys(failed.backends).filter((backend) => backend !== primary)
  const covers = sources.every((backend) => backend in later.backends)
  return (
    later.state === 'completed' &&
    !later.dry_run &&
    !later.mirror &&
    later.manifest === null &&
    failed.prefix.startsWith(later.prefix) &&
    covers
  )
}
