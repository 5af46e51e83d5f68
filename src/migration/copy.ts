import type { Backend, WritableBackend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { StoredObject } from '../storage/object.ts'
import { upload } from '../storage/upload.ts'
import { copyInParts } from './copy-parts.ts'
import { attributesOfCopy, type CopyResult } from './copy-result.ts'

/** Copies one object; create-only, whole or not at all. Throws StorageError with nothing left in the target. */
export async function copyObject(
  source: Backend,
  target: WritableBackend,
  name: string,
  options: { signal?: AbortSignal } = {},
): Promise<CopyResult> {
  const object = await source.get(name, options)
  if (!object) return { outcome: 'absent', bytes: 0 }
  if (object.deleted) {
    await object.body.cancel()
    return { outcome: 'absent', bytes: 0 }
  }
  if (object.size !== undefined && object.size > (target.maxPutSize ?? Infinity)) {
    await object.body.cancel()
    return copyInParts(source, target, object)
  }
  return storeCopy(object, target, options)
}

/** Stores an open object's bytes in `target`, reading `object.body` to its end or cancelling it. */
export async function storeCopy(
  object: StoredObject,
  target: WritableBackend,
  options: { signal?: AbortSignal } = {},
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
