import type { Context } from 'hono'
import { type Degraded, mergeList } from '../../chain/merge-list.ts'
import { listTombstones, purgeTombstones, undelete } from '../../chain/tombstones.ts'
import { listdir } from '../../methods/methods.ts'
import type { ListedObject } from '../../schemas/answers.ts'
import { StorageError } from '../../storage/errors.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import type { AppEnv, Handlers, Input } from '../context.ts'

/** What the whole chain holds: Django's listdir, all names with what is known of each, and the names that were deleted. */
export const listingHandlers = {
  listdirRoot: (c, { query }) => answerListdir(c, '', query),
  listdir: (c, { path, query }) => answerListdir(c, path, query),
  listAll: (c, { query }) => answerList(c, '', query),
  list: (c, { prefix, query }) => answerList(c, prefix, query),

  async listTombstones(c, { query: { prefix, ...page } }) {
    const listed = await listTombstones(c.var.deployment.chain, { ...page, prefix, cursorKey: cursorKey(c) })
    const tombstones = listed.tombstones.map(({ name, deleted }) => ({
      name,
      deleted_time: deleted?.toISOString() ?? null,
    }))
    return { prefix, tombstones, cursor: listed.cursor }
  },
  async purgeTombstones(c, { body: { prefix, dry_run: dryRun, limit, cursor } }) {
    const query = { prefix, dryRun, limit, cursorKey: cursorKey(c), ...(cursor !== null && { cursor }) }
    const { purged, kept, cursor: next } = await purgeTombstones(c.var.deployment.chain, query)
    return {
      dry_run: dryRun,
      examined: purged.length + kept.length,
      purged: purged.length,
      kept: kept.length,
      names: purged,
      cursor: next,
    }
  },
  async undelete(c, { name }) {
    const result = await undelete(c.var.deployment.chain, name)
    if (!result) throw new StorageError('absent', 'the name is not deleted', { name })
    const { restored } = result
    return { name, restored: restored !== null, backend: restored?.backend ?? null }
  },
} satisfies Partial<Handlers>

async function answerListdir(c: Context<AppEnv>, path: string, query: Input<'listdir'>['query']) {
  const { strict, ...page } = query
  const listed = await listdir(c.var.deployment.chain.backends, path, { ...page, ...listing(c) })
  if (strict) refuseDegraded(listed.degraded)
  const { directories, files, cursor, degraded } = listed
  return { path, directories, files, cursor, ...degradedJson(degraded) }
}

async function answerList(c: Context<AppEnv>, prefix: string, query: Input<'list'>['query']) {
  const { strict, ...page } = query
  const listed = await mergeList(c.var.deployment.chain.backends, { ...page, ...listing(c), prefix })
  if (strict) refuseDegraded(listed.degraded)
  const { objects, directories, cursor, degraded } = listed
  return { prefix, objects: objects.map(toJson), directories, cursor, ...degradedJson(degraded) }
}

/** What every listing of a deployment has in common. */
function listing(c: Context<AppEnv>): { cursorKey: string; tombstones: boolean } {
  return { cursorKey: cursorKey(c), tombstones: c.var.deployment.chain.tombstones }
}

/** What cursors are signed with: the token, since only its holders see any. */
function cursorKey(c: Context<AppEnv>): string {
  const { apiToken } = c.var.deployment.config
  if (apiToken === undefined) throw new Error('a listing was reached without a token')
  return apiToken
}

/** The names of the backends that failed or cannot list, and where there are any, why. */
function degradedJson(degraded: Degraded[]) {
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

function toJson({ name, size, etag, modified, contentType, backend }: ObjectInfo): ListedObject {
  return {
    name,
    size: size ?? null,
    etag: etag ?? null,
    modified_time: modified?.toISOString() ?? null,
    ...(contentType !== undefined && { content_type: contentType }),
    backend,
  }
}
