import type { Context } from 'hono'
import { isJobId, type JobRpc, type Jobs, openJobs } from '../../jobs/jobs.ts'
import { StorageError } from '../../storage/errors.ts'
import { type AppEnv, ProblemError } from '../context.ts'

/** The jobs of this deployment. Throws `unsupported` where no Durable Object is bound for them. */
export function jobsOf(c: Context<AppEnv>): Jobs {
  const { backfillJobs } = c.var.deployment.config.services
  if (backfillJobs) return openJobs(backfillJobs)
  throw new StorageError(
    'unsupported',
    'jobs need a Durable Object: bind the class BackfillJob as BACKFILL_JOBS under [[durable_objects.bindings]] in wrangler.toml, with [[migrations]] new_sqlite_classes = ["BackfillJob"]',
  )
}

/** The job of that id, whether or not it exists. Throws a 404 for what cannot be an id. */
export function jobIn(c: Context<AppEnv>, id: string): JobRpc {
  const jobs = jobsOf(c)
  if (!isJobId(id)) throw noSuchJob()
  return jobs.job(id)
}

/** What a job answered. Throws a 404 where there is no such job. */
export function found<T>(answer: T | null): T {
  if (answer === null) throw noSuchJob()
  return answer
}

export function conflict(detail: string): ProblemError {
  return new ProblemError({ status: 409, title: 'Conflict', detail })
}

/** Where a new job is. */
export function locationOf(c: Context<AppEnv>, kind: string, id: string): string {
  return `${c.var.deployment.config.mediaPath}-/api/${kind}/${id}`
}

function noSuchJob(): ProblemError {
  const detail = 'no job of this kind has this id; GET backfills and GET verifications list them'
  return new ProblemError({ status: 404, title: 'There is no such job', detail, code: 'absent' })
}
