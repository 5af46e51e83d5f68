import type { Context } from 'hono'
import { evaluatePreconditions } from '../../http/conditional.ts'
import type { JobKind } from '../../jobs/job-index.ts'
import { isJobId, type Jobs, newJobId, openJobs } from '../../jobs/jobs.ts'
import type { Backfill, Verification } from '../../schemas/job-answers.ts'
import { StorageError } from '../../storage/errors.ts'
import { sha256 } from '../../storage/sha256.ts'
import { type AppEnv, ProblemError } from '../context.ts'

export const SHOWN_JOBS = 50

/** The jobs of this deployment. Throws `unsupported` unless all of their Durable Objects are bound. */
export function jobsOf(c: Context<AppEnv>): Jobs {
  const jobs = openJobs(c.var.deployment.config.services)
  if (jobs) return jobs
  throw new StorageError(
    'unsupported',
    'jobs need three Durable Object classes: bind BackfillJob as BACKFILL_JOBS, VerificationJob as VERIFICATION_JOBS and JobIndex as JOB_INDEX under [[durable_objects.bindings]] in wrangler.toml, with [[migrations]] as in docs/configuration.md',
  )
}

/** The job with that id, whether or not it exists. Throws a 404 if it cannot be an id. */
export function jobIn<K extends JobKind>(c: Context<AppEnv>, kind: K, id: string): ReturnType<Jobs[K]> {
  const jobs = jobsOf(c)
  if (!isJobId(id)) throw noSuchJob()
  return jobs[kind](id) as ReturnType<Jobs[K]>
}

/** Starts a job under a new id, with its address in Location. */
export async function startJob<Job>(
  c: Context<AppEnv>,
  kind: JobKind,
  create: (id: string) => Promise<Job>,
): Promise<Job> {
  const jobs = jobsOf(c)
  const id = newJobId(Date.now())
  await jobs.index().register(id, kind)
  const job = await create(id)
  c.header('Location', `${c.var.deployment.config.mediaPath}-/api/${kind}s/${id}`)
  return job
}

/** A job's result. Throws a 404 if there is no such job. */
export function found<T>(answer: T | null): T {
  if (answer === null) throw noSuchJob()
  return answer
}

/** The job as JSON with an ETag, so that a poll costs only headers while nothing changes. */
export async function polled(c: Context<AppEnv>, job: Backfill | Verification): Promise<Response> {
  const body = JSON.stringify(job)
  const etag = `W/"${(await sha256(body)).toHex().slice(0, 32)}"`
  const headers = { ETag: etag, 'Cache-Control': 'private, no-cache' }
  if (evaluatePreconditions('GET', c.req.raw.headers, { etag }) === 'not-modified')
    return c.body(null, 304, headers)
  return c.body(body, 200, { ...headers, 'Content-Type': 'application/json' })
}

function noSuchJob(): ProblemError {
  const detail = 'no job of this kind has this id'
  return new ProblemError({ status: 404, title: 'There is no such job', detail, code: 'absent' })
}
