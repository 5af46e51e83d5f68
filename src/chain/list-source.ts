import type { ListableBackend, ListOptions, ListPage } from '../storage/backend.ts'
import type { Position } from './cursor.ts'
import { StorageError, toStorageError } from '../storage/errors.ts'
import { MAX_NAME_BYTES, nameBytes } from '../storage/name.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { compareNames } from '../storage/order.ts'

/** An object, or a directory (full name with its `/`) where `object` is absent. */
export interface Entry {
  name: string
  object?: ObjectInfo
}

export interface ListQuery {
  prefix: string
  delimiter?: '/'
  limit: number
  signal?: AbortSignal
}

export interface SourceOptions extends ListQuery {
  /** Entries up to this one were consumed by earlier pages. */
  last: string | undefined
  /** Its tombstones count, and new ones may come anywhere at any time: it must be asked for every page. */
  authority: boolean
}

/** One backend's part in one merged page: what it listed, and how much of that was consumed. */
export interface ListSource {
  readonly backend: ListableBackend
  /** Why the first request of this page failed: then the backend has no part in the page. */
  readonly failure: StorageError | undefined
  /** A later request failed: nothing beyond what is buffered can be known in this page. */
  readonly brokeOff: boolean
  /** Requests of this page that succeeded. */
  readonly answers: number
  /** Nothing is left, buffered or beyond. */
  readonly exhausted: boolean
  /** The next entry that is buffered. */
  peek(): Entry | undefined
  take(): void
  /** Whether it must be asked before `name` (or, without one, the end) can be given out. */
  blocks(name: string | undefined): boolean
  /** Makes one request and buffers what comes. Never throws for the backend's failure; see `failure`, `brokeOff`. */
  fetch(): Promise<void>
  /** Where it stands; `moved` says whether this merged page consumed anything from any backend. */
  position(moved: boolean): Position
}

/** A page that one request brought: its own cursor, and where its entries begin in the buffer. */
interface Segment {
  start: string | undefined
  from: number
  /** Entries at its begin that earlier merged pages had consumed. */
  dropped: number
}

/** Sorts above every name's next character, so `a/` + this passes over the whole directory. */
const LAST_CHARACTER = '\u{10FFFF}'
const MAX_LIMIT = 1000

/** Takes up `backend` where `before` left it. */
export function createSource(
  backend: ListableBackend,
  before: Position,
  { last, authority, ...query }: SourceOptions,
): ListSource {
  const listsAfter = backend.listsAfter === true
  const entries: Entry[] = []
  const segments: Segment[] = []
  let index = 0
  let more: string | undefined = before.cursor
  let finished = before.state === 'done'
  let failure: StorageError | undefined
  let brokeOff = false

  const request = (): ListOptions => {
    const first = segments.length === 0
    const after = first && more === undefined && listsAfter && last !== undefined
    return {
      prefix: query.prefix,
      ...(query.delimiter && { delimiter: query.delimiter }),
      ...(query.signal && { signal: query.signal }),
      // Asked again because much is hidden or pages are short: a request costs the same, however much it brings.
      limit: first ? Math.min(query.limit + (before.skip ?? 0), MAX_LIMIT) : MAX_LIMIT,
      ...(more !== undefined && { cursor: more }),
      ...(after && { after: pastEntry(last, query) }),
    }
  }

  const buffer = (page: ListPage): void => {
    const floor = entries.at(-1)?.name ?? last
    const listed = entriesInOrder(page)
    const begin = floor === undefined ? 0 : listed.findIndex(({ name }) => compareNames(name, floor) > 0)
    const fresh = begin < 0 ? [] : listed.slice(begin)
    if (fresh.length === 0 && page.cursor !== undefined && page.cursor === more)
      throw new StorageError('unavailable', 'gave the same listing cursor twice', { backend: backend.name })
    segments.push({ start: more, from: entries.length, dropped: listed.length - fresh.length })
    for (const entry of fresh) entries.push(entry)
    more = page.cursor
    finished = more === undefined
  }

  return {
    backend,
    get failure() {
      return failure
    },
    get brokeOff() {
      return brokeOff
    },
    get answers() {
      return segments.length
    },
    get exhausted() {
      return finished && index === entries.length
    },
    peek: () => entries[index],
    take: () => void index++,
    blocks(name) {
      if (finished || failure || index < entries.length) return false
      const waits = segments.length === 0 && before.ahead !== undefined && name !== undefined
      return !waits || compareNames(name, before.ahead ?? '') >= 0
    },
    async fetch() {
      try {
        buffer(await backend.list(request()))
      } catch (error) {
        const thrown = toStorageError(error, backend.name)
        if (query.signal?.aborted || thrown.code === 'internal') throw error
        if (segments.length === 0) failure = thrown
        else brokeOff = true
      }
    },
    position(moved) {
      if (failure) return positionOfFailed(before, moved && listsAfter)
      // Asked again only once the listing went on: two that begin anew in turns would never end.
      if (finished && index === entries.length)
        return { state: authority && listsAfter && moved ? 'open' : 'done' }
      if (segments.length === 0) return before
      const position = positionIn({ segments, index, more, partly: index < entries.length }, listsAfter)
      // Nothing of what it listed was needed, so it is likely to be far ahead of the others.
      const next = index === 0 && !authority ? entries[index]?.name : undefined
      return next === undefined ? position : { ...position, ahead: next }
    },
  }
}

interface Progress {
  segments: Segment[]
  index: number
  more: string | undefined
  /** Something buffered was not consumed. */
  partly: boolean
}

/**
 * The name given out last is position enough where a backend lists after a name, unless that would make it go again
 * through pages that held nothing. All others need their own cursor, and how much of its page is behind.
 */
function positionIn({ segments, index, more, partly }: Progress, listsAfter: boolean): Position {
  const segment = segments.findLast(({ from }) => from <= index)
  const consumed = index - (segment?.from ?? 0)
  if (listsAfter && consumed > 0) return { state: 'open' }
  if (!partly) return { state: 'open', ...(more !== undefined && { cursor: more }) }
  if (segment?.start === undefined && listsAfter) return { state: 'open' }
  return {
    state: 'open',
    ...(segment?.start !== undefined && { cursor: segment.start }),
    skip: consumed + (segment?.dropped ?? 0),
  }
}

/** A backend that failed goes on where it stood or, when the others went on without it, after the name given out last. */
function positionOfFailed({ state, cursor, skip }: Position, passed: boolean): Position {
  if (passed) return { state }
  return { state, ...(cursor !== undefined && { cursor }), ...(skip !== undefined && { skip }) }
}

/** What to list after so that `last`, and all that is inside it where it is a directory, is passed over. */
function pastEntry(last: string, { prefix, delimiter }: ListQuery): string {
  const isDirectory = delimiter !== undefined && last.length > prefix.length && last.endsWith(delimiter)
  if (!isDirectory || nameBytes(last) + nameBytes(LAST_CHARACTER) > MAX_NAME_BYTES) return last
  return last + LAST_CHARACTER
}

function entriesInOrder({ objects, directories }: ListPage): Entry[] {
  const entries: Entry[] = objects.map((object) => ({ name: object.name, object }))
  for (const name of directories) entries.push({ name })
  return entries.sort((a, b) => compareNames(a.name, b.name))
}
