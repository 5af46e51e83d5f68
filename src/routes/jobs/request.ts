import type { Context } from 'hono'
import { problemResponse } from '../../http/problem.ts'
import { isJobId, type Jobs, openJobs } from '../../jobs/jobs.ts'
import { StorageError } from '../../storage/errors.ts'
import type { AppEnv } from '../context.ts'

/** The jobs of this deployment. Throws `unsupported` where not all of their Durable Objects are bound. */
export function jobsOf(c: Context<AppEnv>): Jobs {
  const jobs = openJobs(c.var.deployment.config.services)
  if (jobs) return jobs
  throw new StorageError(
    'unsupported',
    'jobs need three Durable Object classes: bind BackfillJob as BACKFILL_JOBS, VerificationJob as VERIFICATION_JOBS and JobIndex as JOB_INDEX under [[durable_objects.bindings]] in wrangler.toml, with [[migrations]] as in docs/configuration.md',
  )
}

/** The id in the path, whether or not there is such a job. Throws `absent` for what cannot be one. */
export function jobIdIn(c: Context<AppEnv>): string {
  const id = c.req.param('id') ?? ''
  if (!isJobId(id)) throw noSuchJob()
  return id
}

/** What a job answered. Throws `absent` where there is none. */
export function found<T>(answer: T | null): T {
  if (answer === null) throw noSuchJob()
  return answer
}

export function conflict(detail: string): Response {
  return problemResponse({ status: 409, title: 'Conflict', detail })
}

/** Where a new job can be asked for. */
export function locationOf(c: Context<AppEnv>, kind: string, id: string): string {
  return `${c.var.deployment.config.mediaPath}-/api/${kind}/${id}`
}

function noSuchJob(): StorageError {
  return new StorageError('absent', 'there is no such job')
}
