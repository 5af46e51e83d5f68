import type { Backend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { isStaged } from '../storage/name.ts'
import { rollUp } from '../storage/roll-up.ts'

export interface Filter {
  include?: RegExp
  exclude?: RegExp
}

/**
 * Names outside the filter do not exist here: they are neither asked for nor listed, and nothing is stored under them.
 * What is staged passes: its key says nothing of the name that it is for.
 */
export function withFilter(backend: Backend, { include, exclude }: Filter): Backend {
  const { put, delete: remove, list, createMultipartUpload: multipart } = backend
  const isInside = (name: string): boolean =>
    isStaged(name) || ((include?.test(name) ?? true) && !(exclude?.test(name) ?? false))
  const check = (name: string): void => {
    if (isInside(name)) return
    throw new StorageError('unsupported', 'is configured not to take that name', {
      backend: backend.name,
      name,
    })
  }

  return {
    ...backend,
    accepts: (name) => isInside(name) && (backend.accepts?.(name) ?? true),
    get: async (name, options) => (isInside(name) ? backend.get(name, options) : null),
    head: async (name, options) => (isInside(name) ? backend.head(name, options) : null),
    ...(put && {
      async put(name, body, options) {
        check(name)
        return put(name, body, options)
      },
    }),
    ...(remove && {
      async delete(name) {
        check(name)
        return remove(name)
      },
    }),
    ...(multipart && {
      async createMultipartUpload(name, options) {
        check(name)
        return multipart(name, options)
      },
    }),
    ...(list && {
      async list(options = {}) {
        const keep = ({ name }: { name: string }): boolean => isInside(name)
        // Whether a directory holds a name inside the filter is known only from its names.
        if (options.delimiter) return rollUp(list, { ...options, keep, jumps: backend.listsAfter })
        const page = await list(options)
        if (options.everything) return page
        return { ...page, objects: page.objects.filter(keep) }
      },
    }),
  }
}
