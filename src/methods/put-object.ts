import type { PutCondition, WritableBackend } from '../storage/backend.ts'
import { isWritable } from '../storage/backend.ts'
import { cancelBody } from '../bodies/cancel.ts'
import { StorageError } from '../storage/errors.ts'
import type { Chain } from '../chain/fallback.ts'
import { accepts, before, writersFor } from '../chain/placement.ts'
import { conditionOn, writeMarker } from '../storage/tombstone-marker.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { type SaveOptions, sizeOf } from './save.ts'
import { upload } from './upload.ts'

export interface PutObjectOptions extends SaveOptions {
  /** Whether the write may go on, given what the chain has under the name now. Left out: always. */
  allows?: (current: ObjectInfo | null) => boolean
}

/**
 * Replaces the object in the first writable backend that takes it. Another one does not step in when that fails:
 * the older version there would hide the new one. The body is read to its end or cancelled.
 */
export async function putObject(
  chain: Chain,
  name: string,
  body: ReadableStream<Uint8Array> | Uint8Array,
  options: PutObjectOptions = {},
): Promise<{ info: ObjectInfo; created: boolean }> {
  const { allows, ...uploadOptions } = options
  try {
    const [target] = writersFor(chain, name, sizeOf(body, options))
    const held = await target.head(name, { lastResort: true })
    const onlyIf = allows && (await conditionFor(chain, name, { held, allows }))
    const stored = await upload(target, name, body, { ...uploadOptions, ...(onlyIf && { onlyIf }) })
    if (!stored) throw changed(name)
    await clearBefore(chain, name, target)
    return { info: stored, created: held === null || held.deleted !== undefined }
  } catch (error) {
    await cancelBody(body, error)
    throw error
  }
}

/** What the put has to be conditional on, so that what was allowed still holds when it lands. */
async function conditionFor(
  chain: Chain,
  name: string,
  { held, allows }: { held: ObjectInfo | null; allows: (current: ObjectInfo | null) => boolean },
): Promise<PutCondition> {
  const current = await chain.head(name)
  if (!allows(current)) throw changed(name)
  return conditionOn(held)
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
