import type { Backend } from '../storage/backend.ts'
import { isListable, isWritable } from '../storage/backend.ts'
import { decide, type Members } from './placement.ts'
import type { CursorBinding, ListState } from './cursor.ts'
import { openCursor, sealCursor } from './cursor.ts'
import type { ErrorCode } from '../storage/errors.ts'
import { codeOfAll, StorageError } from '../storage/errors.ts'
import { createSource, type Entry, fetchAll, type ListSource, nextName } from './merge.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { directoryOf } from '../storage/roll-up.ts'

export interface MergeListOptions {
  /** Only names with this prefix. Default: all. */
  prefix?: string
  /** Names that contain it after the prefix are rolled up into directories. Backends do it themselves only for `/`. */
  delimiter?: string | undefined
  /** Most objects and directories in the page, 1 to 1000. Default 1000. */
  limit?: number
  /** Only entries after this one, which may be a directory. Ignored if there is a cursor. */
  after?: string | undefined
  /** `cursor` of the previous page. */
  cursor?: string | undefined
  /** The deployment's secret that cursors are signed with. */
  cursorKey: string
  /** Whether tombstones hide objects, as in reads. Default: they only hide themselves. */
  tombstones?: boolean
  /** What is listed: objects, the tombstones that hide them, or all markers of writable backends, lifted ones too. Default: objects. */
  show?: Show
  signal?: AbortSignal | undefined
}

export type Show = 'objects' | 'tombstones' | 'markers'

/** A backend whose names are missing in a page, all or some, and why. */
export interface Degraded {
  name: string
  error: ErrorCode
  detail: string
}

/** Objects and directories are each in UTF-8 byte order, and so are the pages as a whole. */
export interface MergedPage {
  objects: ObjectInfo[]
  /** Full names with the delimiter. A directory is listed as long as any backend lists it, even if all names in it are deleted. */
  directories: string[]
  /** `null` on the last page. A page may be short, or empty, and still have one. */
  cursor: string | null
  degraded: Degraded[]
  /** Those of the degraded backends that can list, as thrown. */
  failures: StorageError[]
}

/** The most requests to one backend per page. Usually one, unless its pages are short or mostly hidden. */
const MAX_REQUESTS = 3
const MAX_LIMIT = 1000

/**
 * One page of all backends' names in UTF-8 byte order, each once; the earlier backend wins.
 *
 * A backend that fails is named in `degraded`, and its names between this page's first and last name are missing. It is
 * listed again for the next page. If it responded before, the listing continues until its names are complete; if only
 * failing backends have more names, their failure is thrown. A backend that does not list in the order of bytes is named,
 * too: what it lists too late is missing.
 */
export async function mergeList(
  backends: readonly Backend[],
  options: MergeListOptions,
): Promise<MergedPage> {
  const { after: start, cursor, cursorKey, tombstones = false, show = 'objects', signal } = options
  const { prefix = '', delimiter, limit = MAX_LIMIT } = options
  const listable = backends.filter(isListable)
  if (listable.length === 0) throw new StorageError('unsupported', 'no backend can list')
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new StorageError('invalid', `the limit must be a whole number from 1 to ${MAX_LIMIT}`)
  const binding: CursorBinding = {
    key: cursorKey,
    query: JSON.stringify([prefix, delimiter ?? null, show]),
    // A position means something else for a backend of another type.
    chain: JSON.stringify(listable.map(({ name, type, listsAfter }) => [name, type, listsAfter === true])),
  }
  const before: ListState =
    cursor !== undefined
      ? await openCursor(cursor, binding)
      : // All of the directory that contains the name is before what is listed.
        { positions: [], ...(start && { last: directoryOf(start, prefix, delimiter) ?? start }) }
  const sources = listable.map((backend, index) =>
    createSource(backend, before.positions[index] ?? { state: 'new' }, {
      prefix,
      delimiter,
      signal,
      limit,
      last: before.last,
      keepsTombstones: tombstones && isWritable(backend),
    }),
  )

  const rules: Rules = { backends, tombstones, show }
  const page = await merge(sources, limit, rules)
  const last = page.last ?? before.last
  const after: ListState = {
    ...(last !== undefined && { last }),
    positions: sources.map((source) => source.position(page.last !== undefined)),
  }
  const failures = sources.flatMap((source) => failureOf(source) ?? [])
  throwIfStuck(sources, { failures, unmoved: JSON.stringify(after) === JSON.stringify(before) })
  const open = sources.some((source, index) => !source.exhausted && after.positions[index]?.state === 'open')
  return {
    objects: page.found.flatMap(({ object }) => object ?? []),
    directories: page.found.flatMap(({ name, object }) => (object ? [] : name)),
    cursor: open ? await sealCursor(after, binding) : null,
    degraded: backends.flatMap((backend) => degradedOf(backend, sources, rules) ?? []),
    failures,
  }
}

