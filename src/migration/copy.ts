import type { Backend, WritableBackend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { isolateMemory, type Reservation } from '../storage/memory-budget.ts'
import type { StoredObject } from '../storage/object.ts'
import { upload, uploadMemory } from '../storage/upload.ts'
import { copyInParts } from './copy-parts.ts'
import { attributesOfCopy, type CopyResult } from './copy-result.ts'

/** Nobody waits for a copy in the background, so it rather waits for memory than fails. */
const MEMORY_WAIT_MS = 120_000

/** Copies one object; create-only, whole or not at all. Throws StorageError with nothing left in the target. */
export async function copyObject(
  source: Backend,
  target: WritableBackend,
  name: string,
  options: { signal?: AbortSignal } = {},
): Promise<CopyResult> {
  const object = await source.get(name, options)
  const bytes =
    object && !object.deleted && !needsParts(object, target) ? uploadMemory(target, object.size) : 0
  if (!object || bytes === 0) return copyOpen(source, target, name, { object, options })
  let memory = isolateMemory.tryReserve(bytes)
  try {
    if (memory) return await copyOpen(source, target, name, { object, options: { ...options, memory } })
    // The source would not keep it open for so long.
    await object.body.cancel()
    memory = await isolateMemory.reserve(bytes, { ...options, waitMs: MEMORY_WAIT_MS })
    const again = await source.get(name, options)
    return await copyOpen(source, target, name, { object: again, options: { ...options, memory } })
  } finally {
    memory?.release()
  }
}

interface CopyOptions {
  signal?: AbortSignal
  memory?: Reservation
}

function needsParts({ size }: StoredObject, target: WritableBackend): boolean {
  return size !== undefined && size > (target.maxPutSize ?? Infinity)
}

async function copyOpen(
  source: Backend,
  target: WritableBackend,
  name: string,
  { object, options }: { object: StoredObject | null; options: CopyOptions },
): Promise<CopyResult> {
  if (!object) return { outcome: 'absent', bytes: 0 }
  if (object.deleted) {
    await object.body.cancel()
    return { outcome: 'absent', bytes: 0 }
  }
  if (needsParts(object, target)) {
    await object.body.cancel()
    return copyInParts(source, target, object)
  }
  return storeCopy(object, target, options)
}

/** Stores an open object's bytes in `target`, reading `object.body` to its end or cancelling it. */
export async function storeCopy(
  object: StoredObject,
  target: WritableBackend,
  options: CopyOptions = {},
): Promise<CopyResult> {
  if (object.range) {
    await object.body.cancel()
    throw new StorageError('invalid', 'a part of an object is never stored as the object', {
      name: object.name,
    })
  }
  const stored = await upload(target, object.name, object.body, {
    ...options,
    ...(object.size !== undefined && { size: object.size }),
    ...(object.digests && { digests: object.digests }),
    info: attributesOfCopy(object),
    onlyIf: 'absent',
  })
  if (!stored) return { outcome: 'present', bytes: 0 }
  return { outcome: 'copied', bytes: stored.size ?? object.size ?? 0 }
}
