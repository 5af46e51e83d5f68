import type { StoredObject } from '../storage/object.ts'
import type { Trace } from '../storage/trace.ts'

/** What a read found, in the cache or in the chain. */
export interface Read {
  /** `null` if no backend has it. */
  object: StoredObject | null
  /** A copy was begun or queued. */
  stored: boolean
  /** Seconds for which the cache may still answer; absent if the chain was searched. */
  ttl?: number
}

/** Searches the chain, and starts a copy if the object should migrate. */
export type Load = (name: string, trace: Trace) => Promise<Read>

export type PurgeTarget = { names: string[] } | { prefix: string }

/** How far a purge reaches: all of Cloudflare's locations, or only the one that answered. */
export type Reach = 'everywhere' | 'this location'

/** Whole public objects, kept at Cloudflare's edge for some seconds. */
export interface EdgeCache {
  /** The object as the cache has it, else as the chain has it; then `trace` contains the backends that were tried. */
  read(name: string, trace: Trace): Promise<Read>
  /** Resolves once nothing older than now is answered as far as the purge reaches. Throws if that cannot be done. */
  purge(target: PurgeTarget): Promise<Reach>
}

/** Where the objects are in either cache: the name alone identifies them, never a host, a query or a header. */
export function pathOf(name: string): string {
  return `/${encodeURIComponent(name)}`
}

export function nameOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1))
}
