import { cancelBody } from '../bodies/cancel.ts'
import type { Chain } from '../chain/fallback.ts'
import { accepts, before, copyTarget, hides } from '../chain/placement.ts'
import { compareBytes, compareCopy } from '../migration/compare-copy.ts'
import { type CopyOptions, copyObject } from '../migration/copy.ts'
import { type Backend, isWritable, type WritableBackend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { conditionOn, writeMarker } from '../storage/tombstone-marker.ts'
import { type Conflict, versionOf } from './conflicts.ts'
import { headSource } from './head-source.ts'

export interface Reconciled {
  /**
   * - `same` the chain has what the source has
   * - `copied` the source's object was copied, for the first time or in place of an older version
   * - `tombstoned` the source has deleted the object, so its copy was replaced by a tombstone
   * - `conflict` the object was saved, not copied, and differs from the source's; nothing was changed
   * - `absent` the source does not have the name, and no copy of it exists
   * - `hidden` the name was deleted here
   * - `not-migrated` there is no copy yet, and migration is off
   * - `ignored` another backend decides what the name holds; `detail` says why
   */
  outcome: 'same' | 'copied' | 'tombstoned' | 'conflict' | 'absent' | 'hidden' | 'not-migrated' | 'ignored'
  detail: string
  /** What a backend before the source has under the name, as it was when it was compared. */
  held?: ObjectInfo
  /** What the source has. */
  found?: ObjectInfo
  /** Bytes copied. */
  bytes?: number
}

export interface ReconcileOptions extends Omit<CopyOptions, 'onlyIf'> {
  /** Whether a name that is only at the source is copied. */
  migrating: boolean
}

/** Other writes that came first are looked at again so often. */
const MAX_TRIES = 5

/**
 * Brings the copy of a name in line with what its source has now. Every change is conditional on the version that was
 * compared, so a save or delete that comes meanwhile wins. Throws if a backend fails; then nothing has changed, unless the
 * copy's backend is too small for the new version: its outdated copy may be gone, and the source is read.
 */
export async function reconcile(
  chain: Chain,
  sourceName: string,
  name: string,
  { migrating, ...copying }: ReconcileOptions,
): Promise<Reconciled> {
  const source = chain.backends.find((backend) => backend.name === sourceName)
  if (!source) throw new StorageError('unsupported', 'is not configured any more', { backend: sourceName })
  if (!accepts(source, name))
    return { outcome: 'ignored', detail: `${source.name} does not accept that name` }
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const result = await reconcileOnce({ chain, source, name, migrating, copying })
    if (result) return result
  }
  throw new StorageError('unavailable', 'other writes of the name came first every time')
}

/** Whether it is a conflict still. What was saved is compared with the source again if it has been replaced since. */
export async function isConflict(chain: Chain, { backend, name, held }: Conflict): Promise<boolean> {
  const source = chain.backends.find((one) => one.name === backend)
  // It cannot be looked at.
  if (!source) return true
  const holder = await firstHolder({ chain, source, name, copying: {} })
  if (!holder || holder.info.deleted || holder.info.provenance) return false
  const { etag, modified } = versionOf(holder.info)
  if (etag === held.etag && modified === held.modified) return true
  const found = await headSource(source, name, { holder: holder.backend })
  if (found?.provenance?.backend === holder.backend.name) return false
  return compareSaved(holder.info, found).outcome === 'conflict'
}

interface Subject {
  chain: Chain
  source: Backend
  name: string
  migrating: boolean
  copying: CopyOptions
}

interface Held {
  backend: Backend
  info: ObjectInfo
}