/** Decides which names are shown. */
type Rules = Members & { show: Show }

interface Merged {
  /** The entries of the page, in order. */
  found: Entry[]
  /** The last name taken from the sources, including hidden ones. */
  last?: string
}

/** Fills one page from the sources, with at most `MAX_REQUESTS` requests to each. */
async function merge(sources: readonly ListSource[], limit: number, rules: Rules): Promise<Merged> {
  const page: Merged = { found: [] }
  for (;;) {
    const next = nextName(sources.filter((source) => !isLeftOut(source)))
    const full = page.found.length === limit
    if (next.name === undefined) {
      // Without all of them, nothing more is certain: the other sources' entries could not be returned.
      const stuck = next.blocking.some(({ error, answers }) => error || answers === MAX_REQUESTS)
      if (full || stuck || next.blocking.length === 0) return page
      await fetchAll(next.blocking)
      continue
    }
    const entry = visible(next.holders, next.name, rules)
    if (entry && full) return page
    for (const source of next.holders) source.take()
    if (entry) page.found.push(entry)
    page.last = next.name
  }
}

/** A source whose first request for this page failed is left out of the page. */
function isLeftOut({ error, answers }: ListSource): boolean {
  return error !== undefined && answers === 0
}

/** Why names of it may be missing in the page. */
function failureOf(source: ListSource): StorageError | undefined {
  return isLeftOut(source) ? source.error : source.disorder
}

/** What is shown of a name, given its sources. */
function visible(holders: readonly ListSource[], name: string, rules: Rules): Entry | undefined {
  const held = holders.flatMap((source) => {
    const entry = source.peek()
    return entry ? [{ backend: source.backend, info: entry.object, entry }] : []
  })
  if (rules.show === 'markers')
    return held.find(({ backend, info }) => info?.deleted && isWritable(backend))?.entry
  const { serves, tombstone } = decide(rules, name, held)
  return (rules.show === 'objects' ? serves : tombstone)?.entry
}

/** Only failing backends have more names: this page would be empty, and so would all later ones. */
function throwIfStuck(
  sources: readonly ListSource[],
  { failures, unmoved }: { failures: readonly StorageError[]; unmoved: boolean },
): void {
  if (failures.length === 0 || (!unmoved && sources.some(({ answers }) => answers > 0))) return
  throw new StorageError(codeOfAll(failures), 'the backends that may have more names could not be listed', {
    failures,
  })
}

function degradedOf(
  backend: Backend,
  sources: readonly ListSource[],
  { tombstones }: Rules,
): Degraded | undefined {
  const { name } = backend
  if (!isListable(backend)) return { name, error: 'unsupported', detail: 'cannot list' }
  const source = sources.find((one) => one.backend === backend)
  const failure = source && failureOf(source)
  if (!failure) return undefined
  const deletes = tombstones && isWritable(backend) ? '; names deleted there may be listed' : ''
  return { name, error: failure.code, detail: failure.message + deletes }
}
