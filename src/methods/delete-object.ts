import { StorageError } from '../storage/errors.ts'
import type { Chain } from '../chain/fallback.ts'
import { writersFor } from '../chain/placement.ts'
import { conditionOn, writeMarker } from '../storage/tombstone-marker.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { changed } from './put-object.ts'

const MAX_TRIES = 5

/**
 * Deletes the name if `allows` says so of what the chain has under it: in one write, on condition of what was seen, since no backend deletes on a condition.
 * What comes between is looked at again. Where a delete leaves no tombstone, a lifted one stays, which hides nothing.
 */
export async function deleteObjectIf(
  chain: Chain,
  name: string,
  allows: (current: ObjectInfo | null) => boolean,
): Promise<void> {
  const [target] = writersFor(chain, name)
  const lifted = !chain.tombstones || chain.backends.length === 1
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const held = await target.head(name, { lastResort: true })
    if (!allows(await chain.head(name))) throw changed(name)
    if (lifted && (held === null || held.deleted)) return
    if (await writeMarker(target, name, { lifted, onlyIf: conditionOn(held) })) return
  }
  const why = 'other writes of the name came first each time: try again'
  throw new StorageError('unavailable', why, { backend: target.name, name })
}
