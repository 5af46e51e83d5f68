import type { Backend, ListOptions, ListPage } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { isReserved, PRIOR_VERSIONS as PREFIX, RESERVED } from '../storage/name.ts'
import { PRIOR_VERSIONS_DIRECTORY as DIRECTORY, timeOfPriorKey } from '../storage/prior-version.ts'
import { compareNames } from '../storage/order.ts'
import { rollUp } from '../storage/roll-up.ts'
import { hideNames, refuseNames } from '../wrappers/hide-names.ts'
import { intercept } from '../wrappers/intercept.ts'

/** Sorts after every prior version. */
const AFTER = `${PREFIX}\u{10ffff}`

/** Names that are reserved for prior versions cannot be read, listed or written here. */
export function withHiddenVersions(backend: Backend): Backend {
  return intercept(backend, {
    ...hideNames(isReserved),
    ...refuseNames(isReserved, () => new StorageError('invalid', RESERVED)),
    list:
      (list) =>
      async (options = {}) => {
        const { prefix = '', everything } = options
        // A walk over everything must not pass over what only looks like a prior version.
        if (everything) return filtered(await list(options), (name) => timeOfPriorKey(name) === undefined)
        if (isReserved(prefix)) return { objects: [], directories: [] }
        if (!PREFIX.startsWith(prefix)) return list(options)
        return backend.listsAfter ? listPast(list, options) : listThrough(list, options)
      },
  })
}

type List = (options: ListOptions) => Promise<ListPage>

/** Lists again after the prior versions, of which there may be very many, when it gets to them. */
async function listPast(list: List, options: ListOptions): Promise<ListPage> {
  const { cursor: _, limit = 1000, ...query } = options
  const page = await list(options)
  const visible = await withoutEmptyDirectory(list, options, filtered(page, isVisible))
  if (page.cursor === undefined || !isReserved(lastOf(page))) return visible
  const room = limit - visible.objects.length - visible.directories.length
  const rest = await list({ ...query, after: AFTER, limit: room })
  return {
    ...rest,
    objects: [...visible.objects, ...rest.objects],
    directories: [...visible.directories, ...rest.directories],
  }
}

async function listThrough(list: List, options: ListOptions): Promise<ListPage> {
  if (options.delimiter) return rollUp(list, { ...options, keep: ({ name }) => isVisible(name) })
  return filtered(await list(options), isVisible)
}

/** Without the directory of prior versions, unless it contains something else. */
async function withoutEmptyDirectory(list: List, { signal }: ListOptions, page: ListPage): Promise<ListPage> {
  if (!page.directories.includes(DIRECTORY)) return page
  const query = { prefix: DIRECTORY, limit: 1, signal }
  const [first] = (await list(query)).objects
  if (first && isVisible(first.name)) return page
  const others = await list({ ...query, after: AFTER })
  return others.objects.length > 0 ? page : filtered(page, (name) => name !== DIRECTORY)
}

function filtered(page: ListPage, keep: (name: string) => boolean): ListPage {
  return {
    ...page,
    objects: page.objects.filter(({ name }) => keep(name)),
    directories: page.directories.filter(keep),
  }
}

function isVisible(name: string): boolean {
  return !isReserved(name)
}

function lastOf({ objects, directories }: ListPage): string {
  const object = objects.at(-1)?.name ?? ''
  const directory = directories.at(-1) ?? ''
  return compareNames(object, directory) > 0 ? object : directory
}
