import type { ListOptions, ListPage } from './backend.ts'
import { MAX_NAME_BYTES, nameBytes } from './name.ts'
import type { ObjectInfo } from './object.ts'
import { compareNames, disorderOf } from './order.ts'

/** The directory that a name is rolled up into below `prefix`, up to and including the delimiter. */
export function directoryOf(name: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (delimiter === undefined) return undefined
  const end = name.indexOf(delimiter, prefix.length)
  return end < 0 ? undefined : name.slice(0, end + delimiter.length)
}

/** Sorts after every character, so a directory + this is after everything in it. */
const LAST_CHARACTER = '\u{10ffff}'

/** The name to list after, so that the entry is skipped and, if it is a directory, everything in it. */
export function pastEntry(entry: string, prefix: string, delimiter: string | undefined): string {
  const isDirectory = directoryOf(entry, prefix, delimiter) === entry
  if (!isDirectory || nameBytes(entry) + nameBytes(LAST_CHARACTER) > MAX_NAME_BYTES) return entry
  return entry + LAST_CHARACTER
}

/** The position of a rolled-up listing. */
interface Position {
  /** Where the flat listing continues. */
  from: Pick<ListOptions, 'cursor' | 'after'>
  /** The last entry that was returned. */
  last?: string
}

export interface RollUpOptions extends Omit<ListOptions, 'delimiter'> {
  delimiter?: string | undefined
  /** Entries for which it is false are omitted, and so are directories that contain only those. */
  keep?: (object: ObjectInfo) => boolean
  /** The flat listing supports `after`: the rest of a directory that is already listed is skipped. */
  jumps?: boolean | undefined
}

/** The most pages that one call reads; after that it returns what it has, and a cursor. */
const MAX_PAGES = 10

/** Rolls up directories for listings that cannot do it themselves. Pages may be short or empty and still have a cursor. */
export async function rollUp(
  flat: (options: ListOptions) => Promise<ListPage>,
  { keep, jumps, limit = 1000, cursor, after, delimiter, ...options }: RollUpOptions,
): Promise<ListPage> {
  const { prefix = '' } = options
  let { from, last }: Position =
    cursor === undefined ? { from: after === undefined ? {} : { after } } : (JSON.parse(cursor) as Position)
  const found: ListPage = { objects: [], directories: [] }
  const page = (): ListPage => ({ ...found, cursor: JSON.stringify({ from, last }) })
  const isInLast = (name: string): boolean =>
    last !== undefined && directoryOf(last, prefix, delimiter) === last && name.startsWith(last)

  let end: string | undefined
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const listed = await flat({ ...options, ...from })
    const objects = listed.objects.toSorted((a, b) => compareNames(a.name, b.name))
    const disorder = listed.disorder ?? disorderOf(objects.slice(0, 1), end)
    if (disorder) found.disorder = disorder
    const pageEnd = objects.at(-1)?.name
    end = pageEnd ?? end
    for (const object of objects) {
      const { name } = object
      const isReturned = last !== undefined && (compareNames(name, last) <= 0 || isInLast(name))
      if (isReturned || keep?.(object) === false) continue
      if (found.objects.length + found.directories.length === limit) return page()
      const directory = directoryOf(name, prefix, delimiter)
      if (directory === undefined) found.objects.push(object)
      else found.directories.push(directory)
      last = directory ?? name
    }
    if (listed.cursor === undefined) return found
    const past = jumps && last !== undefined ? pastEntry(last, prefix, delimiter) : undefined
    const isAhead = past !== undefined && pageEnd !== undefined && compareNames(pageEnd, past) < 0
    from = isAhead ? { after: past } : { cursor: listed.cursor }
    // What R2 lists again then, because it sorts by NFC, was in its place before.
    if (isAhead) end = undefined
  }
  return page()
}
