import type { Backend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { isReserved, isStaged } from '../storage/name.ts'
import { rollUp } from '../storage/roll-up.ts'
import { hideNames, refuseNames } from './hide-names.ts'
import { intercept } from './intercept.ts'

export interface Filter {
  include?: RegExp
  exclude?: RegExp
}

/**
 * Names outside the filter do not exist here: they are neither read, listed nor stored. Staged objects are let through,
 * because their keys do not contain the name, and so are
 * prior versions, whose names are inside.
 */
export function withFilter(backend: Backend, { include, exclude }: Filter): Backend {
  const isInside = (name: string): boolean =>
    isStaged(name) || isReserved(name) || ((include?.test(name) ?? true) && !(exclude?.test(name) ?? false))
  const isOutside = (name: string): boolean => !isInside(name)
  const refusal = (): StorageError =>
    new StorageError('unsupported', 'is configured not to accept this name', { backend: backend.name })

  const filtered = intercept(backend, {
    accepts: (accepts) => (name) => isInside(name) && accepts(name),
    ...hideNames(isOutside),
    ...refuseNames(isOutside, refusal),
    list:
      (list) =>
      async (options = {}) => {
        const keep = ({ name }: { name: string }): boolean => isInside(name)
        // Only its names show whether a directory contains one inside the filter.
        if (options.delimiter) return rollUp(list, { ...options, keep, jumps: backend.listsAfter })
        const page = await list(options)
        if (options.everything) return page
        return { ...page, objects: page.objects.filter(keep) }
      },
  })
  return { accepts: isInside, ...filtered }
}
