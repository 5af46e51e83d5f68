import type { PutCondition, WritableBackend } from './backend.ts'
import type { ObjectInfo } from './object.ts'

const TEXT = 'fallback-storage: this name is deleted '
const UUID_LENGTH = 36

/** Whether an object of that size can be a tombstone, lifted or not: for listings that hold no more than sizes. */
export function mayBeMarker(size: number | undefined): boolean {
  // Those of earlier versions are empty.
  return size === 0 || size === TEXT.length + UUID_LENGTH
}

interface MarkerOptions {
  /** Hides nothing: it takes an object's or a tombstone's place where that must not be deleted without a condition. */
  lifted?: boolean
  onlyIf?: PutCondition
}

/**
 * Puts a marker in the name's place, in one atomic write: a create-only copy cannot land on it. `null` when `onlyIf` did not hold.
 * Its bytes are like no other's, since R2 and S3 know a version by the digest of its bytes: an empty marker would be taken for
 * any other empty object.
 */
export function writeMarker(
  backend: WritableBackend,
  name: string,
  { lifted = false, onlyIf }: MarkerOptions = {},
): Promise<ObjectInfo | null> {
  const bytes = new TextEncoder().encode(TEXT + crypto.randomUUID())
  return backend.put(name, bytes, {
    size: bytes.length,
    info: { deleted: new Date(), ...(lifted && { lifted }) },
    ...(onlyIf && { onlyIf }),
  })
}

/** What a write is conditional on, so that it replaces just what `head` found, or nothing. */
export function conditionOn(held: ObjectInfo | null): PutCondition {
  return held?.version === undefined ? 'absent' : { version: held.version }
}
