import type { ObjectInfo, StoredObject } from '../storage/object.ts'
import { mayBeStale, type Trace } from '../storage/trace.ts'

export interface CachePolicy {
  /** MEDIA_EDGE_CACHE_SECONDS. */
  seconds: number
  /** What is sent for objects without a Cache-Control of their own. */
  cacheControl: string
}

/**
 * For how many seconds the edge may answer with an object; 0 if it must not be cached. `max-age` is for the clients'
 * caches and changes nothing; `s-maxage` is for shared ones, so it can shorten the time.
 */
export function cacheableSeconds(
  object: ObjectInfo & Pick<StoredObject, 'range'>,
  trace: Trace,
  { seconds, cacheControl }: CachePolicy,
): number {
  if (object.size === undefined || object.range || object.substitute || mayBeStale(trace)) return 0
  if (/\b(?:no-store|private)\b/i.test(object.cacheControl ?? cacheControl)) return 0
  const own = object.cacheControl ?? ''
  if (/\bno-cache\b/i.test(own)) return 0
  const shared = /\bs-maxage\s*=\s*"?(\d+)/i.exec(own)?.[1]
  return shared === undefined ? seconds : Math.min(seconds, Number(shared))
}
