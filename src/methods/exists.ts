import type { Chain } from '../chain/fallback.ts'
import { chainError } from '../chain/search.ts'
import { endsSearch, StorageError } from '../storage/errors.ts'
import { mapLimited } from '../storage/map-limited.ts'
import { lookUpByListing } from './look-up-by-listing.ts'

/** The most storage requests per call. On the Free plan, a Worker may send 1,000 to Cloudflare's services, and an origin that redirects or does not support HEAD needs more than one. */
const MAX_LOOKUPS = 500

/** Whether any backend has the name; false only if all backends proved that they don't. */
export async function exists(chain: Chain, name: string): Promise<boolean> {
  return (await chain.head(name)) !== null
}

/**
 * `exists` for many names. Throws if one of them cannot be decided, since a partial result would be taken for a complete
 * one, and `invalid` if there are too many names for one call.
 */
export async function existsAll(chain: Chain, names: readonly string[]): Promise<Map<string, boolean>> {
  const count = names.length * chain.backends.length
  if (count > MAX_LOOKUPS) {
    const fitting = Math.floor(MAX_LOOKUPS / chain.backends.length)
    throw new StorageError(
      'invalid',
      `names: ${names.length} names and ${chain.backends.length} backends may need ${count} storage requests, but the limit is ${MAX_LOOKUPS}; request at most ${fitting} names at a time`,
    )
  }
  const distinct = [...new Set(names)]
  const found = await lookUpByListing(chain, distinct)
  const answers = new Map<string, boolean>()
  const failures = new Map<string, StorageError>()
  const decide = async (name: string): Promise<void> => {
    try {
      const info = await chain.first(name, (backend, read) => {
        const listed = found.get(backend)?.get(name)
        return listed === undefined ? backend.head(name, read) : Promise.resolve(listed)
      })
      answers.set(name, info !== null)
    } catch (error) {
      if (!(error instanceof StorageError) || endsSearch(error)) throw error
      // One failure of each backend is enough: a hundred of the same would add nothing.
      const causes = error.failures.length > 0 ? error.failures : [error]
      for (const cause of causes) failures.set(cause.backend ?? '', cause)
    }
  }
  // With more at once, a hedged search would mistake the wait for a slot for a silent backend.
  await mapLimited(distinct, decide)
  if (failures.size > 0) throw chainError([...failures.values()])
  return answers
}
