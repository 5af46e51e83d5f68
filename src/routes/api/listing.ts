import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import { StorageError } from '../../storage/errors.ts'
import { listdir } from '../../methods/methods.ts'
import { type Degraded, mergeList } from '../../chain/merge-list.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { pathIn, queryBy } from './request.ts'
import { listdirQuery, listQuery } from './schemas.ts'
import { requireToken } from '../auth.ts'
import type { AppEnv } from '../context.ts'
import { notAllowed } from '../not-allowed.ts'

/** The two listings of the whole chain: Django's listdir, and all names with what is known of each. */
export function listingRoutes() {
  const routes = new Hono<AppEnv>()
    .get('/listdir/:path{[^]*}', requireToken, (c) => answerListdir(c))
    .get('/listdir', requireToken, (c) => answerListdir(c))
    .get('/list/:prefix{[^]*}', requireToken, (c) => answerList(c))
    .get('/list', requireToken, (c) => answerList(c))
  for (const method of ['list', 'listdir']) {
    routes.all(`/${method}/:rest{[^]*}`, notAllowed('GET, HEAD'))
    routes.all(`/${method}`, notAllowed('GET, HEAD'))
  }
  return routes
}

async function answerListdir(c: Context<AppEnv>) {
  const path = pathIn(c, 'listdir')
  const { strict, ...page } = queryBy(c, listdirQuery)
  const listed = await listdir(c.var.deployment.chain.backends, path, { ...page, ...listing(c) })
  if (strict) refuseDegraded(listed.degraded)
  const { directories, files, cursor, degraded } = listed
  return c.json({ path, directories, files, cursor, ...degradedJson(degraded) })
}

async function answerList(c: Context<AppEnv>) {
  const prefix = pathIn(c, 'list')
  const { strict, ...page } = queryBy(c, listQuery)
  const listed = await mergeList(c.var.deployment.chain.backends, { ...page, ...listing(c), prefix })
  if (strict) refuseDegraded(listed.degraded)
  const { objects, directories, cursor, degraded } = listed
  return c.json({ prefix, objects: objects.map(toJson), directories, cursor, ...degradedJson(degraded) })
}

/** What every listing of a deployment has in common. */
function listing(c: Context<AppEnv>): { cursorKey: string; tombstones: boolean } {
  return { cursorKey: cursorKey(c), tombstones: c.var.deployment.chain.tombstones }
}

/** What cursors are signed with: the token, since only its holders see any. */
export function cursorKey(c: Context<AppEnv>): string {
  const { apiToken } = c.var.deployment.config
  if (apiToken === undefined) throw new Error('a listing was reached without a token')
  return apiToken
}

/** The names of those that failed or cannot list, and where there are any, why. */
function degradedJson(degraded: readonly Degraded[]) {
  return {
    degraded: degraded.map(({ name }) => name),
    ...(degraded.length > 0 && { backends: degraded }),
  }
}

function refuseDegraded(degraded: readonly Degraded[]): void {
  if (degraded.length === 0) return
  const failures = degraded.map(
    ({ name, error, detail }) => new StorageError(error, detail, { backend: name }),
  )
  throw new StorageError('unavailable', 'the listing would lack what these backends hold', { failures })
}

function toJson({ name, size, etag, modified, contentType, backend }: ObjectInfo) {
  return {
    name,
    size: size ?? null,
    etag: etag ?? null,
    modified_time: modified?.toISOString() ?? null,
    ...(contentType !== undefined && { content_type: contentType }),
    backend,
  }
}
