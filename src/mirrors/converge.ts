import { accepts, decide, type Members } from '../chain/placement.ts'
import { headAll } from '../chain/tombstones.ts'
import { copyOver } from '../migration/copy.ts'
import type { WritableBackend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { isSameObject, isSameRepresentation } from '../storage/same-object.ts'
import { conditionOn } from '../storage/tombstone-marker.ts'

export interface Convergence {
  /**
   * - `copied` the mirror now has the object
   * - `deleted` the mirror's object was deleted, because the name is
   * - `equal` there was nothing to do
   * - `left` what the mirror may have is left alone: nothing is known of the name, or only that it was deleted, and deletes are kept
   * - `skipped` the mirror cannot hold it, because of its size, its metadata or its name
   * - `changed` the name was changed in the meantime, which is another change to follow
   */
  outcome: 'copied' | 'deleted' | 'equal' | 'left' | 'skipped' | 'changed'
  /** Bytes stored; 0 unless `copied`. */
  bytes: number
}

export interface ConvergeOptions {
  /** The writable backends that are no mirrors, in order, and without caches: what they hold now is repeated. */
  sources: Pick<Members, 'tombstones'> & { backends: readonly WritableBackend[] }
  mirror: WritableBackend
  /** Whether the mirror's object may be deleted now; see `MirrorLog.claimDeletion`. */
  claimDeletion: () => Promise<boolean>
  signal?: AbortSignal
  /** Size of the parts if the body's length is unknown. */
  partBytes?: number
}

/**
 * Makes a mirror equal to what the other writable backends hold now under one name. Nothing else may do that for the
 * same name at the same time. Throws if a backend fails; then it can be repeated.
 */
export async function converge(name: string, options: ConvergeOptions): Promise<Convergence> {
  const { sources, mirror, signal, partBytes } = options
  if (!accepts(mirror, name)) return done('skipped')
  const [held, { serves, tombstone }] = await Promise.all([
    mirror.head(name, { signal }),
    find(sources, name, signal),
  ])
  if (tombstone) return remove(name, held, options, (now) => now.tombstone !== null)
  if (!serves) return done('left')
  const { backend: source, info } = serves
  if (held && isSameObject(held, info) && isSameRepresentation(held, info)) return done('equal')
  const replaceOutdated = async (): Promise<Convergence> => {
    // It is not served in place of the present one, if this becomes the primary.
    const isStill = ({ serves: now }: Found): boolean => now?.info.version === info.version
    const removed = await remove(name, held, options, isStill)
    return removed.outcome === 'changed' ? removed : done('skipped')
  }
  if ((info.size ?? 0) > (mirror.maxSize ?? Infinity)) return replaceOutdated()
  try {
    const copyOptions = { onlyIf: conditionOn(held), signal, partBytes }
    const { outcome, bytes } = await copyOver(source, mirror, name, copyOptions)
    if (outcome === 'copied') return done('copied', bytes)
    if (outcome === 'absent') return done('changed')
  } catch (error) {
    if (error instanceof StorageError && error.code === 'too-large') return replaceOutdated()
    throw error
  }
  throw new StorageError('precondition', 'something else has changed the object in the mirror', {
    backend: mirror.name,
  })
}

interface Held {
  backend: WritableBackend
  info: ObjectInfo
}

interface Found {
  serves: Held | null
  tombstone: Held | null
}

async function find(
  sources: ConvergeOptions['sources'],
  name: string,
  signal: AbortSignal | undefined,
): Promise<Found> {
  return decide(sources, name, await headAll(sources.backends, name, signal))
}

/** Deletes what the mirror has, if the sources still hold what requires it once no tombstone can be lifted meanwhile. */
async function remove(
  name: string,
  held: ObjectInfo | null,
  { sources, mirror, claimDeletion, signal }: ConvergeOptions,
  isRequired: (now: Found) => boolean,
): Promise<Convergence> {
  // Its own tombstone, from when it was the primary, hides the name as well.
  if (!held || held.deleted) return done('equal')
  if (mirror.mirror === 'keep-deleted') return done('left')
  if (!(await claimDeletion())) return done('changed')
  if (!isRequired(await find(sources, name, signal))) return done('changed')
  await mirror.delete(name)
  return done('deleted')
}

function done(outcome: Convergence['outcome'], bytes = 0): Convergence {
  return { outcome, bytes }
}
