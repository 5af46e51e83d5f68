import type { ListOptions, ListPage } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { encodeName, whyInvalid } from '../../storage/name.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { compareNames } from '../../storage/order.ts'
import { fromCallError } from '../call.ts'
import { parseAutoindex, type AutoindexEntry, UNDECODED } from './autoindex-json.ts'
import { discard, refusal } from './answer.ts'
import type { Send } from './send.ts'

interface Lister {
  backend: string
  send: Send
  absentStatuses: readonly number[]
}

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
    await discard(response)
    // No listing at the root means that there is none at all, not that nothing is there.
    if (absentStatuses.includes(response.status) && directory !== '') return []
    throw refusal(response, backend, directory)
  }
  const entries = await parseAutoindex(response, backend, everything)
  if (!entries) throw new StorageError('unavailable', 'the origin answered no JSON listing', { backend })
  return entries
    .map((entry) => toEntry(backend, directory, entry))
    .flatMap((entry) => (isUsable(entry.path) ? entry : everything ? unusable(backend, entry) : []))
    .toSorted((a, b) => compareNames(a.path, b.path))
}

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

function toEntry(backend: string, directory: string, entry: AutoindexEntry): Entry {
  const path = directory + entry.name
  if (entry.type === 'directory') return { path: `${path}/` }
  const { size, modified } = entry
  return {
    path,
    info: { name: path, backend, ...(size !== undefined && { size }), ...(modified && { modified }) },
  }
}
