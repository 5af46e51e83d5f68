import { memoryBackend } from '../kit/memory.ts'
import { directoryOf } from '../../src/storage/roll-up.ts'
import type { Backend, ListableBackend, ListOptions, ListPage } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { compareNames } from '../../src/storage/order.ts'

const EMPTY = new Uint8Array(0)

export interface Held {
  name: string
  deleted?: boolean
}

/** Lists after a name, like R2 and S3, with at most `pageSize` entries per page. */
export async function afterBackend(
  name: string,
  held: readonly Held[],
  pageSize = 1000,
): Promise<ListableBackend> {
  const backend = memoryBackend(name, { pageSize })
  await fill(backend, held)
  return backend
}

/**
 * Lists only by its own cursor, like KV: rolls up directories within each page of `pageSize` names, so that one
 * directory may be on many pages, and every third page is empty.
 */
export async function cursorBackend(
  name: string,
  held: readonly Held[],
  pageSize = 1000,
): Promise<ListableBackend> {
  const { listsAfter: _, ...backend } = memoryBackend(name)
  await fill(backend, held)
  return {
    ...backend,
    async list({ prefix = '', delimiter, limit = 1000, after, cursor }: ListOptions = {}) {
      if (after !== undefined) throw new StorageError('invalid', 'cannot list after a name')
      const [page = 0, from = 0] = cursor?.split(':').map(Number) ?? []
      const names = [...backend.objects.keys()].filter((key) => key.startsWith(prefix)).toSorted(compareNames)
      const to = page % 3 === 2 ? from : from + Math.min(limit, pageSize)
      const listed: ListPage = { objects: [], directories: [] }
      for (const key of names.slice(from, to)) {
        const directory = directoryOf(key, prefix, delimiter)
        const found = backend.objects.get(key)
        if (directory === undefined && found) listed.objects.push(found.info)
        else if (directory !== undefined && listed.directories.at(-1) !== directory)
          listed.directories.push(directory)
      }
      if (to < names.length) listed.cursor = `${page + 1}:${to}`
      return listed
    },
  }
}

/** Lists after a name, but drops most entries: many pages in a row are empty, as with an `exclude`. */
export async function filteredBackend(
  name: string,
  held: readonly Held[],
  pageSize = 1000,
): Promise<ListableBackend> {
  const hidden = Array.from({ length: 15 }, (_, index) => ({ name: `b/hidden-${index}` }))
  const more = Array.from({ length: 15 }, (_, index) => ({ name: `hidden-${index}` }))
  const backend = await afterBackend(name, [...held, ...hidden, ...more], pageSize)
  return {
    ...backend,
    async list(options = {}) {
      const page = await backend.list(options)
      return { ...page, objects: page.objects.filter((object) => !object.name.includes('hidden-')) }
    },
  }
}

/** The same without methods that write. */
export function readOnly(backend: ListableBackend): ListableBackend {
  const { put: _put, delete: _delete, ...others } = backend
  return others
}

async function fill(backend: Backend, held: readonly Held[]): Promise<void> {
  for (const { name, deleted } of held)
    await backend.put?.(name, EMPTY, deleted ? { info: { deleted: new Date() } } : {})
}

export interface Counted {
  backend: ListableBackend
  /** The options of each call. */
  calls: ListOptions[]
}

export function counted(backend: ListableBackend): Counted {
  const calls: ListOptions[] = []
  return {
    calls,
    backend: {
      ...backend,
      list(options = {}) {
        calls.push(options)
        return backend.list(options)
      },
    },
  }
}

/** Fails the calls (counted from 0) for which `when` returns true. */
export function failing(
  backend: ListableBackend,
  when: (call: number) => boolean,
  error = new StorageError('unavailable', 'answered 503', { backend: backend.name }),
): ListableBackend {
  let call = 0
  return {
    ...backend,
    list(options = {}) {
      return when(call++) ? Promise.reject(error) : backend.list(options)
    },
  }
}
