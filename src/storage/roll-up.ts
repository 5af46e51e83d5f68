import type { ListOptions, ListPage } from './backend.ts'
import type { ObjectInfo } from './object.ts'
import { compareNames } from './order.ts'

/** The directory that a name is rolled up into below `prefix`, up to and including the delimiter. */
export function directoryOf(name: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (delimiter === undefined) return undefined
  const end = name.indexOf(delimiter, prefix.length)
  return end < 0 ? undefined : name.slice(0, end + delimiter.length)
}

/** The position of a rolled-up listing. */
interface Position {
  /** Where the flat listing continues. */
  from: Pick<ListOptions, 'cursor' | 'after'>
  /** The last entry that was returned. */
  last?: string
}

export interface RollUpOptions extends ListOptions {
  /** Entries for which it is false are omitted, and so are directories that contain only those. */
  keep?: (object: ObjectInfo) => boolean
  /** The flat listing supports `after`: the rest of a directory that is already listed is skipped. */
  jumps?: boolean | undefined
}

/** The most pages that one call reads; after that it returns what it has, and a cursor. */
const MAX_PAGES = 10
/** Sorts after every name inside a directory. */
const HIGHEST = '\u{10ffff}'

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
  /** The last entry, if it is a directory. An object's name only ends in `/` if it is the prefix itself. */
  const lastDirectory = (): string | undefined => (last?.endsWith('/') && last !== prefix ? last : undefined)

  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const listed = await flat({ ...options, ...from })
    for (const object of listed.objects) {
      const { name } = object
      const within = lastDirectory()
      const isReturned =
        last !== undefined &&
        (compareNames(name, last) <= 0 || (within !== undefined && name.startsWith(within)))
      if (isReturned || keep?.(object) === false) continue
      if (found.objects.length + found.directories.length === limit) return page()
      const directory = directoryOf(name, prefix, delimiter)
      if (directory === undefined) found.objects.push(object)
      else found.directories.push(directory)
      last = directory ?? name
    }
    if (listed.cursor === undefined) return found
    const passed = jumps ? lastDirectory() : undefined
    from = passed === undefined ? { cursor: listed.cursor } : { after: passed + HIGHEST }
  }
  return page()
}
