import type { Chain } from '../chain/fallback.ts'
import { accepts } from '../chain/placement.ts'
import { type Backend, isListable, type ListableBackend, type ListPage } from '../storage/backend.ts'
import { toStorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { compareNames } from '../storage/order.ts'
import { mayBeMarker } from '../storage/tombstone-marker.ts'

/** What a backend has under each of the names that its listings decided; `null` if it does not have it. */
type Found = Map<string, ObjectInfo | null>

/** What a listing costs, in HEADs: 12.5 at the prices of R2 ($4.50 and $0.36 per million) and of S3 ($5 and $0.40). */
const HEADS_PER_LISTING = 13
/** Names of one directory that are worth a listing: if it decides none of them, it has cost half as much as their HEADs. */
const MIN_NAMES = 2 * HEADS_PER_LISTING

/**
 * What backends have under the names, as far as listings say it for less than one HEAD each: where a directory has many of
 * the names, and few others between them. Everything else, and every failure, is left to HEADs.
 */
export async function lookUpByListing(
  chain: Chain,
  names: readonly string[],
): Promise<ReadonlyMap<Backend, Found>> {
  const found = new Map<Backend, Found>()
  let left = names.toSorted(compareNames)
  for (const backend of chain.backends) {
    if (!isCheaperToList(backend)) break
    const directories = Map.groupBy(
      left.filter((name) => accepts(backend, name) && hasOneSpelling(name)),
      (name) => name.slice(0, name.lastIndexOf('/') + 1),
    )
    const own: Found = new Map()
    found.set(backend, own)
    await Promise.all(
      [...directories].map(([prefix, inside]) =>
        listDirectory(chain, { backend, prefix, names: inside }, own),
      ),
    )
    // Of what HEADs decide, there may be nothing left for the next backend.
    left = left.filter((name) => own.get(name) === null || !accepts(backend, name))
  }
  return found
}

function isCheaperToList(backend: Backend): backend is ListableBackend {
  return (backend.type === 'r2' || backend.type === 's3') && isListable(backend)
}

/** Decides names of one directory, in order, while each page decides more of them than it costs. */
async function listDirectory(
  { hedgeMs }: Chain,
  { backend, prefix, names }: { backend: ListableBackend; prefix: string; names: readonly string[] },
  found: Found,
): Promise<void> {
  // A search would not wait longer either.
  const patience = hedgeMs?.[backend.name]
  let left = names
  while (left.length >= MIN_NAMES) {
    // A name without its last character sorts before it, and little can be between them.
    const after = left[0]?.replace(/.$/su, '') ?? ''
    const signal = patience === undefined ? undefined : AbortSignal.timeout(patience)
    let page: ListPage
    try {
      page = await backend.list({
        prefix,
        unchecked: true,
        ...(after && { after }),
        ...(signal && { signal }),
      })
    } catch (error) {
      const failure = toStorageError(error, backend.name)
      if (failure.code === 'internal') throw failure
      return
    }
    const decided = left.slice(0, decidedBy(page, left))
    const objects = new Map(page.objects.map((object) => [object.name, object]))
    const spellings = new Set(page.objects.map(({ name }) => name.normalize()))
    for (const name of decided) {
      const object = objects.get(name) ?? null
      // In R2's listings, tombstones are marked.
      const isUnknown = object
        ? backend.type === 's3' && !object.deleted && mayBeMarker(object.size)
        : spellings.has(name)
      if (!isUnknown) found.set(name, object)
    }
    if (decided.length < HEADS_PER_LISTING) return
    left = left.slice(decided.length)
  }
}

/** R2 finds an object under every equivalent spelling of its name (é as one character or two), but lists the one it was given last. */
function hasOneSpelling(name: string): boolean {
  return name.normalize('NFC') === name.normalize('NFD')
}

/** How many of the names, from the first, the page decides: none if it is not in order, and all if it is the last one. */
function decidedBy({ objects, cursor }: ListPage, names: readonly string[]): number {
  let last = ''
  for (const { name } of objects) {
    if (compareNames(name, last) < 0) return 0
    last = name
  }
  return cursor === undefined ? names.length : names.filter((name) => compareNames(name, last) <= 0).length
}
