import type { WritableBackend } from '../storage/backend.ts'
import { isWritable } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { Chain } from '../chain/fallback.ts'
import { accepts, before, writersFor } from '../chain/placement.ts'
import { conditionOn, writeMarker } from '../storage/tombstone-marker.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { type Body, storeIn, type UploadOptions, withUpload } from './upload.ts'

export interface PutObjectOptions extends UploadOptions {
  /** Whether the write may go on, given what the chain has under the name now. Left out: always. */
  allows?: (current: ObjectInfo | null) => boolean
}

/**
 * Replaces the object in the first writable backend that takes it. Another one does not step in when that fails:
 * the older version there would hide the new one. The body is read to its end or cancelled.
 */
export function putObject(
  chain: Chain,
  name: string,
  body: Body,
  { allows, ...options }: PutObjectOptions = {},
): Promise<{ info: ObjectInfo; created: boolean }> {
  return withUpload(body, options, async (upload) => {
    const [target] = writersFor(chain, name, upload.size)
    const held = await target.head(name, { lastResort: true })
    if (allows && !allows(await chain.head(name))) throw changed(name)
    const info = await storeIn(target, upload, name, allows && conditionOn(held))
    if (!info) throw changed(name)
    await clearBefore(chain, name, target)
    return { info, created: held === null || held.deleted !== undefined }
  })
}

/** Writable backends before the target were passed over for the size only: what they hold would hide the object. */
async function clearBefore(chain: Chain, name: string, target: WritableBackend): Promise<void> {
  for (const backend of before(chain, target).filter(isWritable)) {
    if (!accepts(backend, name)) continue
    const held = await backend.head(name)
    // A marker and no delete: that would take with it what is saved there meanwhile.
    if (held && !held.lifted) await writeMarker(backend, name, { lifted: true, onlyIf: conditionOn(held) })
  }
}

/** What a write fails with whose condition does not hold. */
export function changed(name: string): StorageError {
  return new StorageError('precondition', 'the object is not, or no longer, as the request demands', { name })
}
