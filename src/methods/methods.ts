import type { Chain } from '../chain/fallback.ts'
import { type Degraded, mergeList, type MergeListOptions } from '../chain/merge-list.ts'
import { accepts, refuseTooLong, writersFor } from '../chain/placement.ts'
import { headForWrite } from '../chain/read-for-write.ts'
import type { Backend, UrlOptions } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { compareNames } from '../storage/order.ts'
import { conditionOn, writeMarker } from '../storage/tombstone-marker.ts'
import { type Trace, traceWrite } from '../storage/trace.ts'
import { changed } from './put-object.ts'

/** The object's size, from the first backend that has it and knows it; `null` if none has it. */
export async function size(chain: Chain, name: string): Promise<number | null> {
  return (await firstTelling(chain, name, 'size'))?.size ?? null
}

export type TimeKind = 'accessed' | 'created' | 'modified'

/** One of the object's times, from the first backend that has it and records it; `null` if none has it. */
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
 * A URL at which clients can fetch the object. With migration on, from the first backend that can make URLs, since the
 * object moves there; otherwise from the one that has it, or from the last if none has.
 */
export async function url(
  chain: Chain,
  name: string,
  options: UrlOptions & { migrating: boolean },
): Promise<string> {
  const { migrating, ...urlOptions } = options
  const backends = chain.backends.filter((backend) => backend.url && accepts(backend, name))
  const answering = migrating ? backends[0] : ((await holder(chain, name)) ?? backends.at(-1))
  if (answering?.url) return answering.url(name, urlOptions)
  refuseTooLong(chain.backends, name)
  throw new StorageError('unsupported', 'no backend can make a URL for this name')
}

/** The first backend that has the name and can make URLs. */
async function holder(chain: Chain, name: string): Promise<Backend | undefined> {
  const held = await chain.first(name, async (backend, read) => {
    const info = await backend.head(name, read)
    if (!info || (!info.deleted && !backend.url)) return null
    return { ...info, holder: backend }
  })
  return held?.holder
}

/** The name's path in the first backend that has paths. */
export function path(chain: Chain, name: string): string {
  for (const backend of chain.backends) {
    if (backend.path && accepts(backend, name)) return backend.path(name)
  }
  throw new StorageError('unsupported', 'no backend has paths')
}

export interface DirectoryPage {
  /** Names inside the path, relative to it and without the trailing `/`. */
  directories: string[]
  files: string[]
  cursor: string | null
  degraded: Degraded[]
}

/**
 * The contents of a path, as in Django's `listdir`: local names, each once. An object with the path itself as its name (a
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
    // Without its slash, a directory sorts differently: `a-b/` comes before `a/`, but `a` before `a-b`.
    directories: directories.map((name) => name.slice(prefix.length, -1)).toSorted(compareNames),
    files: objects.map(({ name }) => name.slice(prefix.length)).filter((name) => name !== ''),
    cursor,
    degraded,
  }
}

const MAX_DELETE_TRIES = 5

/**
 * Deletes the name if `allows` accepts the current object, by one conditional write, since no backend has conditional
 * deletes. If another write comes first, it tries again. If deletes leave no tombstones, a lifted one stays, which hides nothing.
 */
export async function deleteObjectIf(
  chain: Chain,
  name: string,
  allows: (current: ObjectInfo | null) => boolean,
  trace?: Trace,
): Promise<void> {
  const [target] = writersFor(chain, name)
  const lifted = !chain.tombstones || chain.backends.length === 1
  return traceWrite(trace, target, async () => {
    for (let tries = 0; tries < MAX_DELETE_TRIES; tries++) {
      const held = await target.head(name, { lastResort: true })
      if (!allows(await headForWrite(chain, name))) throw changed()
      if (lifted && (held === null || held.deleted)) return
      if (await writeMarker(target, name, { lifted, onlyIf: conditionOn(held) })) return
    }
    const why = 'other writes of the name came first every time: try again'
    throw new StorageError('unavailable', why, { backend: target.name })
  })
}
