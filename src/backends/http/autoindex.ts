import { cancelBody } from '../../bodies/cancel.ts'
import { parseHttpDate } from '../../http/date.ts'
import type { ListOptions, ListPage } from '../../storage/backend.ts'
import { StorageError, failureOfBody } from '../../storage/errors.ts'
import { encodeName, whyInvalid } from '../../storage/name.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { compareNames } from '../../storage/order.ts'
import { fromCallError } from '../call.ts'
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
 * Lists a tree of nginx's `autoindex_format json`. A page goes down into the directories in the order of names, so
 * that pages follow each other without state: the cursor is the last name or the next directory.
 */
export async function listAutoindex(lister: Lister, options: ListOptions): Promise<ListPage> {
  try {
    return options.delimiter ? await listOne(lister, options) : await listTree(lister, options)
  } catch (error) {
    throw fromCallError(error, lister.backend)
  }
}

async function listOne(lister: Lister, options: ListOptions): Promise<ListPage> {
  const { prefix = '', limit = 1000, after, cursor, signal } = options
  const start = cursor ?? after
  const page: ListPage = { objects: [], directories: [] }
  let last: string | undefined
  for (const entry of await readDirectory(lister, directoryOf(prefix), { signal })) {
    const { path } = entry
    // A directory that `after` lies in may hold names behind it; a cursor that is one was given out already.
    const behind = start === undefined || compareNames(path, start) > 0
    const around = cursor === undefined && entry.info === undefined && start?.startsWith(path)
    if (!path.startsWith(prefix) || !(behind || around)) continue
    if (last !== undefined && page.objects.length + page.directories.length === limit)
      return { ...page, cursor: last }
    if (entry.info) page.objects.push(entry.info)
    else page.directories.push(path)
    last = path
  }
  return page
}

interface Walk {
  lister: Lister
  prefix: string
  start: string | undefined
  limit: number
  everything: boolean
  signal: AbortSignal | undefined
  objects: ObjectInfo[]
  opened: number
}

async function listTree(lister: Lister, options: ListOptions): Promise<ListPage> {
  const { prefix = '', limit = 1000, everything = false, after, cursor, signal } = options
  const start = cursor ?? after
  const walk: Walk = { lister, prefix, start, limit, everything, signal, objects: [], opened: 0 }
  const next = await walkDirectory(walk, directoryOf(prefix))
  return { objects: walk.objects, directories: [], ...(next !== undefined && { cursor: next }) }
}

/** Where the next page has to begin, or `undefined` when the directory is through. */
async function walkDirectory(walk: Walk, directory: string): Promise<string | undefined> {
  const { lister, prefix, start, limit, objects } = walk
  for (const { path, info } of await readDirectory(lister, directory, walk)) {
    const isOnTheWay = start?.startsWith(path) ?? false
    if (start !== undefined && compareNames(path, start) <= 0 && !(isOnTheWay && !info)) continue
    if (!path.startsWith(prefix)) continue
    if (objects.length === limit) return objects.at(-1)?.name
    if (info) {
      objects.push(info)
      continue
    }
    if (!isOnTheWay && ++walk.opened > MAX_DIRECTORIES) return path
    const next = await walkDirectory(walk, path)
    if (next !== undefined) return next
  }
  return undefined
}

function directoryOf(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf('/') + 1)
}

interface Entry {
  /** Full name; that of a directory ends in `/`. */
  path: string
  /** Absent for directories. */
  info?: ObjectInfo
}

/** The entries in the order of the names that they stand for. */
async function readDirectory(
  { backend, send, absentStatuses }: Lister,
  directory: string,
  { signal, everything = false }: Pick<Partial<Walk>, 'everything'> & Pick<Walk, 'signal'>,
): Promise<Entry[]> {
  const response = await send('GET', encodeName(directory), { signal })
  if (response.status !== 200) {
    await cancelBody(response.body)
    // No listing at the root means that there is none at all, not that nothing is there.
    if (absentStatuses.includes(response.status) && directory !== '') return []
    throw refusal(response, backend, directory)
  }
  const items = parseListing(await readText(response, backend))
  if (!items) throw new StorageError('unavailable', 'the origin answered no JSON listing', { backend })
  return items
    .flatMap((item) => toEntries(backend, directory, item))
    .flatMap((entry) => (isUsable(entry.path) ? entry : everything ? unusable(backend, entry) : []))
    .toSorted((a, b) => compareNames(a.path, b.path))
}

/** The items of a listing by nginx's `autoindex_format json`, or `null` when it is none. */
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

/** None for what is neither file nor directory. */
function toEntries(
  backend: string,
  directory: string,
  { name, type, size, mtime }: Record<string, unknown>,
): Entry[] {
  if (typeof name !== 'string' || name === '' || name.includes('/')) return []
  const path = directory + name
  if (type === 'directory') return [{ path: `${path}/` }]
  if (type !== 'file') return []
  const modified = typeof mtime === 'string' ? parseHttpDate(mtime) : undefined
  const info = {
    name: path,
    backend,
    ...(typeof size === 'number' && { size }),
    ...(modified && { modified }),
  }
  return [{ path, info }]
}

/** nginx passes on bytes that are not UTF-8: they were decoded to this, and such a name cannot be requested. */
const UNDECODED = '\ufffd'

/** What cannot be requested is one entry, even a directory: it is not opened. */
function unusable(backend: string, { path, info }: Entry): Entry {
  const known = info ?? { name: path, backend }
  if (!path.includes(UNDECODED)) return { path, info: known }
  return { path, info: { ...known, invalid: 'the name is not valid UTF-8' } }
}

/** Also ends the descent into a directory that links to one above it. */
function isUsable(name: string): boolean {
  return whyInvalid(name) === undefined && !name.includes(UNDECODED)
}

async function readText({ body }: Response, backend: string): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  try {
    for await (const chunk of body ?? []) {
      bytes += chunk.length
      if (bytes > MAX_LISTING_BYTES)
        throw new StorageError(
          'too-large',
          `a listing of the origin is longer than ${MAX_LISTING_BYTES} bytes`,
        )
      text += decoder.decode(chunk, { stream: true })
    }
  } catch (error) {
    throw failureOfBody(error, backend)
  }
  return text + decoder.decode()
}
