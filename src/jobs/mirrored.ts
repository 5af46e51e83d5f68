import type { Chain } from '../chain/fallback.ts'
import { decide } from '../chain/placement.ts'
import { type Backend, isListable, isWritable, type ListableBackend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { isServed } from './backfill/classify.ts'
import type { Held, Step } from './walk.ts'

type Backends = Pick<Chain, 'backends'>

/** The writable backends whose changes mirrors repeat. */
export function mirrored({ backends }: Backends): Backend[] {
  return backends.filter((backend) => isWritable(backend) && !backend.mirror)
}

/** The mirror of that name. Throws if it was removed from the configuration, or is no mirror any more. */
export function mirrorNamed({ backends }: Backends, name: string): ListableBackend {
  const mirror = backends.find((backend) => backend.name === name)
  if (!mirror?.mirror) throw new StorageError('unsupported', 'is not a mirror any more', { backend: name })
  if (!isListable(mirror)) throw new StorageError('unsupported', 'cannot list', { backend: name })
  return mirror
}

/** What reads find in the primary under a name, given what is listed there and in mirrors. */
export function primaryState(
  chain: Chain,
  { name, held }: Step,
): { serves: Held | null; isDeleted: boolean } {
  const holdings = held
    .filter((one) => !one.backend.mirror && isServed(one))
    .map((one) => ({ backend: one.backend, info: one.object, held: one }))
  const { serves, tombstone } = decide(chain, name, holdings)
  return { serves: serves?.held ?? null, isDeleted: tombstone !== null }
}
