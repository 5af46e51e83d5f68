import type { BackfillJson } from '../backfill/record.ts'
import type { Tally, VerificationRecord } from './record.ts'

/** Of the names that fallbacks hold, the part that the primary holds equally, or deleted. */
export function coverageOf({ compared, extra, equal, tombstoned }: Tally): number {
  const held = compared - extra
  return held === 0 ? 1 : (equal + tombstoned) / held
}

/** Why the fallbacks cannot be taken out of the chain; none when they can. */
export function reasonsAgainst(record: VerificationRecord): string[] {
  const { tally, options, status, unlistable, primary } = record
  const reasons: string[] = []
  if (status !== 'completed') reasons.push(`the verification is ${status}`)
  if (tally.missing > 0) reasons.push(`${objects(tally.missing)} missing from ${primary}`)
  if (tally.different > 0) reasons.push(`${objects(tally.different)} different`)
  if (tally.changed > 0) reasons.push(`${objects(tally.changed)} changed at the source since the copy`)
  for (const backend of unlistable)
    reasons.push(`${backend} cannot list, so nothing is proved of what it holds`)
  if (options.prefix !== '') reasons.push(`only names that begin with "${options.prefix}" were compared`)
  return [...reasons, ...record.obstacles]
}

function objects(count: number): string {
  return count === 1 ? '1 object is' : `${count} objects are`
}

/** Backfills that are not done, or ended with failures that no later one has made good. `jobs` are newest first. */
export function obstaclesOf(jobs: readonly BackfillJson[]): string[] {
  return jobs.flatMap((job, index) => {
    if (job.dry_run) return []
    if (['listing', 'running', 'paused'].includes(job.state)) return `backfill ${job.id} is ${job.state}`
    if (job.state !== 'completed_with_failures') return []
    if (jobs.slice(0, index).some((later) => makesGood(later, job))) return []
    return `backfill ${job.id} ended with ${job.failed} ${job.failed === 1 ? 'failure' : 'failures'}`
  })
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
