import pLimit from 'p-limit'
import { chainError } from '../chain/search.ts'
import type { Chain } from '../chain/fallback.ts'
import { type Degraded, mergeList, type MergeListOptions } from '../chain/merge-list.ts'
import { accepts, writersFor } from '../chain/placement.ts'
import type { Backend, UrlOptions } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { compareNames } from '../storage/order.ts'
import { conditionOn, writeMarker } from '../storage/tombstone-marker.ts'
import { changed } from './put-object.ts'

/** Names that are looked for at once: with more, waiting for a slot would look like a silent backend to a hedged search. */
const CONCURRENCY = 5
/** Storage requests of one call. On the Free plan a Worker may make 1,000 to Cloudflare's services, and an origin that redirects or takes no HEAD costs more than one. */
const MAX_LOOKUPS = 500

/** Whether any backend has the name; false only when all proved that they don't. */
export async function exists(chain: Chain, name: string): Promise<boolean> {
  return (await chain.head(name)) !== null
}

/**
 * `exists` of many names. Throws when one of them cannot be decided, since half an answer would be read as a whole one,
 * and `invalid` for more than one call may look up.
 */
export async function existsAll(chain: Chain, names: readonly string[]): Promise<Map<string, boolean>> {
  const count = names.length * chain.backends.length
  if (count > MAX_LOOKUPS) {
    const fitting = Math.floor(MAX_LOOKUPS / chain.backends.length)
    throw new StorageError(
      'invalid',
      `names: ${names.length} names over ${chain.backends.length} backends can take ${count} storage requests, and one call may take ${MAX_LOOKUPS}; ask for ${fitting} names at a time`,
    )
  }
  const limit = pLimit(CONCURRENCY)
  const answers = new Map<string, boolean>()
  const failures = new Map<string, StorageError>()
  const decide = async (name: string): Promise<void> => {
    try {
      answers.set(name, await exists(chain, name))
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      // One failure of each backend is enough: a hundred of the same would say no more.
      const causes = error.failures.length > 0 ? error.failures : [error]
      for (const cause of causes) failures.set(cause.backend ?? '', cause)
    }
  }
  await Promise.all([...new Set(names)].map((name) => limit(decide, name)))
  if (failures.size > 0) throw chainError([...failures.values()])
  return answers
}

/** Bytes of the object, from the first backend that has it and knows; `null` where none has it. */
export async function size(chain: Chain, name: string): Promise<number | null> {
  return (await firstTelling(chain, name, 'size'))?.size ?? null
}

export type TimeKind = 'accessed' | 'created' | 'modified'

/** One of the object's times, from the first backend that has it and records it; `null` where none has it. */
export async function time(chain: Chain, name: string, kind: TimeKind): Promise<Date | null> {
  return (await firstTelling(chain, name, kind))?.[kind] ?? null
}

function firstTelling(chain: Chain, name: string, property: keyof ObjectInfo): Promise<ObjectInfo | null> {
  return chain.first(name, async (backend, read) => {
    const info = await backend.head(name, read)
    return info && !info.deleted && info[property] === undefined ? 'skip' : info
  })
}

/**
 * Where a client can fetch the object. When migrating, from the first backend that makes URLs, since the object moves there;
 * else from the one that has it, or the last where none has.
 */
export async function url(
  chain: Chain,
  name: string,
  options: UrlOptions & { migrating: boolean },
): Promise<string> {
  const { migrating, ...urlOptions } = options
  const backends = chain.backends.filter((backend) => backend.url && accepts(backend, name))
  const answering = migrating ? backends[0] : ((await holder(chain, name)) ?? backends.at(-1))
  if (!answering?.url) throw new StorageError('unsupported', 'no backend makes URLs for this name', { name })
  return answering.url(name, urlOptions)
}

/** The first backend that has the name and makes URLs. */
async function holder(chain: Chain, name: string): Promise<Backend | undefined> {
  const held = await chain.first(name, async (backend, read) => {
    const info = await backend.head(name, read)
    if (!info || (!info.deleted && !backend.url)) return null
    return { ...info, holder: backend }
  })
  return held?.holder
}

/** The name's place in the terms of the first backend that has paths. */
export function path(chain: Chain, name: string): string {
  for (const backend of chain.backends) {
    if (backend.path && accepts(backend, name)) return backend.path(name)
  }
  throw new StorageError('unsupported', 'no backend has paths of its own', { name })
}

export interface DirectoryPage {
  /** Names within the path, without it and without the trailing `/`. */
  directories: string[]
  files: string[]
  cursor: string | null
  degraded: Degraded[]
}

/**
 * What a path holds, as Django's `listdir` returns it: local names, each once. An object named as the path itself (a
 * directory's placeholder) is not one of its files.
 */
export async function listdir(
  backends: readonly Backend[],
  path: string,
  options: Omit<MergeListOptions, 'prefix' | 'delimiter'>,
): Promise<DirectoryPage> {
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`
  const { objects, directories, cursor, degraded } = await mergeList(backends, {
    ...options,
    prefix,
    delimiter: '/',
  })
  return {
    // Without its slash a directory sorts elsewhere: `a-b/` comes before `a/`, but `a` before `a-b`.
    directories: directories.map((name) => name.slice(prefix.length, -1)).toSorted(compareNames),
    files: objects.map(({ name }) => name.slice(prefix.length)).filter((name) => name !== ''),
    cursor,
    degraded,
  }
}

const MAX_DELETE_TRIES = 5

/**
 * Deletes the name if `allows` accepts what the chain has under it: by one conditional write, since no backend deletes on a
 * condition. If another write comes first, it looks again. Where a delete leaves no tombstone, a lifted one stays, which hides nothing.
 */
export async function deleteObjectIf(
  chain: Chain,
  name: string,
  allows: (current: ObjectInfo | null) => boolean,
): Promise<void> {
  const [target] = writersFor(chain, name)
  const lifted = !chain.tombstones || chain.backends.length === 1
  for (let tries = 0; tries < MAX_DELETE_TRIES; tries++) {
    const held = await target.head(name, { lastResort: true })
    if (!allows(await chain.head(name))) throw changed(name)
    if (lifted && (held === null || held.deleted)) return
    if (await writeMarker(target, name, { lifted, onlyIf: conditionOn(held) })) return
  }
  const why = 'other writes of the name came first each time: try again'
  throw new StorageError('unavailable', why, { backend: target.name, name })
}
