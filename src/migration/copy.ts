import type { Backend, PutCondition, WritableBackend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { conditionOn } from '../storage/tombstone-marker.ts'
import { cancelBody } from '../bodies/cancel.ts'
import { BACKGROUND_LEAVES_BYTES, isolateMemory, type Reservation } from '../bodies/memory-budget.ts'
import type { StoredObject } from '../storage/object.ts'
import { upload, uploadMemory } from '../methods/upload.ts'
import { copyInParts } from './copy-parts.ts'
import { attributesOfCopy, type CopyResult } from './copy-result.ts'

/** Nobody waits for a copy in the background, so it rather waits for memory than fails. */
const MEMORY_WAIT_MS = 120_000

interface CopyOptions {
  signal?: AbortSignal
  /** Bytes of a part where the body's length is not known. */
  partBytes?: number
}

interface StoreOptions extends CopyOptions {
  onlyIf: PutCondition
  memory?: Reservation
}

/** Copies one object; create-only, whole or not at all. Throws StorageError with nothing left in the target. */
export function copyObject(
  source: Backend,
  target: WritableBackend,
  name: string,
  options: CopyOptions = {},
): Promise<CopyResult> {
  return createOnly(target, name, (onlyIf) => copyOnce(source, target, name, { ...options, onlyIf }))
}

/** Stores a copy where nothing is. Where what is there is a lifted tombstone, once more: in the place of just that. */
export async function createOnly(
  target: WritableBackend,
  name: string,
  store: (onlyIf: PutCondition) => Promise<CopyResult>,
): Promise<CopyResult> {
  const result = await store('absent')
  if (result.outcome !== 'present') return result
  const held = await target.head(name)
  return held?.lifted ? store(conditionOn(held)) : result
}

async function copyOnce(
  source: Backend,
  target: WritableBackend,
  name: string,
  options: StoreOptions,
): Promise<CopyResult> {
  const read = options.signal && { signal: options.signal }
  const object = await source.get(name, read)
  const bytes =
    object && !object.deleted && !needsParts(object, target)
      ? uploadMemory(target, object.size, options.partBytes)
      : 0
  if (!object || bytes === 0) return copyOpen(source, target, object, options)
  let memory = isolateMemory.tryReserve(bytes, { leave: BACKGROUND_LEAVES_BYTES })
  try {
    if (memory) return await copyOpen(source, target, object, { ...options, memory })
    // The source would not keep it open for so long.
    await cancelBody(object.body)
    memory = await isolateMemory.reserve(bytes, {
      ...read,
      waitMs: MEMORY_WAIT_MS,
      leave: BACKGROUND_LEAVES_BYTES,
    })
    return await copyOpen(source, target, await source.get(name, read), { ...options, memory })
  } finally {
    memory?.release()
  }
}

function needsParts({ size }: StoredObject, target: WritableBackend): boolean {
  return size !== undefined && size > (target.maxPutSize ?? Infinity)
}

async function copyOpen(
  source: Backend,
  target: WritableBackend,
  object: StoredObject | null,
  options: StoreOptions,
): Promise<CopyResult> {
  if (!object) return { outcome: 'absent', bytes: 0 }
  if (object.deleted) {
    await cancelBody(object.body)
    return { outcome: 'absent', bytes: 0 }
  }
  if (needsParts(object, target)) {
    await cancelBody(object.body)
    return copyInParts(source, target, object, options.onlyIf)
  }
  return storeCopy(object, target, options)
}

/** Stores an open object's bytes in `target`, reading `object.body` to its end or cancelling it. */
export async function storeCopy(
  object: StoredObject,
  target: WritableBackend,
  options: StoreOptions,
): Promise<CopyResult> {
  if (object.range) {
    await cancelBody(object.body)
    throw new StorageError('invalid', 'a part of an object is never stored as the object', {
      name: object.name,
    })
  }
  const stored = await upload(target, object.name, object.body, {
    ...options,
    isBackground: true,
    ...(object.size !== undefined && { size: object.size }),
    ...(object.digests && { digests: object.digests }),
    info: attributesOfCopy(object),
  })
  if (!stored) return { outcome: 'present', bytes: 0 }
  return { outcome: 'copied', bytes: stored.size ?? object.size ?? 0 }
}
