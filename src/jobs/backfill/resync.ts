import { accepts } from '../../chain/placement.ts'
import type { Chain } from '../../chain/fallback.ts'
import { isListable, type ListableBackend } from '../../storage/backend.ts'
import { isSameVersion, mirrored, mirrorNamed, primaryState } from '../mirrored.ts'
import { createWalk, type Held, type Step, type Walk, type WalkPosition } from '../walk.ts'
import { type Classified, whyUnusable } from './classify.ts'
import type { Outcome } from './job-types.ts'

/** The primary and the mirror. */
export function openMirrorWalk(
  chain: Chain,
  mirror: ListableBackend,
  { prefix, position }: { prefix: string; position: WalkPosition | undefined },
): Walk {
  return createWalk([...mirrored(chain).filter(isListable), mirror], prefix, position)
}

/** What a resync does with one listed name; `null` if neither side has it. */
export function classifyForMirror(chain: Chain, mirror: ListableBackend, step: Step): Classified | null {
  const { serves, isDeleted } = primaryState(chain, step)
  const copy = step.held.find(({ backend }) => backend === mirror)
  const isThere = copy !== undefined && !copy.object.deleted
  if (!serves && !isThere) return null
  const { name } = step
  const size = serves ? serves.object.size : 0
  const held: Held = {
    backend: mirror,
    object: { name, backend: mirror.name, ...(size !== undefined && { size }) },
  }
  const skip = (reason: NonNullable<Outcome['reason']>): Classified => ({ held, what: 'skipped', reason })
  const fail = (error: 'invalid' | 'too-large', detail: string): Classified => ({
    held,
    what: 'failed',
    failure: { backend: mirror.name, error, detail },
  })
  if (!accepts(mirror, name)) return skip('not_accepted')
  if (isDeleted) return mirror.mirror === 'keep-deleted' ? skip('tombstoned') : { held, what: 'copy' }
  if (!serves) return skip('only_in_mirror')
  const invalid = whyUnusable(serves)
  if (invalid !== undefined) return fail('invalid', `${invalid}: it cannot be served, so it is not mirrored`)
  if (size !== undefined && size > (mirror.maxSize ?? Infinity))
    return fail('too-large', `the mirror takes no object of ${size} bytes`)
  return isThere && isSameVersion(serves.object, copy.object)
    ? { held, what: 'present' }
    : { held, what: 'copy' }
}

/** Makes the mirror equal to the primary for one name. */
export async function resyncName(chain: Chain, mirrorName: string, name: string): Promise<Outcome> {
  const mirror = mirrorNamed(chain, mirrorName)
  const { outcome, bytes } = await converge(chain, mirror, name)
  const counted = { backend: mirrorName, bytes }
  if (outcome === 'copied') return { ...counted, what: 'copied' }
  if (outcome === 'equal') return { ...counted, what: 'present' }
  return { ...counted, what: 'skipped', reason: outcome === 'deleted' ? 'deleted' : 'only_in_mirror' }
}
