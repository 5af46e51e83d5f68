import type { Context } from 'hono'
import { deriveKey } from '../../access/derive-key.ts'
import type { Chain } from '../../chain/fallback.ts'
import { type Degraded, mergeList } from '../../chain/merge-list.ts'
import { listTombstones, purgeTombstones, undelete } from '../../chain/tombstones.ts'
import { listdir } from '../../methods/methods.ts'
import type { ListedObject } from '../../schemas/answers.ts'
import type { Backend } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import type { Deployment } from '../../deployment.ts'
import type { AppEnv, Handlers, Input } from '../context.ts'

/** The contents of the whole chain: Django's listdir, all names with their metadata, and the names that were deleted. */
export const listingHandlers = {
  listdirRoot: (c, input) => answerListdir(c, { path: '', ...input }),
  listdir: answerListdir,
  listAll: (c, input) => answerList(c, { prefix: '', ...input }),
  list: answerList,

  async listTombstones(c, { query: { prefix, ...page } }) {
    const listed = await listTombstones(c.var.deployment.chain, {
      ...page,
      prefix,
      cursorKey: await cursorKey(c.var.deployment),
    })
    const tombstones = listed.tombstones.map(({ name, deleted }) => ({
      name,
      deleted_time: deleted?.toISOString() ?? null,
    }))
    return { prefix, tombstones, cursor: listed.cursor }
  },
  async purgeTombstones(c, { body: { prefix, dry_run: dryRun, limit, cursor } }) {
    const { purged, kept, ...page } = await purgeTombstones(c.var.deployment.chain, {
      prefix,
      dryRun,
      limit,
      cursorKey: await cursorKey(c.var.deployment),
      cursor: cursor ?? undefined,
    })
    return {
      dry_run: dryRun,
      examined: purged.length + kept.length,
      purged: purged.length,
      kept: kept.length,
      names: purged,
      cursor: page.cursor,
    }
  },
  async undelete(c, { name }) {
    const result = await undelete(c.var.deployment.chain, name)
    if (!result) throw new StorageError('absent', 'the name is not deleted')
    const { restored } = result
    return { name, restored: restored !== null, backend: restored?.backend ?? null }
  },
} satisfies Partial<Handlers>

async function answerListdir(c: Context<AppEnv>, { path, query }: Input<'listdir'>) {
  const { chain } = c.var.deployment
  const options = { ...query, cursorKey: await cursorKey(c.var.deployment), tombstones: chain.tombstones }
  const { directories, files, cursor, degraded } = await listdir(chain.backends, path, options)
  return { path, directories, files, cursor, ...degradedJson(degraded, query.strict) }
}

async function answerList(c: Context<AppEnv>, { prefix, query }: Input<'list'>) {
  const { chain } = c.var.deployment
  const options = {
    ...query,
    prefix,
    cursorKey: await cursorKey(c.var.deployment),
    tombstones: chain.tombstones,
  }
  const { objects, directories, cursor, degraded } = await mergeList(
    backendsOf(chain, query.backend),
    options,
  )
  return {
    prefix,
    objects: objects.map(toJson),
    directories,
    cursor,
    ...degradedJson(degraded, query.strict),
  }
}

function backendsOf({ backends }: Chain, only: string | undefined): readonly Backend[] {
  const listed = backends.filter(({ name }) => only === undefined || name === only)
  if (listed.length === 0) throw new StorageError('invalid', `there is no backend "${only}"`)
  return listed
}

/** Cursors are signed: they contain the backends' own, which may lead outside the prefix that a token is limited to. */
export function cursorKey({ config: { tokens } }: Pick<Deployment, 'config'>): Promise<string> {
  return deriveKey(
    tokens.map(({ token }) => token),
    'list cursor',
  )
}

/** The names of the backends that failed or cannot list, and why. Throws if the listing must be complete. */
function degradedJson(degraded: Degraded[], strict: boolean) {
  if (degraded.length === 0) return { degraded: [] }
  if (!strict) return { degraded: degraded.map(({ name }) => name), backends: degraded }
  const failures = degraded.map(
    ({ name, error, detail }) => new StorageError(error, detail, { backend: name }),
  )
  throw new StorageError('unavailable', 'these backends failed, so the listing would be incomplete', {
    failures,
  })
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
