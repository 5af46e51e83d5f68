import type { PutCondition, WritableBackend } from './backend.ts'
import type { ObjectInfo, Provenance } from './object.ts'

const TEXT = 'fallback-storage: this name is deleted '
const UUID_LENGTH = 36

/** Whether an object of that size can be a tombstone, lifted or not: for listings that only have sizes. */
export function mayBeMarker(size: number | undefined): boolean {
  // Those of earlier versions are empty.
  return size === 0 || size === TEXT.length + UUID_LENGTH
}

interface MarkerOptions {
  /** Hides nothing: it replaces an object or a tombstone that must not be deleted without a condition. */
  lifted?: boolean
  /** The source of the copy that it replaces, if the name was deleted there and not here. */
  provenance?: Provenance
  onlyIf?: PutCondition
}

/**
 * Stores a marker under the name in one atomic write: a create-only copy cannot replace it. `null` if `onlyIf` did not hold.
 * Its bytes are unique, since R2 and S3 identify a version by the digest of its bytes: an empty marker would be confused with
 * any other empty object.
 */
export function writeMarker(
  backend: WritableBackend,
  name: string,
  { lifted = false, provenance, onlyIf }: MarkerOptions = {},
): Promise<ObjectInfo | null> {
  const bytes = new TextEncoder().encode(TEXT + crypto.randomUUID())
  return backend.put(name, bytes, {
    size: bytes.length,
    info: { deleted: new Date(), ...(lifted && { lifted }), ...(provenance && { provenance }) },
    onlyIf,
  })
}

/** The condition under which a write replaces exactly what `head` found, or nothing. */
export function conditionOn(held: ObjectInfo | null): PutCondition {
  return held?.version === undefined ? 'absent' : { version: held.version }
}
