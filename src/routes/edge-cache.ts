import type { Context } from 'hono'
import type { EdgeCache, PurgeTarget } from '../edge-cache/edge-cache.ts'
import { type EdgeContext, purgeChanged } from '../edge-cache/open.ts'
import { type RouteId, SESSION_COOKIE } from '../schemas/routes.ts'
import { StorageError } from '../storage/errors.ts'
import { checkName } from '../storage/name.ts'
import type { AppEnv, Handlers } from './context.ts'
import { finish } from './finish.ts'

/** The cache that may answer this request; `null` if it is off, or the request is not a whole public GET. */
export function edgeCacheFor(c: Context<AppEnv>): EdgeCache | null {
  if (!c.get('deployment').edgeCaching || c.get('route') !== 'media') return null
  const { headers } = c.req.raw
  const isPublic = !headers.has('Authorization') && !headers.get('Cookie')?.includes(`${SESSION_COOKIE}=`)
  return isPublic && !headers.has('Range') ? open(c) : null
}

/** Throws where nothing is cached. */
function open(c: Context<AppEnv>): EdgeCache {
  const { edgeCaching } = c.get('deployment')
  if (edgeCaching) return edgeCaching.open(c.executionCtx as EdgeContext)
  const why = 'nothing is cached: MEDIA_EDGE_CACHE_SECONDS is 0, or MEDIA_ACCESS is not "public"'
  throw new StorageError('unsupported', why)
}

export const edgeCacheHandlers = {
  async purgeCache(c, { body: { names, prefix } }) {
    if ((names === undefined) === (prefix === undefined))
      throw new StorageError('invalid', 'either names or prefix must be given, and not both')
    for (const name of names ?? []) checkName(name)
    const target: PurgeTarget = names ? { names } : { prefix: prefix ?? '' }
    return { ...target, reach: await open(c).purge(target) }
  },
} satisfies Partial<Handlers>

/** Routes that change what a name holds. */
const CHANGES = [
  'putObject',
  'deleteObject',
  'save',
  'delete',
  'undelete',
  'restore',
  'purgeTombstones',
] as const satisfies RouteId[]

type Change = (c: Context<AppEnv>, input: Named) => Promise<Changed | Response>
interface Named {
  name?: string
}
interface Changed extends Named {
  names?: string[]
  dry_run?: boolean
}

/** The handlers, each of which purges the names that it has changed before it answers. */
export function withPurges(handlers: Handlers): Handlers {
  const purging = CHANGES.map((id) => {
    const change = handlers[id] as Change
    const changeAndPurge: Change = (c, input) => {
      const names = [input.name]
      const changed = async (): Promise<Changed | Response> => {
        const answer = await change(c, input)
        if (!(answer instanceof Response || answer.dry_run)) names.push(answer.name, ...(answer.names ?? []))
        return answer
      }
      return finishAndPurge(c, names, changed())
    }
    return [id, changeAndPurge]
  })
  return { ...handlers, ...(Object.fromEntries(purging) as Partial<Handlers>) }
}

/** Like `finish`, and purges the names, to which `change` may add, before it answers. */
export function finishAndPurge<T>(
  c: Context<AppEnv>,
  names: readonly (string | undefined)[],
  change: Promise<T>,
): Promise<T> {
  const purged = async (): Promise<T> => {
    try {
      return await change
    } finally {
      // A write that failed may have changed something all the same.
      await purgeNames(
        c,
        [...new Set(names)].filter((name) => name !== undefined),
      )
    }
  }
  return finish(purged())
}

/** Purges names that were changed. */
export function purgeNames(c: Context<AppEnv>, names: string[]): Promise<void> {
  return purgeChanged(c.get('deployment').edgeCaching, c.executionCtx as EdgeContext, names)
}
