import type { ListableBackend, ListOptions, ListPage } from '../storage/backend.ts'
import { StorageError, toStorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { compareNames, disorderOf } from '../storage/order.ts'
import { pastEntry, rollUp } from '../storage/roll-up.ts'
import { mapLimited } from '../storage/map-limited.ts'

/** An object, or without `object` a directory (full name with the delimiter). */
export interface Entry {
  name: string
  object?: ObjectInfo
}

/** One backend's position in a merged listing, to save and resume it. */
export interface Position {
  /** `new`: it has never responded. `done`: it has no more entries. */
  state: 'new' | 'open' | 'done'
  /** The backend's own cursor of the page that has its next entry; without it, the last name taken is the position. */
  cursor?: string
  /** Entries of that page that were already taken. */
  skip?: number
  /** Its next entry, if that is far ahead: until then, the backend need not be listed. */
  ahead?: string
  /** How far R2 has been listed in its own order, that of the names as NFC, if one of them was in another form. */
  reached?: string | undefined
}

interface SourceOptions extends Pick<ListOptions, 'everything' | 'signal'> {
  prefix: string
  delimiter?: string | undefined
  limit: number
  /** Entries up to this one were taken before. */
  last: string | undefined
  /** Its tombstones matter, and new ones may appear anywhere at any time, so it must be listed for every page. */
  keepsTombstones?: boolean
  /**
   * Names that are not in order are a failure of the backend, as some would be missed: `strict`, or only where a page begins
   * before the end of an earlier one (`by page`). Default: they are `disorder`, and the listing goes on without those names.
   */
  order?: 'strict' | 'by page' | undefined
}

/** One backend's listing as part of a merge: its entries, and how many of them were taken. */
export interface ListSource {
  readonly backend: ListableBackend
  /** Requests that succeeded. */
  readonly answers: number
  /** Why the last request failed. */
  readonly error: StorageError | undefined
  /** That names may be missing, because it does not list in order. */
  readonly disorder: StorageError | undefined
  /** Nothing is left, in the buffer or after it. */
  readonly exhausted: boolean
  /** The next entry in the buffer. */
  peek(): Entry | undefined
  take(): void
  /** Whether it must be listed before `name` (or, without one, the end) is known to be next. */
  blocks(name: string | undefined): boolean
  /** Makes one request for the next page. A failure of the backend is stored in `error`; others are thrown. */
  fetch(): Promise<void>
  /** Its position; `moved` says whether anything was taken from any backend. */
  position(moved: boolean): Position
}

/** The next name and the sources that list it; or those that must be fetched first, none at the end. */
export type Next = { name: string; holders: ListSource[] } | { name?: undefined; blocking: ListSource[] }

const MAX_LIMIT = 1000

/** The next entry in UTF-8 byte order over all sources. The caller takes it from the sources that have it. */
export function nextName(sources: readonly ListSource[]): Next {
  let name: string | undefined
  let holders: ListSource[] = []
  for (const source of sources) {
    const own = source.peek()?.name
    if (own === undefined) continue
    const order = name === undefined ? -1 : compareNames(own, name)
    if (order < 0) [name, holders] = [own, [source]]
    else if (order === 0) holders.push(source)
  }
  const isBlocking = (source: ListSource): boolean => source.blocks(name ?? '')
  if (sources.some(isBlocking)) return { blocking: sources.filter(isBlocking) }
  if (name !== undefined) return { name, holders }
  // Sources known to be far ahead are only listed if no other source has a next name.
  return { blocking: sources.filter((source) => source.blocks(undefined)) }
}

export async function fetchAll(sources: readonly ListSource[]): Promise<void> {
  await mapLimited(sources, (source) => source.fetch())
}

/** Resumes the listing of `backend` where `before` left it. */
export function createSource(
  backend: ListableBackend,
  before: Position,
  { last, keepsTombstones = false, order, limit, ...query }: SourceOptions,
): ListSource {
  // Where the order within a page is not ours, what comes after a name is not either.
  const listsAfter = backend.listsAfter === true && order !== 'by page'
  /** The page in the buffer: a new one is only fetched once all of it was taken. */
  let page: Page = { entries: [], start: undefined, dropped: 0 }
  let index = 0
  let answers = 0
  let isUsed = false
  let newest = last
  /** What the next page must not begin before; unknown if the listing begins at an earlier place than where it ended. */
  const isAgain = before.skip !== undefined || (before.cursor === undefined && !listsAfter)
  let end = isAgain ? undefined : last
  let { reached } = before
  let more: string | undefined = before.cursor
  let finished = before.state === 'done'
  let error: StorageError | undefined
  let disorder: StorageError | undefined

  const request = (): SourceRequest => {
    const first = answers === 0
    const after = first && more === undefined && listsAfter && last !== undefined
    return {
      ...query,
      // Listed again because much is hidden or pages are short: a request costs the same, however much it returns.
      limit: first ? Math.min(limit + (before.skip ?? 0), MAX_LIMIT) : MAX_LIMIT,
      cursor: more,
      after: after ? pastEntry(last, query.prefix, query.delimiter) : undefined,
    }
  }

  const buffer = (listed: ListPage): void => {
    const all = entriesInOrder(listed)
    const taken = newest
    // R2 lists equivalent names where the other spelling belongs. All of a short listing is sorted here.
    const isWhole = answers === 0 && last === undefined && listed.cursor === undefined
    const isSorted = order ? order === 'by page' : backend.type === 'r2' || isWhole
    // What R2 lists again up to there had its place in an earlier page.
    const first = all.find(({ name }) => reached === undefined || compareNames(name.normalize(), reached) > 0)
    const why = listed.disorder ?? disorderOf(isSorted ? (first ? [first] : []) : listed.objects, end)
    if (why) disorder ??= new StorageError('unavailable', why, { backend: backend.name })
    if (order && disorder) throw disorder
    end = all.at(-1)?.name ?? end
    if (backend.type === 'r2' && !order) reached = reachedBy(all, reached)
    const begin = taken === undefined ? 0 : all.findIndex(({ name }) => compareNames(name, taken) > 0)
    const entries = begin < 0 ? [] : all.slice(begin)
    if (entries.length === 0 && listed.cursor !== undefined && listed.cursor === more)
      throw new StorageError('unavailable', 'gave the same listing cursor twice', { backend: backend.name })
    page = { entries, start: more, dropped: all.length - entries.length }
    index = 0
    answers++
    newest = entries.at(-1)?.name ?? newest
    more = listed.cursor
    finished = more === undefined
    error = undefined
  }

  return {
    backend,
    get answers() {
      return answers
    },
    get error() {
      return error
    },
    get disorder() {
      return disorder
    },
    get exhausted() {
      return finished && index === page.entries.length
    },
    peek: () => page.entries[index],
    take() {
      index++
      isUsed = true
    },
    blocks(name) {
      if (finished || index < page.entries.length) return false
      const waits = answers === 0 && before.ahead !== undefined && name !== undefined
      return !waits || compareNames(name, before.ahead ?? '') >= 0
    },
    async fetch() {
      try {
        buffer(await listPage(backend, request()))
      } catch (thrown) {
        const failure = toStorageError(thrown, backend.name)
        if (query.signal?.aborted || failure.code === 'internal') throw thrown
        error = failure
      }
    },
    position(moved) {
      if (answers === 0 && error)
        // If the others advanced, its next page begins before the last name taken.
        return { ...positionOfFailed(moved ? { skip: 0, ...before } : before, moved && listsAfter), reached }
      // Only listed again once the listing has advanced: two sources that restart in turns would never end.
      if (finished && index === page.entries.length)
        return { state: keepsTombstones && listsAfter && moved ? 'open' : 'done', reached }
      if (answers === 0) return before
      // The last name of R2's page may not be where the page ended.
      const mayGoOnAfter = listsAfter && (backend.type !== 'r2' || index < page.entries.length)
      const position = { ...positionIn(page, { index, more, listsAfter: mayGoOnAfter }), reached }
      // None of its entries was needed, so it is probably far ahead of the others.
      const ahead = isUsed || keepsTombstones ? undefined : page.entries[index]?.name
      return ahead === undefined ? position : { ...position, ahead }
    },
  }
}

/** As NFC, the last name that R2 has listed; undefined while it and all before are NFC, so that the order is that of bytes. */
function reachedBy(entries: readonly Entry[], before: string | undefined): string | undefined {
  const known = before === undefined ? [] : [before]
  const normal = entries.map(({ name }) => name.normalize())
  if (known.length === 0 && entries.every(({ name }, index) => name === normal[index])) return undefined
  return [...known, ...normal].toSorted(compareNames).at(-1)
}

type SourceRequest = Omit<ListOptions, 'delimiter'> & { delimiter?: string | undefined }

/** Backends roll up only the delimiter `/` themselves. */
function listPage(backend: ListableBackend, { delimiter, ...flat }: SourceRequest): Promise<ListPage> {
  if (delimiter === undefined || delimiter === '/') return backend.list({ ...flat, delimiter })
  return rollUp((options) => backend.list(options), { ...flat, delimiter, jumps: backend.listsAfter })
}

interface Page {
  entries: Entry[]
  /** The cursor that it was requested with. */
  start: string | undefined
  /** Entries at its start that were taken before. */
  dropped: number
}

/**
 * If a backend can list after a name, the last name taken is a sufficient position, unless it would have to repeat empty
 * pages. All others need their own cursor, and the number of entries taken from its page.
 */
function positionIn(
  { entries, start, dropped }: Page,
  { index, more, listsAfter }: { index: number; more: string | undefined; listsAfter: boolean },
): Position {
  if (listsAfter && index > 0) return { state: 'open' }
  if (index === entries.length)
    // Where nothing was taken, the page may have ended far before the last name taken.
    return { state: 'open', ...(more !== undefined && { cursor: more }), ...(index === 0 && { skip: 0 }) }
  if (start === undefined && listsAfter) return { state: 'open' }
  return { state: 'open', ...(start !== undefined && { cursor: start }), skip: index + dropped }
}

/** A backend that failed resumes at its position or, if the others advanced without it, after the last name taken. */
function positionOfFailed({ state, cursor, skip }: Position, passed: boolean): Position {
  if (passed) return { state }
  return { state, ...(cursor !== undefined && { cursor }), ...(skip !== undefined && { skip }) }
}

function entriesInOrder({ objects, directories }: ListPage): Entry[] {
  const entries: Entry[] = objects.map((object) => ({ name: object.name, object }))
  for (const name of directories) entries.push({ name })
  return entries.sort((a, b) => compareNames(a.name, b.name))
}
