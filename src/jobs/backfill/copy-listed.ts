import type { Backend, ListableBackend, WritableBackend } from '../../storage/backend.ts'
import { isListable, isWritable } from '../../storage/backend.ts'
import { authorityFor, hides } from '../../chain/placement.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import { MAX_NAME_BYTES, nameBytes } from '../../storage/name.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { compareNames } from '../../storage/order.ts'
import { copyObject } from '../../migration/copy.ts'
import type { PageEntry, SkipReason } from './job-types.ts'
import { targetFor } from './classify.ts'

/** What became of one name, and which backend it is counted with. */
export type Outcome = { backend: string; bytes: number } & (
  | { what: 'copied' | 'present' }
  | { what: 'skipped'; reason: SkipReason }
)

export function skipped(backend: string, reason: SkipReason): Outcome {
  return { backend, what: 'skipped', reason, bytes: 0 }
}

/** Copies a name that `source` listed. The create-only put finds out whether it is there already. */
export async function copyListed(
  chain: Chain,
  sourceName: string,
  [name, size]: PageEntry,
): Promise<Outcome> {
  const source = chain.backends.find((backend) => backend.name === sourceName)
  if (!source)
    throw new StorageError('unsupported', 'is not configured any more', { backend: sourceName, name })
  // The filter may have changed since the name was listed.
  if (source.accepts?.(name) === false) return skipped(sourceName, 'excluded')
  const target = targetFor(chain, source, { name, size: size ?? undefined })
  if (target === 'excluded') return skipped(sourceName, 'not_accepted')
  if (target === 'too-large') throw tooLarge(name)
  const { outcome, bytes } = await copyObject(source, target, name)
  if (outcome !== 'absent') return { backend: sourceName, what: outcome, bytes }
  if (isListable(source) && (await lists(source, name))) {
    const why = 'lists it, and answers that it is not there: may it be read?'
    throw new StorageError('unavailable', why, { backend: sourceName, name })
  }
  return skipped(sourceName, 'gone')
}

/** Whether the backend lists the name: it sorts before all others that begin with it. */
export async function lists(backend: ListableBackend, name: string): Promise<boolean> {
  const page = await backend.list({ prefix: name, limit: 1 })
  return page.objects.some((object) => object.name === name && !object.deleted)
}

/** Copies a name of a manifest from the first of `sources` that has it. */
export async function copyNamed(chain: Chain, sources: readonly string[], name: string): Promise<Outcome> {
  const [firstSource = 'chain'] = sources
  // The target was not listed: one HEAD costs less than fetching what is there already.
  const authority = authorityFor(chain, name)
  // Where the target refuses the name, a source may be the backend that takes writes of it.
  const known = authority && !sources.includes(authority.name) ? await authority.head(name) : null
  if (known?.deleted && !known.lifted) return skipped(firstSource, 'tombstoned')
  if (known && !known.lifted) return { backend: firstSource, what: 'present', bytes: 0 }
  let excludedBy: string | undefined
  for (const sourceName of sources) {
    const source = chain.backends.find((backend) => backend.name === sourceName)
    if (!source) continue
    if (source.accepts?.(name) === false) {
      excludedBy ??= sourceName
      continue
    }
    const target = targetFor(chain, source, { name, size: undefined })
    if (target === 'excluded') return skipped(sourceName, 'not_accepted')
    if (target === 'too-large') throw tooLarge(name)
    const { outcome, bytes } = await copyObject(source, target, name)
    if (outcome !== 'absent') return { backend: sourceName, what: outcome, bytes }
    if (await hasTombstone(chain, source, name)) return skipped(sourceName, 'tombstoned')
  }
  if (excludedBy !== undefined) return skipped(excludedBy, 'excluded')
  throw new StorageError('absent', 'no source has the name', { backend: firstSource, name })
}

/** To a copy, a tombstone looks like nothing; what is behind one must not come back. */
async function hasTombstone(chain: Chain, source: Backend, name: string): Promise<boolean> {
  if (!chain.tombstones || !isWritable(source)) return false
  return hides(chain, { backend: source, info: (await source.head(name)) ?? undefined })
}

function tooLarge(name: string): StorageError {
  return new StorageError('too-large', 'no writable backend takes its bytes', { name })
}

/** Listings of one page's names, at most: more would cost more than copying again. */
const MAX_LISTS = 3

/** What the target holds of these names, by listing: what a consumer that was killed had copied is not fetched again. */
export async function listPresent(
  target: WritableBackend,
  names: readonly PageEntry[],
): Promise<Map<string, ObjectInfo>> {
  const present = new Map<string, ObjectInfo>()
  const wanted = new Set(names.map(([name]) => name))
  const ordered = [...wanted].toSorted(compareNames)
  const first = ordered[0] ?? ''
  const last = ordered.at(-1) ?? ''
  if (!isListable(target)) return present
  const prefix = commonPrefix(first, last)
  let cursor: string | undefined
  for (let call = 0; call < MAX_LISTS; call++) {
    const page = await list(target, { prefix, first, cursor })
    for (const object of page.objects)
      if (wanted.has(object.name) && !object.lifted) present.set(object.name, object)
    cursor = page.cursor
    const end = page.objects.at(-1)?.name
    if (cursor === undefined || (end !== undefined && compareNames(end, last) >= 0)) break
  }
  return present
}

function list(
  target: ListableBackend,
  { prefix, first, cursor }: { prefix: string; first: string; cursor: string | undefined },
) {
  if (cursor !== undefined) return target.list({ prefix, limit: 1000, cursor })
  const after = target.listsAfter ? justBefore(first) : undefined
  return target.list({ prefix, limit: 1000, ...(after !== undefined && { after }) })
}

function commonPrefix(a: string, b: string): string {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  // Never half of a surrogate pair.
  const cut = a.slice(0, length)
  return cut.isWellFormed() ? cut : cut.slice(0, -1)
}

/** A name that sorts right before `name`: the character before its last one, and the last of all characters. */
function justBefore(name: string): string | undefined {
  const characters = Array.from(name)
  const code = characters.pop()?.codePointAt(0) ?? 0
  if (code === 0) return undefined
  const before = `${characters.join('')}${String.fromCodePoint(code === 0xe000 ? 0xd7ff : code - 1)}\u{10FFFF}`
  return nameBytes(before) <= MAX_NAME_BYTES ? before : characters.join('') || undefined
}
