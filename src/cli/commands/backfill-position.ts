import { count } from '../format.ts'
import type { Backfill } from '../../client/client.ts'

/** How far a backfill is. While it lists, nobody knows the total, but a dry run of the same names may have counted it. */
export function positionOf(
  job: Backfill,
  expected?: number,
): { value: number; total?: number; note?: string } {
  const { listed, copied, present, skipped, failed } = job
  if (job.dry_run) return { value: listed, note: 'listing' }
  const value = copied + present + skipped + failed
  if (job.state === 'running') return { value, total: listed }
  const soFar = `${count(listed)} listed so far`
  if (expected === undefined || expected < listed) return { value, note: soFar }
  return { value, total: expected, note: `total from the dry run, ${soFar}` }
}

/** What the newest dry run of the same names counted. */
export function dryRunTotal(jobs: readonly Backfill[], id: string): number | undefined {
  const job = jobs.find((candidate) => candidate.id === id)
  if (!job || job.manifest !== null) return undefined
  const same = jobs.find(
    (other) =>
      other.dry_run &&
      other.state === 'completed' &&
      other.manifest === null &&
      scopeOf(other) === scopeOf(job),
  )
  return same?.listed
}

function scopeOf({ prefix, backends }: Backfill): string {
  return JSON.stringify([prefix, Object.keys(backends).toSorted()])
}
