import pLimit from 'p-limit'
import { chainError } from '../chain/search.ts'
import type { Backend, UrlOptions } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { Chain } from '../chain/fallback.ts'
import type { ObjectInfo } from '../storage/object.ts'

/** Names that are looked for at once; `limitQuestions` holds what that comes to over all backends to as many. */
const CONCURRENCY = 5

/** Whether any backend has the name; false only when all proved that they don't. */
export async function exists(chain: Chain, name: string): Promise<boolean> {
  return (await chain.head(name)) !== null
}

/** `exists` of many names. Throws when one of them cannot be decided: half an answer would be read as a whole one. */
export async function existsAll(chain: Chain, names: readonly string[]): Promise<Map<string, boolean>> {
  const limit = pLimit(CONCURRENCY)
  const answers = new Map<string, boolean>()
  const failures = new Map<string, StorageError>()
  const decide = async (name: string): Promise<void> => {
    try {
      answers.set(name, await exists(chain, name))
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      // One failure of each backend tells it: a hundred of the same would not tell more.
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

/** One of the object's times, from the first backend that has it and can tell; `null` where none has it. */
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
  const backends = chain.backends.filter((backend) => makesUrls(backend) && backend.accepts?.(name) !== false)
  const answering = migrating ? backends[0] : ((await holder(chain, name)) ?? backends.at(-1))
  if (!answering?.url) throw new StorageError('unsupported', 'no backend makes URLs for this name', { name })
  return answering.url(name, urlOptions)
}

/** The first backend that has the name and makes URLs. */
async function holder(chain: Chain, name: string): Promise<Backend | undefined> {
  const held = await chain.first(name, async (backend, read) => {
    const info = await backend.head(name, read)
    if (!info || (!info.deleted && !makesUrls(backend))) return null
    return { ...info, holder: backend }
  })
  return held?.holder
}

function makesUrls(backend: Backend): boolean {
  return backend.url !== undefined
}

/** The name's place in the terms of the first backend that has paths. */
export function path(chain: Chain, name: string): string {
  for (const backend of chain.backends) {
    if (backend.path && backend.accepts?.(name) !== false) return backend.path(name)
  }
  throw new StorageError('unsupported', 'no backend has paths of its own', { name })
}
