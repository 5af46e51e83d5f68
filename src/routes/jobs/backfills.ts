import type { Context } from 'hono'
import type { BackfillOptions } from '../../jobs/backfill/job-types.ts'
import type { Action } from '../../jobs/backfill/job.ts'
import { formatOf, rowsOf } from '../../jobs/backfill/manifest.ts'
import { readRows } from '../../jobs/backfill/rows.ts'
import type { Backfill } from '../../schemas/job-answers.ts'
import { type Backend, isListable, isWritable } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import { checkName } from '../../storage/name.ts'
import { isLeft } from '../../jobs/dead-letters.ts'
import { latestJobs } from '../../jobs/backfills.ts'
import { type AppEnv, type Handlers, type Input, ProblemError } from '../context.ts'
import { isoTime } from '../../storage/iso-time.ts'
import { stillTrue } from '../../migration/still-true.ts'
import { exportFailures, EXPORTED } from './export-failures.ts'
import { found, jobIn, jobsOf, polled, SHOWN_JOBS, startJob } from './jobs.ts'

/** Backfills: started, watched and controlled. */
export const backfillHandlers = {
  async listBackfills(c) {
    const jobs = jobsOf(c)
    const latest = { kind: 'backfill', limit: SHOWN_JOBS } as const
    return { backfills: await latestJobs(jobs, latest, (id) => jobs.backfill(id).status()) }
  },
  startBackfill: (c, { query, body }) => (body === undefined ? startWithManifest(c, query) : start(c, body)),
  getBackfill: async (c, { id }) => polled(c, found(await jobIn(c, 'backfill', id).status())),
  async listBackfillFailures(c, { id, query: { by, error, format, limit, cursor } }) {
    const job = jobIn(c, 'backfill', id)
    if (format) return exportFailures(id, format, async (after) => job.failures(after, EXPORTED, error))
    return found(await (by ? job.failureCounts() : job.failures(cursor, limit, error)))
  },
  getBackfillSeries: async (c, { id }) => found(await jobIn(c, 'backfill', id).series()),
  pauseBackfill: (c, { id }) => act(c, id, 'pause'),
  resumeBackfill: (c, { id }) => act(c, id, 'resume'),
  cancelBackfill: (c, { id }) => act(c, id, 'cancel'),
  retryFailedBackfill: (c, { id }) => act(c, id, 'retry_failed'),
  async resyncMirror(c, { backend, body }) {
    checkMirror(c.var.deployment.chain, backend)
    return startBackfill(c, { ...body, dry_run: false }, { backends: [backend], mirror: backend })
  },
  async listDeadCopies(c, { query: { limit } }) {
    const { copyChain } = c.var.deployment
    const index = jobsOf(c).index()
    const { letters, total } = await index.deadLetters(limit)
    const left = await stillTrue(
      letters,
      (letter) => isLeft(copyChain, letter),
      (letter) => index.removeDeadLetters([letter]),
    )
    return {
      total: total - letters.length + left.length,
      dead_copies: left.map(({ at, source, detail, ...letter }) => ({
        ...letter,
        detail: source ? `event of ${source}: ${detail}` : detail,
        time: isoTime(at),
      })),
    }
  },
} satisfies Partial<Handlers>

async function act(c: Context<AppEnv>, id: string, action: Action) {
  const result = found(await jobIn(c, 'backfill', id).act(action))
  if ('conflict' in result)
    throw new ProblemError({ status: 409, title: 'Conflict', detail: result.conflict })
  return result.job
}

type Request = Input<'startBackfill'>

async function start(c: Context<AppEnv>, body: NonNullable<Request['body']>): Promise<Backfill> {
  const { manifest } = body
  if (manifest === undefined) return create(c, body)
  const { name, backend } = manifest
  checkName(name)
  const { chain } = c.var.deployment
  const holder = backend === undefined ? chain : chain.backends.find((one) => one.name === backend)
  if (!holder) throw new StorageError('invalid', `manifest: there is no backend "${backend}"`)
  const info = await holder.head(name, { trace: c.var.trace })
  if (!info || info.deleted || info.lifted)
    throw new StorageError('invalid', `manifest: there is no object "${name}"`)
  const within = c.var.identity?.prefix
  return create(c, body, { from: 'object', ...manifest, ...(within !== undefined && { within }) })
}

async function create(
  c: Context<AppEnv>,
  options: Request['query'],
  manifest?: BackfillOptions['manifest'],
): Promise<Backfill> {
  const sources = chooseSources(c.var.deployment.chain, options.backends, manifest !== undefined)
  const backends = sources.map(({ name }) => name)
  return startBackfill(c, options, { backends, ...(manifest && { manifest }) })
}

function startBackfill(
  c: Context<AppEnv>,
  options: Omit<Request['query'], 'backends'>,
  chosen: Pick<BackfillOptions, 'backends' | 'manifest' | 'mirror'>,
): Promise<Backfill> {
  const { prefix, dry_run: dryRun, max_concurrency: maxConcurrency, max_per_second: maxPerSecond } = options
  const all = {
    prefix,
    dryRun,
    maxConcurrency,
    ...(maxPerSecond !== undefined && { maxPerSecond }),
    ...chosen,
  }
  return startJob(c, 'backfill', (id) => jobsOf(c).backfill(id).create(id, all, c.var.identity?.name))
}

/** Throws a 404 if there is no such backend, and `invalid` if it is no mirror. */
function checkMirror({ backends }: Chain, name: string): void {
  const backend = backends.find((one) => one.name === name)
  const mirrors = backends.filter(({ mirror }) => mirror).map((mirror) => mirror.name)
  const known = mirrors.join(', ') || 'none'
  if (!backend)
    throw new ProblemError({
      status: 404,
      title: 'There is no such backend',
      detail: `no backend is named "${name}" (mirrors: ${known})`,
      code: 'absent',
    })
  if (!backend.mirror)
    throw new StorageError(
      'invalid',
      `${name} is not a mirror (mirrors: ${known}): set \`mirror = true\` on it`,
    )
}

/** The fallbacks to copy from: those requested, or all that can list. The names of a manifest may be in any of them. */
function chooseSources(chain: Chain, names: readonly string[] | undefined, named: boolean): Backend[] {
  const { backends } = chain
  const writer = backends.find(isWritable)
  if (!writer) throw new StorageError('unsupported', 'no backend is writable, so nothing can be copied')
  const fallbacks = backends.slice(backends.indexOf(writer) + 1)
  const known = fallbacks.map(({ name }) => name)
  const unknown = names?.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const there = known.join(', ') || 'none'
    throw new StorageError('invalid', `backends: "${unknown}" is not a fallback (fallbacks: ${there})`)
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
      `${unlistable.name} cannot list; send the names as a manifest (text/plain with one name per line, or application/x-ndjson)`,
    )
  }
  return listable
}

async function startWithManifest(c: Context<AppEnv>, query: Request['query']): Promise<Backfill> {
  const started = await create(c, query, { from: 'client' })
  const job = jobsOf(c).backfill(started.id)
  try {
    const format = rowsOf(formatOf(c.req.header('Content-Type')))
    if (c.req.raw.body)
      for await (const { names, failures } of readRows(c.req.raw.body, format))
        await job.addNames({ names, failures })
  } catch (error) {
    // A part of a manifest must not be copied as if it were all of it.
    await job.act('cancel')
    throw error
  }
  return (await job.endNames()) ?? started
}
