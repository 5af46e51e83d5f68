import { isWritable, type PutCondition, type WritableBackend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { Chain } from '../chain/fallback.ts'
import { accepts, before, bodyWriters, writersFor } from '../chain/placement.ts'
import { headForWrite } from '../chain/read-for-write.ts'
import { conditionOn, writeMarker } from '../storage/tombstone-marker.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { type Trace, traceWrite } from '../storage/trace.ts'
import { type Body, hold, isComplete, storeIn, type UploadOptions, withUpload } from './upload.ts'

export interface PutObjectOptions extends UploadOptions {
  /** Whether the write may proceed, given the current object. Default: always. */
  allows?: ((current: ObjectInfo | null) => boolean) | undefined
  trace?: Trace
}

/**
 * Replaces the object in the first writable backend that accepts it. If that fails, no other backend is tried, because the
 * older version in the first would hide the new one. The body is read to its end or cancelled. `created`: that backend had no
 * object of the name or, if `allows` was given, none had.
 */
export function putObject(
  chain: Chain,
  name: string,
  body: Body,
  { allows: condition, trace, ...options }: PutObjectOptions = {},
): Promise<{ info: ObjectInfo; created: boolean }> {
  return withUpload(body, options, async (upload) => {
    let [target] = bodyWriters(chain, name, upload.size)
    if (target !== writersFor(chain, name, upload.size)[0]) {
      // A body that turns out to be small belongs in an earlier one.
      await hold(upload, target)
      target = bodyWriters(chain, name, upload.size)[0]
    }
    return traceWrite(trace, target, async () => {
      const held = await target.head(name, { lastResort: true })
      let created = held === null || held.deleted !== undefined
      // For a condition, the whole chain is searched.
      const allows =
        condition &&
        ((current: ObjectInfo | null): boolean => {
          created = current === null
          return condition(current)
        })
      const info = await replace(chain, name, { target, held, allows }, async (onlyIf) => {
        const mayBeCopied = allows && (!held || held.lifted)
        // So that a write that came too soon after another one can be repeated.
        await hold(upload, target)
        const stored = await storeIn(target, upload, name, onlyIf)
        if (stored || !mayBeCopied || !isComplete(upload)) return stored
        // A read may have copied the very object that was allowed to be replaced.
        const copy = await target.head(name, { lastResort: true })
        return copy?.provenance && !copy.deleted && allows(copy)
          ? storeIn(target, upload, name, conditionOn(copy))
          : null
      })
      return { info, created }
    })
  })
}

interface Replacement {
  target: WritableBackend
  /** What `target` has under the name. */
  held: ObjectInfo | null
  /** Whether the write may proceed, given the current object. Default: always. */
  allows?: ((current: ObjectInfo | null) => boolean) | undefined
}

/** Lets `store` replace the object in `target`, which resolves to `null` if `onlyIf` did not hold; then nothing hides it. */
export async function replace(
  chain: Chain,
  name: string,
  { target, held, allows }: Replacement,
  store: (onlyIf: PutCondition | undefined) => Promise<ObjectInfo | null>,
): Promise<ObjectInfo> {
  if (allows && !allows(await headForWrite(chain, name))) throw changed()
  await refuseIfHidden(chain, name, target)
  const info = await store(allows && conditionOn(held))
  if (!info) throw changed()
  await clearBefore(chain, name, target)
  return info
}

/** A read-only backend before the target would go on to serve its own object, even one that was deleted. */
async function refuseIfHidden(chain: Chain, name: string, target: WritableBackend): Promise<void> {
  for (const backend of before(chain, target)) {
    if (isWritable(backend) || !accepts(backend, name)) continue
    const held = await backend.head(name, { fresh: true })
    if (!held || held.deleted) continue
    const why = `"${backend.name}" is read first, cannot be written to, and has this name too: the new object would never be read`
    throw new StorageError('unsupported', why, { backend: target.name })
  }
}

/**
 * Writable backends before the target were only skipped because of the size: their objects would hide the new one, so it
 * replaces those that it `mayReplace`.
 */
export async function clearBefore(
  chain: Chain,
  name: string,
  target: WritableBackend,
  mayReplace: (held: ObjectInfo) => boolean = () => true,
): Promise<void> {
  for (const backend of before(chain, target).filter(isWritable)) {
    if (!accepts(backend, name)) continue
    const held = await backend.head(name)
    if (!held || held.lifted || !mayReplace(held)) continue
    // A marker instead of a delete, which could remove an object that is saved there at the same time.
    await writeMarker(backend, name, { lifted: true, onlyIf: conditionOn(held) })
  }
}

/** The error of a write whose condition does not hold. */
export function changed(): StorageError {
  return new StorageError(
    'precondition',
    'the object does not satisfy the request’s conditions, or no longer does',
  )
}
