import { waitUntil } from 'cloudflare:workers'
import { isolateMemory, SHARED_LEAVES_BYTES } from '../bodies/memory-budget.ts'
import type { Chain } from '../chain/fallback.ts'
import type { Migration } from '../migration/migration.ts'
import { describeError, log } from '../observe/log.ts'
import type { Backend } from '../storage/backend.ts'
import type { StoredObject } from '../storage/object.ts'
import type { Trace } from '../storage/trace.ts'
import { withCoalescing } from '../wrappers/coalesce.ts'
import { cacheApi } from './cache-api.ts'
import type { CachePolicy } from './cacheable.ts'
import type { EdgeCache, Load } from './edge-cache.ts'
import { answerFromChain, type MediaEntrypoint, workersCache } from './workers-cache.ts'

/** What the runtime offers to one request. */
export interface EdgeContext {
  /** Present where the runtime has Workers Cache. */
  cache?: unknown
  exports?: { Media?: MediaEntrypoint }
}

/** The edge cache of a deployment, opened for each request by what its runtime offers. */
export interface EdgeCaching {
  open(context: EdgeContext): EdgeCache
  /** Answers for the entrypoint that Workers Cache is in front of. */
  answer(request: Request): Promise<Response>
}

export interface EdgeCachingOptions {
  chain: Chain
  writeBack: Migration['writeBack']
  deploymentId: string
  /** The public base of the media. Cloudflare advises against cache keys with a host that is not the Worker's own. */
  mediaUrl?: string | undefined
  policy: CachePolicy
  /** Larger objects are not shared in memory, so the Cache API does not get them. */
  maxBytes: number
  /** Longest wait for any backend, and for the next byte of a body, in milliseconds. */
  stallMs: number
}

/** The host of a request is not used in its place: nobody must be able to choose where entries are. */
const UNKNOWN_HOST = 'https://fallback-storage.invalid/'
/** Until a body that was read is in the cache, others who want it share it in memory. */
const LINGER_MS = 5000

export function openEdgeCaching(options: EdgeCachingOptions): EdgeCaching {
  const { chain, writeBack, deploymentId, mediaUrl, policy, maxBytes, stallMs } = options
  const loadFrom =
    (source: Pick<Backend, 'get'>): Load =>
    async (name, trace) => {
      const object: TracedObject | null = await source.get(name, { trace, speculative: true })
      if (!object) return { object, stored: false }
      // Those who joined another request's read searched nothing themselves.
      if (object.trace && object.trace !== trace) trace.push(...object.trace)
      return { object, stored: writeBack(object, trace) }
    }
  const shared = withCoalescing(traced(chain), {
    maxBytes,
    budget: isolateMemory,
    leave: SHARED_LEAVES_BYTES,
    stallMs,
    lingerMs: Math.min(LINGER_MS, policy.seconds * 1000),
    keepAlive: waitUntil,
  })
  const local = cacheApi({
    cache: caches.default,
    base: `${new URL(mediaUrl ?? UNKNOWN_HOST).origin}/-/edge-cache/${deploymentId}`,
    policy,
    load: loadFrom(shared),
    forget: shared.forget,
    keepAlive: waitUntil,
  })
  /** Whether Workers Cache is turned on for `Media`, which the runtime does not say; an answer shows it. */
  let isOn: boolean | undefined
  return {
    open({ cache, exports }) {
      if (isOn === false || !cache || !exports?.Media) return local
      const workers = workersCache(exports.Media, (shown) => void (isOn ||= shown))
      return {
        read: workers.read,
        async purge(target) {
          // The Cache API has what is read where Workers Cache is off, or taken to be off by another isolate.
          const here = 'names' in target && (await local.purge(target))
          if (isOn ?? (await workers.isOn())) return workers.purge(target)
          return here || local.purge(target)
        },
      }
    },
    answer: (request) => answerFromChain(request, { load: loadFrom(chain), policy }),
  }
}

interface TracedObject extends StoredObject {
  /** The backends that were tried until it was found. */
  trace?: Trace
}

/** The chain, whose objects say how they were found. */
function traced(chain: Chain): Backend {
  return {
    name: chain.name,
    type: chain.type,
    head: chain.head,
    async get(name, options): Promise<TracedObject | null> {
      const { trace = [] } = options ?? {}
      const object = await chain.get(name, { ...options, trace, speculative: true })
      return object && { ...object, trace }
    },
  }
}

/** The change is made and acknowledged, whether or not the cache can be purged: then it is out of date for a while. */
export async function purgeChanged(
  caching: EdgeCaching | null,
  context: EdgeContext,
  names: string[],
): Promise<void> {
  if (names.length === 0 || !caching) return
  try {
    await caching.open(context).purge({ names })
  } catch (error) {
    log('warn', 'edge-cache', { operation: 'purge', names, reason: describeError(error) })
  }
}
