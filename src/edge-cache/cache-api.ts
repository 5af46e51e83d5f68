import { cancelBody } from '../bodies/cancel.ts'
import { describeError, log } from '../observe/log.ts'
import { StorageError } from '../storage/errors.ts'
import { spellings } from '../storage/name.ts'
import type { SharedBody, StoredObject } from '../storage/object.ts'
import { cacheableSeconds, type CachePolicy } from './cacheable.ts'
import { type EdgeCache, type Load, pathOf, type Read } from './edge-cache.ts'
import { entryFrom, entryHeaders, fitsEntry, secondsUntil } from './entry.ts'

export interface CacheApiOptions {
  cache: Pick<Cache, 'match' | 'put' | 'delete'>
  /** URL below which the entries are. All Workers of a zone share one cache, so it contains the deployment's id. */
  base: string
  policy: CachePolicy
  /** Only bodies that it shares in memory are cached: then neither a slow client nor the cache waits for the other. */
  load: Load
  /** Lets requests that come from now on join no read of the name that began before. */
  forget: (name: string) => void
  keepAlive: (work: Promise<unknown>) => void
}

/** The Cache API: each of Cloudflare's locations has a cache of its own, and only the one that answers can be purged. */
export function cacheApi(options: CacheApiOptions): EdgeCache {
  const { cache, policy, load, forget, keepAlive } = options
  const keyOf = (name: string): string => options.base + pathOf(name)
  const purges = createPurgeLog()
  /** What is being put just now, one object of each name. */
  const putting = new Map<string, Fill>()

  const match = async (name: string): Promise<Read | null> => {
    const current = putting.get(name)
    if (current && purges.isOutdated(name, current.begun)) return null
    const response = await cache.match(keyOf(name)).catch(warn('match', name))
    const entry = response && entryFrom(response)
    if (entry && entry.expires > Date.now() && entry.object.name === name)
      return { object: entry.object, stored: false, ttl: secondsUntil(entry.expires) }
    await cancelBody(response?.body)
    return null
  }

  /** Keeps what a read found that began at `begun`, unless the name has been purged since. */
  const fill = async (object: StoredObject, shared: SharedBody, own: Fill): Promise<void> => {
    const { name } = object
    const { begun, expires } = own
    const body = shared.stream()
    try {
      await shared.whole()
      const headers = {
        ...entryHeaders(object, expires),
        ...INERT,
        'Cache-Control': `public, s-maxage=${secondsUntil(expires)}`,
      }
      if (expires <= Date.now() || !fitsEntry(headers) || purges.isOutdated(name, begun)) return
      const other = putting.get(name)
      if (other && Date.now() - other.at < GONE_MS) return
      putting.set(name, own)
      await cache.put(keyOf(name), new Response(body, { headers }))
      if (purges.isOutdated(name, begun)) await cache.delete(keyOf(name))
    } finally {
      if (putting.get(name) === own) putting.delete(name)
      await cancelBody(body)
    }
  }

  return {
    async read(name, trace) {
      const cached = await match(name)
      if (cached) return cached
      const begun = purges.count()
      const at = Date.now()
      const found = await load(name, trace)
      const { object } = found
      const seconds = object ? cacheableSeconds(object, trace, policy) : 0
      if (object?.shared?.leader && seconds > 0)
        keepAlive(
          fill(object, object.shared, { begun, at, expires: at + seconds * 1000 }).catch(warn('put', name)),
        )
      return found
    },
    async purge(target) {
      if ('prefix' in target) throw new StorageError('unsupported', WHY_NO_PREFIX)
      const names = target.names.flatMap(spellings)
      for (const name of names) {
        purges.add(name)
        forget(name)
      }
      await Promise.all(names.map((name) => cache.delete(keyOf(name))))
      return 'this location'
    },
  }
}

/** A read whose object is to be cached. */
interface Fill {
  /** How many purges there had been. */
  begun: number
  at: number
  expires: number
}

/** Where the entry's URL is not the Worker's, Cloudflare itself may answer with it: no browser may run it as a page. */
const INERT = {
  'Content-Type': 'application/octet-stream',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': 'sandbox',
}

/** A fill that began so long ago was ended by the platform together with its request. */
const GONE_MS = 60_000

const MAX_REMEMBERED = 10_000

/** Which names were purged here, and in which order reads and purges came. */
function createPurgeLog() {
  const last = new Map<string, number>()
  let count = 0
  /** Of older purges, the names are forgotten. */
  let known = 0
  return {
    count: () => count,
    add(name: string): void {
      last.delete(name)
      last.set(name, ++count)
      if (last.size <= MAX_REMEMBERED) return
      const [[oldest, at] = ['', 0]] = last
      known = at
      last.delete(oldest)
    },
    /** Whether the name may have been purged since. */
    isOutdated: (name: string, since: number): boolean => since < known || (last.get(name) ?? 0) > since,
  }
}

const WHY_NO_PREFIX =
  'the Cache API cannot list what it holds, so it cannot purge a prefix: purge names, or turn on Workers Cache (docs/caching.md)'

/** A cache that fails costs time, never an answer. */
function warn(operation: 'match' | 'put', name: string): (error: unknown) => undefined {
  return (error) => {
    log('warn', 'edge-cache', { operation, name, reason: describeError(error) })
  }
}
