import { cancelBody } from '../../bodies/cancel.ts'
import { parseHttpDate } from '../../http/date.ts'
import type { ListOptions, ListPage } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { encodeName, hasDotSegment, whyInvalid } from '../../storage/name.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { compareNames } from '../../storage/order.ts'
import { readAtMost } from '../read-at-most.ts'
import { refusal } from './answer.ts'
import type { Send } from './send.ts'

interface Lister {
  backend: string
  send: Send
  absentStatuses: readonly number[]
}

/** Longest listing of one directory that is read: some 300,000 entries, which an isolate can still hold. */
const MAX_LISTING_BYTES = 32 * 1024 * 1024

/** Directories that one page may open, beyond those on the way to where it begins. */
const MAX_DIRECTORIES = 20

/**
 * Lists a tree of nginx's `autoindex_format json`, or one level of it. A page goes down into the directories in the order
 * of names, so that pages follow each other without state: the cursor is the last name or the next directory.
 */
export async function listAutoindex(lister: Lister, options: ListOptions): Promise<ListPage> {
  const { prefix = '', delimiter, limit = 1000, after, cursor } = options
  const start = cursor ?? after
  const page: ListPage = { objects: [], directories: [] }
  let last: string | undefined
  let opened = 0

  /** Where the next page has to begin, or `undefined` at the end of the directory. */
  const walk = async (directory: string, isListed = false): Promise<string | undefined> => {
    for (const { path, info } of await openDirectory(lister, directory, { ...options, isListed })) {
      // Names inside it may come after the start, unless it was already listed as a directory.
      const isOnTheWay = !info && start?.startsWith(path) && !(delimiter && path === cursor)
      const isBehind = start === undefined || compareNames(path, start) > 0
      if (!path.startsWith(prefix) || !(isBehind || isOnTheWay)) continue
      if (page.objects.length + page.directories.length === limit) return last
      if (!info && !delimiter) {
        if (!isOnTheWay && ++opened > MAX_DIRECTORIES) return path
        const next = await walk(path, true)
        if (next !== undefined) return next
        continue
      }
      if (info) page.objects.push(info)
      else page.directories.push(path)
      last = path
    }
    return undefined
  }

  const next = await walk(prefix.slice(0, prefix.lastIndexOf('/') + 1))
  return { ...page, ...(next !== undefined && { cursor: next }) }
}

interface Entry {
  /** Full name; that of a directory ends in `/`. */
  path: string
  /** Absent for directories. */
  info?: ObjectInfo
}

/**
 * The entries of one directory, or none if it is not there. One that its parent lists and that cannot be listed itself is a
 * failure, or where everything is listed one entry: its objects may be served all the same.
 */
async function openDirectory(
  lister: Lister,
  directory: string,
  options: ListOptions & { isListed?: boolean },
): Promise<Entry[]> {
  const entries = await readDirectory(lister, directory, options)
  if (entries) return entries
  if (!options.everything) {
    if (!options.isListed) return []
    const why = `lists "${directory}", but not what is in it`
    throw new StorageError('unavailable', why, { backend: lister.backend })
  }
  const parent = directory.slice(0, directory.lastIndexOf('/', directory.length - 2) + 1)
  const siblings = await openDirectory(lister, parent, options)
  const { prefix = '' } = options
  const isAbove = ({ path }: Entry): boolean => path.endsWith('/') && directory.startsWith(path)
  if (!siblings.some((entry) => isAbove(entry) || entry.path === prefix)) return []
  const name = directory.startsWith(prefix) ? directory : prefix
  return [{ path: name, info: { name, backend: lister.backend, unlistable: true } }]
}

/** The entries of one directory in the order of their full names, `null` if the origin says that there is none. */
async function readDirectory(
  { backend, send, absentStatuses }: Lister,
  directory: string,
  { signal, delimiter, everything = false }: ListOptions,
): Promise<Entry[] | null> {
  // No name is below it, and its URL would be that of another directory, even of one above the origin's.
  if (hasDotSegment(directory)) return []
  const response = await send('GET', encodeName(directory), { signal })
  if (response.status !== 200) {
    await cancelBody(response.body)
    // If there is no listing at the root, the origin does not list at all.
    if (absentStatuses.includes(response.status) && directory !== '') return null
    throw refusal(response, backend)
  }
  const bytes = await readAtMost(MAX_LISTING_BYTES, response, backend)
  if (!bytes)
    throw new StorageError('too-large', `a listing of the origin is longer than ${MAX_LISTING_BYTES} bytes`)
  const items = parseListing(decode(bytes))
  if (!items)
    throw new StorageError('unavailable', 'the origin did not answer with a JSON listing', { backend })
  return items
    .flatMap((item) => toEntries(item, { backend, directory, everything: everything && !delimiter }))
    .toSorted((a, b) => compareNames(a.path, b.path))
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
const lenient = new TextDecoder()
const NEWLINE = 0x0a

/** Replaces bytes that are not UTF-8, which nginx passes on: a lone surrogate, which valid UTF-8 never decodes to. */
const UNDECODED = '\udfff'

/** nginx writes each entry on its own line, so a name that is not UTF-8 does not affect the others. */
function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    const lines = linesOf(bytes)
    if (lines.length > 1) return lines.map(decode).join('')
    return lenient.decode(bytes).replaceAll('\ufffd', UNDECODED)
  }
}

function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let start = 0, end; start < bytes.length; start = end) {
    end = bytes.indexOf(NEWLINE, start) + 1 || bytes.length
    lines.push(bytes.subarray(start, end))
  }
  return lines
}

/** The items of a listing in nginx's `autoindex_format json`, or `null` if it is something else. */
function parseListing(text: string): Record<string, unknown>[] | null {
  try {
    const items: unknown = JSON.parse(text)
    return Array.isArray(items) && items.every(isRecord) ? items : null
  } catch {
    return null
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

interface Place {
  backend: string
  directory: string
  everything: boolean
}

/** Skips what is neither a file nor a directory and, unless everything is listed, what cannot be requested. */
function toEntries(
  { name, type, size, mtime }: Record<string, unknown>,
  { backend, directory, everything }: Place,
): Entry[] {
  if (typeof name !== 'string' || name === '' || name.includes('/')) return []
  if (type !== 'directory' && type !== 'file') return []
  const path = directory + name.toWellFormed() + (type === 'directory' ? '/' : '')
  const isUtf8 = name.isWellFormed()
  // Also ends the descent into a directory that links to one above it.
  const isUsable = isUtf8 && whyInvalid(path) === undefined
  if (!isUsable && !everything) return []
  if (isUsable && type === 'directory') return [{ path }]
  const modified = typeof mtime === 'string' ? parseHttpDate(mtime) : undefined
  // A directory that cannot be requested is not opened, but listed as one entry.
  const info = {
    name: path,
    backend,
    ...(typeof size === 'number' && { size }),
    ...(modified && { modified }),
    ...(!isUtf8 && { invalid: 'the name is not valid UTF-8' }),
  }
  return [{ path, info }]
}
