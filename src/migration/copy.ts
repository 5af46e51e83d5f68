import type { Backend, PutCondition, WritableBackend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { conditionOn } from '../storage/tombstone-marker.ts'
import { cancelBody } from '../bodies/cancel.ts'
import { BACKGROUND_LEAVES_BYTES, isolateMemory, type Reservation } from '../bodies/memory-budget.ts'
import type { Digests, StoredObject } from '../storage/object.ts'
import { upload, uploadMemory } from '../methods/upload.ts'
import { copyInParts } from './copy-parts.ts'
import { attributesOfCopy, type CopyResult } from './copy-result.ts'

/** A copy in the background waits for memory: no client waits for the copy. */
const MEMORY_WAIT_MS = 120_000

export interface CopyOptions {
  /** Replaces exactly this version. Default: stores it only if there is nothing. */
  onlyIf?: PutCondition
  /** Whether a tombstone is kept. Default: yes. */
  tombstones?: boolean
  signal?: AbortSignal | undefined
  /** Size of the parts if the body's length is unknown. */
  partBytes?: number | undefined
}

interface StoreOptions extends CopyOptions {
  onlyIf: PutCondition
  /** What the bytes must have, besides the digests that the source reports. */
  digests?: Digests
  memory?: Reservation
}

const ABSENT: CopyResult = { outcome: 'absent', bytes: 0 }
const PRESENT: CopyResult = { outcome: 'present', bytes: 0 }

/** Copies one object under its condition, completely or not at all. If it throws a StorageError, nothing is left in the target. */
export function copyObject(
  source: Backend,
  target: WritableBackend,
  name: string,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const copy = (onlyIf: PutCondition) => copyOver(source, target, name, { ...options, onlyIf })
  const { onlyIf, tombstones = true } = options
  return onlyIf ? copy(onlyIf) : createOnly(target, { name, tombstones, rereads: source.name }, copy)
}

/**
 * Stores a copy if there is nothing. If there is a tombstone that hides nothing, stores it again in place of just that; so it
 * does with a tombstone that only says that `rereads` had deleted the object, a source that `store` reads each time.
 */
export async function createOnly(
  target: WritableBackend,
  { name, tombstones, rereads }: { name: string; tombstones: boolean; rereads?: string },
  store: (onlyIf: PutCondition) => Promise<CopyResult>,
): Promise<CopyResult> {
  const result = await store('absent')
  if (result.outcome !== 'present') return result
  const held = await target.head(name)
  const isGone = rereads !== undefined && held?.provenance?.backend === rereads
  return held?.deleted && (held.lifted || !tombstones || isGone) ? store(conditionOn(held)) : result
}

/** Copies one object if `onlyIf` holds, over what is there. `present` if it does not. */
export async function copyOver(
  source: Backend,
  target: WritableBackend,
  name: string,
  options: StoreOptions,
): Promise<CopyResult> {
  const { signal } = options
  const read = { signal, fresh: true }
  const object = await source.get(name, read)
  if (!object) return ABSENT
  const needed = memoryFor(object, target, options)
  if (needed === 0) return copyOpen(source, target, object, options)
  let memory = isolateMemory.tryReserve(needed, { leave: BACKGROUND_LEAVES_BYTES })
  try {
    if (memory) return await copyOpen(source, target, object, { ...options, memory })
    // The source would not keep it open for so long.
    await cancelBody(object.body)
    const waiting = { signal, waitMs: MEMORY_WAIT_MS, leave: BACKGROUND_LEAVES_BYTES }
    memory = await isolateMemory.reserve(needed, waiting)
    return await copyOpen(source, target, await source.get(name, read), { ...options, memory })
  } finally {
    memory?.release()
  }
}

function memoryFor(object: StoredObject, target: WritableBackend, { partBytes }: CopyOptions): number {
  return object.deleted || needsParts(object, target) ? 0 : uploadMemory(target, object.size, partBytes)
}

/** Whether one put cannot store it. */
export function needsParts(
  object: StoredObject,
  target: WritableBackend,
): object is StoredObject & { size: number } {
  return object.size !== undefined && object.size > (target.maxPutSize ?? Infinity)
}

async function copyOpen(
  source: Backend,
  target: WritableBackend,
  object: StoredObject | null,
  options: StoreOptions,
): Promise<CopyResult> {
  if (!object) return ABSENT
  if (!object.deleted && !needsParts(object, target)) return storeCopy(object, target, options)
  await cancelBody(object.body)
  if (object.deleted || !needsParts(object, target)) return ABSENT
  if (options.digests)
    throw new StorageError(
      'unsupported',
      `${object.size} bytes are copied in parts, which have no common digest`,
    )
  const put = { info: attributesOfCopy(object), onlyIf: options.onlyIf }
  const stored = await copyInParts(source, target, object, put)
  return stored ? { outcome: 'copied', bytes: object.size } : PRESENT
}

/** Stores an open object's bytes in `target`, reading `object.body` to its end or cancelling it. */
export async function storeCopy(
  object: StoredObject,
  target: WritableBackend,
  options: StoreOptions,
): Promise<CopyResult> {
  const { name, size } = object
  const digests = { ...object.digests, ...options.digests }
  if (object.range) {
    await cancelBody(object.body)
    throw new StorageError('invalid', 'a part of an object cannot be stored as the whole object')
  }
  const stored = await upload(target, name, object.body, {
    ...options,
    isBackground: true,
    size,
    ...(Object.keys(digests).length > 0 && { digests }),
    info: attributesOfCopy(object),
  })
  return stored ? { outcome: 'copied', bytes: stored.size ?? size ?? 0 } : PRESENT
}
