import { client } from '../../session.ts'
import { createListing, type Listing } from './listing.ts'

/** So many listings are kept, so that going back shows at once what was there. */
const MAX_KEPT = 30
/** An older listing is loaded again when somebody comes back to it. */
const FRESH_MS = 5000

const kept = new Map<string, Listing>()

/** The listing of the names that begin with a prefix, the one that was shown before if there is one. */
export function listingOf(prefix: string): Listing {
  const found =
    kept.get(prefix) ??
    createListing((cursor) => client.list(prefix, { delimiter: '/', limit: 1000, cursor }))
  // The last in the map is the one that was used last.
  kept.delete(prefix)
  kept.set(prefix, found)
  const [oldest] = kept.keys()
  if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest)
  return found
}

/** Loads what is not there yet, and again what is not fresh any more if that is one request. */
export function openListing({ entries, error, loadMore, reload }: Listing): void {
  const known = entries.peek()
  if (!known) void loadMore()
  else if (error.peek() !== undefined) void reload()
  else if (known.pages === 1 && Date.now() - known.at > FRESH_MS) void reload()
}