/** `null` if another write came first. */
async function reconcileOnce(subject: Subject): Promise<Reconciled | null> {
  const { source, name, copying } = subject
  const held = await firstHolder(subject)
  if (!held) return copyNew(subject)
  const { backend, info } = held
  const copiedFrom = info.provenance?.backend
  if (info.deleted && copiedFrom !== source.name)
    return { outcome: 'hidden', detail: `deleted in ${backend.name}`, held: info }
  if (!isWritable(backend) || backend.mirror)
    return { outcome: 'ignored', detail: `${backend.name}, an earlier backend, has the name`, held: info }
  if (copiedFrom !== undefined && copiedFrom !== source.name)
    return { outcome: 'ignored', detail: `the copy in ${backend.name} is from ${copiedFrom}`, held: info }

  const found = await headSource(source, name, { holder: backend, signal: copying.signal })
  // A mirror follows the primary; what is not there yet is on its way.
  if (found?.provenance?.backend === backend.name)
    return { outcome: 'same', detail: `${source.name} has a mirrored copy`, held: info, found }
  if (copiedFrom === undefined) return compareSaved(info, found)
  if (!found) return tombstone(subject, backend, info)
  const compared = info.deleted ? { changed: `${source.name} has it again` } : compareCopy(info, found)
  if (compared === 'same') return { outcome: 'same', detail: '', held: info, found }
  const onlyIf = conditionOn(info)
  const copied = await copyObject(source, backend, found.name, { ...copying, onlyIf }).catch(
    async (error: unknown) => {
      if (!(error instanceof StorageError) || error.code !== 'too-large') throw error
      // The new version belongs in another backend, or stays at the source. The outdated copy would hide it.
      await writeMarker(backend, name, { lifted: true, onlyIf })
      return null
    },
  )
  if (copied?.outcome !== 'copied') return null
  const { outcome, bytes } = copied
  const detail = compared === 'unknown' ? 'neither ETag nor time says whether it changed' : compared.changed
  return { outcome, detail, held: info, found, bytes }
}

/** What a read would find before it comes to the source: an object, or a tombstone that hides the source's. */
async function firstHolder(
  { chain, source, name, copying }: Omit<Subject, 'migrating'>,
  after?: Backend,
): Promise<Held | null> {
  const earlier = before(chain, source)
  for (const backend of earlier.slice(after ? earlier.indexOf(after) + 1 : 0)) {
    if (!accepts(backend, name)) continue
    const info = await backend.head(name, { fresh: true, signal: copying.signal })
    // A mirror's copy of what is in `after` follows it.
    if (after && backend.mirror && info?.provenance?.backend === after.name) continue
    if (info && (!info.deleted || hides(chain, { backend, info }))) return { backend, info }
  }
  return null
}

/** No backend before the source has the name. */
async function copyNew(subject: Subject): Promise<Reconciled | null> {
  const { chain, source, name, migrating, copying } = subject
  const found = await headSource(source, name, { signal: copying.signal })
  if (!found) return { outcome: 'absent', detail: `${source.name} does not have the name` }
  if (!migrating) return { outcome: 'not-migrated', detail: 'FALLBACK_DATA_MIGRATION is off', found }
  const target = copyTarget(chain, source, { name, size: found.size })
  if (typeof target === 'string')
    return { outcome: 'ignored', detail: `no backend before ${source.name} accepts it: ${target}`, found }
  const options = { ...copying, tombstones: chain.tombstones }
  const { outcome, bytes } = await copyObject(source, target, name, options)
  return outcome === 'copied' ? { outcome, detail: 'there was no copy', found, bytes } : null
}

/** An object that was saved belongs to whoever saved it, whatever the source does. */
function compareSaved(held: ObjectInfo, found: ObjectInfo | null): Reconciled {
  if (!found) return { outcome: 'absent', detail: `saved in ${held.backend}, not copied`, held }
  const compared = compareBytes(held, found)
  if (compared === 'same') return { outcome: 'same', detail: 'saved, with the same bytes', held, found }
  const detail =
    compared === 'unknown' ? 'their bytes could not be compared without reading them' : compared.changed
  return { outcome: 'conflict', detail: `saved in ${held.backend}, not copied: ${detail}`, held, found }
}

/** The source has deleted the object of a copy. Its tombstone keeps where the copy was from, in case the source gets the object again. */
async function tombstone(
  subject: Subject,
  backend: WritableBackend,
  held: ObjectInfo,
): Promise<Reconciled | null> {
  const { chain, source, name, copying } = subject
  const detail = `${source.name} does not have it any more`
  if (held.deleted) return { outcome: 'same', detail, held }
  const other = await firstHolder(subject, backend)
  if (other)
    return { outcome: 'ignored', detail: `${other.backend.name}, an earlier fallback, has the name`, held }
  // What S3 answers to a HEAD is the same if the bucket is gone.
  const back = await source.get(name, { fresh: true, signal: copying.signal })
  if (back) {
    await cancelBody(back.body)
    const why = 'answered a HEAD as if it did not have the object, and a GET with the object'
    throw new StorageError('unavailable', why, { backend: source.name })
  }
  const marker = await writeMarker(backend, name, {
    // Where deletes leave no tombstones, nothing may be hidden, but no delete is conditional.
    lifted: !chain.tombstones,
    ...(held.provenance && { provenance: held.provenance }),
    onlyIf: conditionOn(held),
  })
  return marker && { outcome: 'tombstoned', detail, held }
}
