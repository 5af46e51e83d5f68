import pLimit from 'p-limit'
import type { WritableBackend } from './backend.ts'
import { isListable } from './backend.ts'
import { type CursorBinding, openCursor, sealCursor } from './cursor.ts'
import { StorageError } from './errors.ts'
import { type Chain, createChain } from './fallback.ts'
import type { ObjectInfo } from './object.ts'

export interface TombstoneQuery {
  /** Only names that begin so. Default: all. */
  prefix?: string
  /** Most tombstones in the page. */
  limit: number
  cursor?: string
  cursorKey: CryptoKey | string
}

export interface TombstonePage {
  tombstones: ObjectInfo[]
  /** `null` on the last page. A page may be short, or empty, and still have one. */
  cursor: string | null
}

/** A page costs no more requests than this, however few of the listed names are deleted. */
const MAX_ROUNDS = 5
const CONCURRENCY = 5

/** One page of the deleted names, in UTF-8 byte order. */
export async function listTombstones(chain: Chain, query: TombstoneQuery): Promise<TombstonePage> {
  const authority = keeper(chain)
  if (!isListable(authority)) {
    throw new StorageError('unsupported', `${authority.name} keeps the tombstones and cannot list`)
  }
  const prefix = query.prefix ?? ''
  const binding = { key: query.cursorKey, query: `tombstones ${prefix}`, chain: authority.name }
  let cursor = query.cursor === undefined ? undefined : await open(query.cursor, binding)
  const tombstones: ObjectInfo[] = []
  for (let round = 0; round < MAX_ROUNDS && tombstones.length < query.limit; round++) {
    // No more than are still wanted, since a position within a page could not be told to the next call.
    const limit = query.limit - tombstones.length
    const page = await authority.list({ prefix, limit, ...(cursor !== undefined && { cursor }) })
    tombstones.push(...page.objects.filter(({ deleted }) => deleted))
    cursor = page.cursor
    if (cursor === undefined) break
  }
  return { tombstones, cursor: cursor === undefined ? null : await seal(cursor, binding) }
}

/** Removes a tombstone, so that what a fallback still holds is served again; `null` when the name is not deleted. */
export async function undelete(chain: Chain, name: string): Promise<{ restored: ObjectInfo | null } | null> {
  const authority = chain.writer(name)
  const tombstone = await authority.head(name)
  if (!tombstone?.deleted) return null
  // Asked first: when a fallback fails, nothing has been changed.
  const restored = await others(chain).head(name)
  return (await remove(authority, tombstone)) ? { restored } : null
}

export interface Purge {
  purged: string[]
  kept: string[]
  cursor: string | null
}

/** Removes the tombstones of a page whose names no other backend holds any more. A backend that fails may hold them. */
export async function purgeTombstones(
  chain: Chain,
  query: TombstoneQuery & { dryRun: boolean },
): Promise<Purge> {
  const authority = keeper(chain)
  const { tombstones, cursor } = await listTombstones(chain, query)
  const behind = others(chain)
  const limit = pLimit(CONCURRENCY)
  const isLitter = async (tombstone: ObjectInfo): Promise<boolean> =>
    (await provedAbsent(behind, tombstone.name)) && (query.dryRun || remove(authority, tombstone))
  const litter = await Promise.all(tombstones.map((tombstone) => limit(isLitter, tombstone)))
  const names = (wanted: boolean): string[] =>
    tombstones.filter((_, index) => litter[index] === wanted).map(({ name }) => name)
  return { purged: names(true), kept: names(false), cursor }
}

async function provedAbsent(chain: Chain, name: string): Promise<boolean> {
  try {
    return (await chain.head(name)) === null
  } catch (error) {
    // Not an answer is no proof: the tombstone stays, and the next purge asks again.
    if (error instanceof StorageError) return false
    throw error
  }
}

/** No backend deletes conditionally, so a save within this one round trip would be lost; hence the second look. */
async function remove(authority: WritableBackend, { name, version }: ObjectInfo): Promise<boolean> {
  const now = await authority.head(name)
  if (!now?.deleted || now.version !== version) return false
  await authority.delete(name)
  return true
}

function keeper(chain: Chain): WritableBackend {
  if (!chain.authority)
    throw new StorageError('unsupported', 'no backend is writable, so none keeps tombstones')
  return chain.authority
}

/** The chain without the backend that keeps the tombstones. */
function others(chain: Chain): Chain {
  const backends = chain.backends.filter((backend) => backend !== chain.authority)
  return createChain(backends, { deletes: 'first' })
}

function seal(cursor: string, binding: CursorBinding): Promise<string> {
  return sealCursor({ positions: [{ state: 'open', cursor }] }, binding)
}

async function open(cursor: string, binding: CursorBinding): Promise<string | undefined> {
  return (await openCursor(cursor, binding)).positions[0]?.cursor
}
