import type { Chain } from '../chain/fallback.ts'
import { accepts } from '../chain/placement.ts'
import { type Backend, isListable, type ListableBackend, type ListPage } from '../storage/backend.ts'
import { toStorageError } from '../storage/errors.ts'
import { mapLimited } from '../storage/map-limited.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { compareNames, disorderOf } from '../storage/order.ts'
import { mayBeMarker } from '../storage/tombstone-marker.ts'

/** What a backend has under each of the names that its listings decided; `null` if it does not have it. */
type Found = Map<string, ObjectInfo | null>

/** What a listing costs, in HEADs: 12.5 at the prices of R2 ($4.50 and $0.36 per million) and of S3 ($5 and $0.40). */
const HEADS_PER_LISTING = 13
/** Names of one directory that are worth a listing: if it decides none of them, it has cost half as much as their HEADs. */
const MIN_NAMES = 2 * HEADS_PER_LISTING
/**
 * Names that no other sequence of characters is equivalent to: ASCII without `K`, `;` and the backtick, which are equivalent
 * to U+212A, U+037E and U+1FEF. R2 finds an object under every equivalent name, but lists it under one, which may be anywhere.
 */
const HAS_ONE_SPELLING = /^[ -:<-JL-_a-~]*$/

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
      left.filter((name) => accepts(backend, name)),
      (name) => name.slice(0, name.lastIndexOf('/') + 1),
    )
    const own: Found = new Map()
    found.set(backend, own)
    await mapLimited(directories, ([prefix, inside]) =>
      listDirectory(chain, { backend, prefix, names: inside }, own),
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
    const after = left[0]?.replace(/.$/su, '') || undefined
    const signal = patience === undefined ? undefined : AbortSignal.timeout(patience)
    let page: ListPage
    try {
      page = await backend.list({
        prefix,
        unchecked: true,
        after,
        signal,
      })
    } catch (error) {
      const failure = toStorageError(error, backend.name)
      if (failure.code === 'internal') throw failure
      return
    }
    const passed = passedBy(page, left)
    const objects = new Map(page.objects.map((object) => [object.name, object]))
    let decided = 0
    for (const name of left.slice(0, passed)) {
      const object = objects.get(name) ?? null
      // In R2's listings, tombstones are marked.
      const isKnown = object
        ? backend.type === 'r2' || (object.size !== undefined && !mayBeMarker(object.size))
        : HAS_ONE_SPELLING.test(name)
      if (!isKnown) continue
      found.set(name, object)
      decided++
    }
    if (decided < HEADS_PER_LISTING) return
    left = left.slice(passed)
  }
}

/** How many of the names, from the first, the page has or has passed: none if it is not in order, and all if it is the last one. */
function passedBy({ objects, cursor }: ListPage, names: readonly string[]): number {
  if (disorderOf(objects, undefined)) return 0
  const last = objects.at(-1)?.name ?? ''
  // Servers of files list what is in `a/` before `a.jpg`, which may look as if it were in order.
  const asFiles = (name: string): string => name.replaceAll('/', '\0')
  const isAhead = (name: string): boolean =>
    compareNames(name, last) > 0 || compareNames(asFiles(name), asFiles(last)) > 0
  const ahead = cursor === undefined ? -1 : names.findIndex(isAhead)
  return ahead < 0 ? names.length : ahead
}
