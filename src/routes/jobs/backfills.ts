import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import pLimit from 'p-limit'
import type * as v from 'valibot'
import type { BackfillOptions } from '../../jobs/backfill/job-types.ts'
import type { Action } from '../../jobs/backfill/job.ts'
import { formatOf, streamLines } from '../../jobs/backfill/manifest.ts'
import type { BackfillJson } from '../../jobs/backfill/record.ts'
import { newJobId } from '../../jobs/jobs.ts'
import { type Backend, isListable } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import { checkName } from '../../storage/name.ts'
import { jsonBy, queryBy } from '../api/request.ts'
import { requireToken } from '../auth.ts'
import type { AppEnv } from '../context.ts'
import { conflict, found, jobIdIn, jobsOf, locationOf } from './request.ts'
import { backfillBody, failuresQuery, manifestQuery } from './schemas.ts'
import { notAllowed } from '../not-allowed.ts'

const ACTIONS: readonly Action[] = ['pause', 'resume', 'cancel', 'retry_failed']
const SHOWN_JOBS = 50
const SHOWN_DEAD = 1000
const CONCURRENCY = 5

/** Backfills: begun, watched and steered. */
export function backfillRoutes() {
  const routes = new Hono<AppEnv>()
    .post('/backfills', requireToken, async (c) => {
      const job = isManifest(c) ? await beginManifest(c) : await begin(c, await jsonBy(c, backfillBody))
      return c.json(job, 202, { Location: locationOf(c, 'backfills', job.id) })
    })
    .get('/backfills', requireToken, async (c) => {
      const jobs = jobsOf(c)
      const ids = await jobs.index().jobs('backfill', SHOWN_JOBS)
      const limit = pLimit(CONCURRENCY)
      const backfills = await Promise.all(ids.map((id) => limit(() => jobs.backfill(id).status())))
      return c.json({ backfills: backfills.filter((job) => job !== null) })
    })
    .get('/backfills/:id', requireToken, async (c) => c.json(found(await backfillIn(c).status())))
    .get('/backfills/:id/failures', requireToken, async (c) => {
      const { limit, cursor } = queryBy(c, failuresQuery)
      const page = found(await backfillIn(c).failures(cursor, limit))
      return c.json({ failures: page.failures, cursor: page.cursor === null ? null : String(page.cursor) })
    })
    .post('/backfills/:id/pause', requireToken, (c) => act(c, 'pause'))
    .post('/backfills/:id/resume', requireToken, (c) => act(c, 'resume'))
    .post('/backfills/:id/cancel', requireToken, (c) => act(c, 'cancel'))
    .post('/backfills/:id/retry_failed', requireToken, (c) => act(c, 'retry_failed'))
    .get('/dead_copies', requireToken, async (c) => {
      const letters = await jobsOf(c).index().deadLetters(SHOWN_DEAD)
      const deadCopies = letters.map(({ at, ...letter }) => ({ ...letter, time: new Date(at).toISOString() }))
      return c.json({ dead_copies: deadCopies })
    })
  routes.all('/dead_copies', notAllowed('GET, HEAD'))
  routes.all('/backfills', notAllowed('GET, HEAD, POST'))
  routes.all('/backfills/:id', notAllowed('GET, HEAD'))
  routes.all('/backfills/:id/failures', notAllowed('GET, HEAD'))
  for (const action of ACTIONS) routes.all(`/backfills/:id/${action}`, notAllowed('POST'))
  return routes
}

function backfillIn(c: Context<AppEnv>) {
  return jobsOf(c).backfill(jobIdIn(c))
}

async function act(c: Context<AppEnv>, action: Action) {
  const result = found(await backfillIn(c).act(action))
  return 'conflict' in result ? conflict(result.conflict) : c.json(result.job)
}

type Body = v.InferOutput<typeof backfillBody>

async function begin(c: Context<AppEnv>, body: Body): Promise<BackfillJson> {
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
  body: Body,
  manifest: BackfillOptions['manifest'],
): Promise<BackfillJson> {
  const { prefix, dry_run: dryRun, max_concurrency: maxConcurrency, max_per_second: maxPerSecond } = body
  const sources = chooseSources(c.var.deployment.chain, body.backends, manifest !== undefined)
  const jobs = jobsOf(c)
  const id = newJobId(Date.now())
  await jobs.index().register(id, 'backfill')
  return jobs.backfill(id).create(id, {
    backends: sources.map(({ name }) => name),
    prefix,
    dryRun,
    maxConcurrency,
    ...(maxPerSecond !== undefined && { maxPerSecond }),
    ...(manifest && { manifest }),
  })
}

/** The fallbacks to copy from: those asked for, or all that can list. Names of a manifest are asked of any. */
function chooseSources(chain: Chain, names: readonly string[] | undefined, named: boolean): Backend[] {
  const { authority, backends } = chain
  if (!authority) throw new StorageError('unsupported', 'no backend is writable, so nothing can be copied')
  const fallbacks = backends.slice(backends.indexOf(authority) + 1)
  for (const name of names ?? []) {
    if (!fallbacks.some((backend) => backend.name === name)) {
      const known = fallbacks.map((backend) => backend.name).join(', ') || 'none'
      throw new StorageError('invalid', `backends: "${name}" is no fallback (there are: ${known})`)
    }
  }
  const chosen = fallbacks.filter(({ name }) => names === undefined || names.includes(name))
  if (chosen.length === 0)
    throw new StorageError('unsupported', `no backend is behind ${authority.name}: there is nothing to copy`)
  if (named) return chosen
  const listable = chosen.filter(isListable)
  const mute = chosen.find((backend) => !isListable(backend))
  if (mute && (names !== undefined || listable.length === 0)) {
    throw new StorageError(
      'unsupported',
      `${mute.name} cannot list; send the names as a manifest (text/plain, one a line, or application/x-ndjson)`,
    )
  }
  return listable
}

function isManifest(c: Context<AppEnv>): boolean {
  const type = c.req.header('Content-Type') ?? ''
  return /^text\/plain\b/i.test(type) || formatOf(type) === 'ndjson'
}

async function beginManifest(c: Context<AppEnv>): Promise<BackfillJson> {
  const body = queryBy(c, manifestQuery)
  const { id, ...begun } = await create(c, body, { from: 'client' })
  const job = jobsOf(c).backfill(id)
  try {
    if (c.req.raw.body)
      await streamLines(c.req.raw.body, formatOf(c.req.header('Content-Type')), (lines) =>
        job.addNames(lines),
      )
  } catch (error) {
    // Half a manifest is not what was asked for.
    await job.endNames(false)
    throw error
  }
  return (await job.endNames(true)) ?? { id, ...begun }
}
