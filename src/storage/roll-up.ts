import type { ListOptions, ListPage } from './backend.ts'
import type { ObjectInfo } from './object.ts'
import { compareNames } from './order.ts'

/** The directory that a name is rolled up into below `prefix`, up to and including the delimiter. */
export function directoryOf(name: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (delimiter === undefined) return undefined
  const end = name.indexOf(delimiter, prefix.length)
  return end < 0 ? undefined : name.slice(0, end + delimiter.length)
}

/** Where a rolled-up listing stands: a page of the flat one, and the last entry given out of it. */
interface Position {
  page?: string
  after?: string
  last?: string
}

export interface RollUpOptions extends ListOptions {
  /** Entries for which it is false are left out, and directories that hold only such. */
  keep?: (object: ObjectInfo) => boolean
  /** The flat listing takes `after`: the rest of a directory that is already listed is jumped over. */
  jumps?: boolean | undefined
}

/** Pages that one call reads at most; after that it answers with what it has, and a cursor. */
const MAX_PAGES = 10
/** Larger than all that follows a directory's own name. */
const HIGHEST = '\u{10ffff}'

/** Rolls directories up over a listing that cannot. Pages may be short or empty and still have a cursor. */
export async function rollUp(
  flat: (options: ListOptions) => Promise<ListPage>,
  { keep, jumps, limit = 1000, cursor, after, delimiter, ...options }: RollUpOptions,
): Promise<ListPage> {
  let position: Position = cursor === undefined ? { ...(after !== undefined && { after }) } : decode(cursor)
  const found: ListPage = { objects: [], directories: [] }

  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = await flat({ ...options, ...start(position) })
    for (const object of page.objects) {
      if (isGiven(object.name, options.prefix, position.last) || keep?.(object) === false) continue
      if (found.objects.length + found.directories.length === limit)
        return { ...found, cursor: encode(position) }
      const directory = directoryOf(object.name, options.prefix ?? '', delimiter)
      if (directory === undefined) found.objects.push(object)
      else found.directories.push(directory)
      position = { ...position, last: directory ?? object.name }
    }
    if (page.cursor === undefined) return found
    position = next(position, {
      page: page.cursor,
      jump: jumps === true && isDirectory(position.last, options.prefix),
    })
  }
  return { ...found, cursor: encode(position) }
}

function start({ page, after }: Position): ListOptions {
  return page === undefined ? { ...(after !== undefined && { after }) } : { cursor: page }
}

function next({ last }: Position, { page, jump }: { page: string; jump: boolean }): Position {
  if (jump && last !== undefined) return { after: last + HIGHEST, last }
  return { page, ...(last !== undefined && { last }) }
}

function isGiven(name: string, prefix: string | undefined, last: string | undefined): boolean {
  if (last === undefined) return false
  return compareNames(name, last) <= 0 || (isDirectory(last, prefix) && name.startsWith(last))
}

/** An object's name ends in `/` only where it is the prefix itself; else it would have been rolled up. */
function isDirectory(last: string | undefined, prefix: string | undefined): boolean {
  return last !== undefined && last.endsWith('/') && last !== prefix
}

function encode(position: Position): string {
  return JSON.stringify(position)
}

function decode(cursor: string): Position {
  return JSON.parse(cursor) as Position
}
