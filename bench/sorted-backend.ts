import type { ListableBackend, ListOptions, ListPage } from '../src/storage/backend.ts'
import { StorageError } from '../src/storage/errors.ts'
import type { ObjectInfo } from '../src/storage/object.ts'
import { compareNames } from '../src/storage/order.ts'

export interface SortedBackend extends ListableBackend {
  readonly names: readonly string[]
  /** List requests so far. */
  calls: number
}

/** Lists names that are already in UTF-8 byte order, finding each page by binary search. It has no bytes. */
export function sortedBackend(name: string, names: readonly string[]): SortedBackend {
  const none = () => Promise.reject(new StorageError('unsupported', 'only lists', { backend: name }))
  const backend: SortedBackend = {
    name,
    type: 'memory',
    names,
    calls: 0,
    listsAfter: true,
    get: none,
    head: none,
    list(options = {}) {
      backend.calls++
      return Promise.resolve(page(name, names, options))
    },
  }
  return backend
}

function page(backend: string, names: readonly string[], options: ListOptions): ListPage {
  const { prefix = '', limit = 1000, after, cursor } = options
  const objects: ObjectInfo[] = []
  let index = start(names, prefix, cursor ?? after)
  const isListed = () => names[index]?.startsWith(prefix) === true
  for (; objects.length < limit && isListed(); index++) {
    objects.push({
      name: names[index] ?? '',
      backend,
      size: 1000,
      etag: '"5d41402abc4b2a76b9719d911017c592"',
    })
  }
  const last = objects.at(-1)?.name
  return { objects, directories: [], ...(last !== undefined && isListed() && { cursor: last }) }
}

/** Index of the first name that begins with `prefix` and comes after `position`. */
function start(names: readonly string[], prefix: string, position: string | undefined): number {
  const past = position !== undefined && compareNames(position, prefix) >= 0
  let low = 0
  let high = names.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = compareNames(names[middle] ?? '', past ? position : prefix)
    if (past ? order <= 0 : order < 0) low = middle + 1
    else high = middle
  }
  return low
}
