import type { Chain } from '../../chain/fallback.ts'
import { accepts } from '../../chain/placement.ts'
import type { Convergence } from '../../mirrors/converge.ts'
import { convergeTaken } from '../../mirrors/consumer.ts'
import type { Mirrors } from '../../mirrors/mirrors.ts'
import { isListable, type ListableBackend } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { isSameObject, isSameRepresentation } from '../../storage/same-object.ts'
import { mirrored, primaryState } from '../mirrored.ts'
import { createWalk, type Held, type Step, type Walk, type WalkPosition } from '../walk.ts'
import { type Classified, whyUnusable } from './classify.ts'
import type { Outcome } from './job-types.ts'

type SkipReason = NonNullable<Outcome['reason']>

/** The primary and the mirror. */
export function openMirrorWalk(
  chain: Chain,
  mirror: ListableBackend,
  { prefix, position }: { prefix: string; position: WalkPosition | undefined },
): Walk {
  return createWalk([...mirrored(chain).filter(isListable), mirror], prefix, { position })
}

/** What a resync does with one listed name; `null` if neither side has it. */
export function classifyForMirror(chain: Chain, mirror: ListableBackend, step: Step): Classified | null {
  const { name } = step
  const { serves, isDeleted } = primaryState(chain, step)
  const copy = step.held.find(({ backend }) => backend === mirror)
  const isThere = copy !== undefined && !copy.object.deleted
  if (!serves && !isThere) return null
  const size = serves ? serves.object.size : 0
  const held: Held = {
    backend: mirror,
    object: { name, backend: mirror.name, ...(size !== undefined && { size }) },
  }
  const skip = (reason: SkipReason): Classified => ({ held, what: 'skipped', reason })
  if (!accepts(mirror, name) || (serves && whyUnusable(serves) !== undefined)) return skip('not_accepted')
  if (isDeleted) return mirror.mirror === 'keep-deleted' ? skip('tombstoned') : { held, what: 'copy' }
  if (!serves) return skip('only_in_mirror')
  return { held, what: isThere && isSame(serves, copy) ? 'present' : 'copy' }
}

/** Whether the listings prove it. */
function isSame({ object: own }: Held, { object: copy }: Held): boolean {
  return isUnchangedSource(copy, own) || (isSameObject(own, copy) && isSameRepresentation(own, copy))
}

/** Whether the primary's object, and its metadata, was copied from just this one, which nothing has written since. */
function isUnchangedSource(source: ObjectInfo, { provenance, size }: ObjectInfo): boolean {
  if (source.provenance || source.size !== size || provenance?.backend !== source.backend) return false
  if (provenance.etag === undefined || provenance.etag !== source.etag) return false
  // HTTP dates have whole seconds, listings often more. The ETag stays if only the metadata is replaced.
  const { modified } = provenance
  return modified !== undefined && Math.abs(Number(modified) - Number(source.modified)) <= 1000
}

/** Makes the mirror equal to the primary for one name, unless something else does so just now. */
export async function resyncName(
  mirrors: Mirrors | null,
  mirrorName: string,
  name: string,
): Promise<Outcome> {
  const mirror = mirrors?.backends.find((backend) => backend.name === mirrorName)
  if (!mirrors || !mirror)
    throw new StorageError('unsupported', 'is not a mirror any more', { backend: mirrorName })
  const taken = await mirrors.log().claim(mirrorName, name)
  const { outcome, bytes } = taken ? await convergeTaken(taken, mirrors) : UNDER_WAY
  if (outcome === 'copied') return { backend: mirrorName, what: 'copied', bytes }
  if (outcome === 'equal') return { backend: mirrorName, what: 'present' }
  return { backend: mirrorName, what: 'skipped', reason: REASONS[outcome] }
}

const UNDER_WAY: Convergence = { outcome: 'changed', bytes: 0 }

const REASONS = {
  deleted: 'deleted',
  left: 'only_in_mirror',
  skipped: 'not_accepted',
  changed: 'changing',
} as const satisfies Partial<Record<Convergence['outcome'], SkipReason>>
