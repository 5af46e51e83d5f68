import type { Context } from 'hono'
import type { BackfillOptions } from '../../jobs/backfill/job-types.ts'
import type { Action } from '../../jobs/backfill/job.ts'
import { formatOf, streamLines } from '../../jobs/backfill/manifest.ts'
import type { Backfill } from '../../schemas/job-answers.ts'
import { type Backend, isListable, isWritable } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import { checkName } from '../../storage/name.ts'
import type { AppEnv, Handlers, Input } from '../context.ts'
import { latestJobs } from '../../jobs/jobs.ts'
import { conflict, found, jobIn, jobsOf, SHOWN_JOBS, startJob } from './jobs.ts'

const SHOWN_DEAD = 1000

/** Backfills: started, watched and controlled. */
export const backfillHandlers = {
  async listBackfills(c) {
    const jobs = jobsOf(c)
    const latest = { kind: 'backfill', limit: SHOWN_JOBS } as const
    return { backfills: await latestJobs(jobs, latest, (id) => jobs.backfill(id).status()) }
  },
  startBackfill: (c, { query, body }) => (body === undefined ? startWithManifest(c, query) : start(c, body)),
  getBackfill: async (c, { id }) => found(await jobIn(c, 'backfill', id).status()),
  listBackfillFailures: async (c, { id, query: { limit, cursor } }) =>
    found(await jobIn(c, 'backfill', id).failures(cursor, limit)),
  pauseBackfill: (c, { id }) => act(c, id, 'pause'),
  resumeBackfill: (c, { id }) => act(c, id, 'resume'),
  cancelBackfill: (c, { id }) => act(c, id, 'cancel'),
  retryFailedBackfill: (c, { id }) => act(c, id, 'retry_failed'),
  async listDeadCopies(c) {
    const letters = await jobsOf(c).index().deadLetters(SHOWN_DEAD)
    return { dead_copies: letters.map(({ at, ...copy }) => ({ ...copy, time: new Date(at).toISOString() })) }
  },
} satisfies Partial<Handlers>

async function act(c: Context<AppEnv>, id: string, action: Action) {
  const result = found(await jobIn(c, 'backfill', id).act(action))
  if ('conflict' in result) throw conflict(result.conflict)
  return result.job
}

type Request = Input<'startBackfill'>

async function start(c: Context<AppEnv>, body: NonNullable<Request['body']>): Promise<Backfill> {
  const { manifest } = body
  if (manifest !== undefined) {
    checkName(manifest)
    if (!(await c.var.deployment.chain.head(manifest, { trace: c.var.trace })))
      throw new StorageError('invalid', `manifest: there is no object "${manifest}"`)
  }
  return create(c, body, manifest === undefined ? undefined : { from: 'object', name: manifest })
}

async function create(
  c: Context<AppEnv>,
  options: Request['query'],
  manifest: BackfillOptions['manifest'],
): Promise<Backfill> {
  const { prefix, dry_run: dryRun, max_concurrency: maxConcurrency, max_per_second: maxPerSecond } = options
  const sources = chooseSources(c.var.deployment.chain, options.backends, manifest !== undefined)
  return startJob(c, 'backfill', (id) =>
    jobsOf(c)
      .backfill(id)
      .create(id, {
        backends: sources.map(({ name }) => name),
        prefix,
        dryRun,
        maxConcurrency,
        ...(maxPerSecond !== undefined && { maxPerSecond }),
        ...(manifest && { manifest }),
      }),
  )
}

/** The fallbacks to copy from: those requested, or all that can list. The names of a manifest may be in any of them. */
function chooseSources(chain: Chain, names: readonly string[] | undefined, named: boolean): Backend[] {
  const { backends } = chain
  const writer = backends.find(isWritable)
  if (!writer) throw new StorageError('unsupported', 'no backend is writable, so nothing can be copied')
  const fallbacks = backends.slice(backends.indexOf(writer) + 1)
  for (const name of names ?? []) {
    if (!fallbacks.some((backend) => backend.name === name)) {
      const known = fallbacks.map((backend) => backend.name).join(', ') || 'none'
      throw new StorageError('invalid', `backends: "${name}" is no fallback (there are: ${known})`)
    }
  }
  const chosen = fallbacks.filter(({ name }) => names === undefined || names.includes(name))
  if (chosen.length === 0)
    throw new StorageError('unsupported', `no backend is behind ${writer.name}: there is nothing to copy`)
  if (named) return chosen
  const listable = chosen.filter(isListable)
  const unlistable = chosen.find((backend) => !isListable(backend))
  if (unlistable && (names !== undefined || listable.length === 0)) {
    throw new StorageError(
      'unsupported',
      `${unlistable.name} cannot list; send the names as a manifest (text/plain, one a line, or application/x-ndjson)`,
    )
  }
  return listable
}

async function startWithManifest(c: Context<AppEnv>, query: Request['query']): Promise<Backfill> {
  const { id, ...started } = await create(c, query, { from: 'client' })
  const job = jobsOf(c).backfill(id)
  try {
    if (c.req.raw.body)
      await streamLines(c.req.raw.body, formatOf(c.req.header('Content-Type')), (lines) =>
        job.addNames(lines),
      )
  } catch (error) {
    // Half a manifest is not what was requested.
    await job.act('cancel')
    throw error
  }
  return (await job.endNames()) ?? { id, ...started }
}
