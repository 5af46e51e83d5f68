import type { ObjectAttributes } from '../storage/backend.ts'
import { type ObjectInfo, representationOf } from '../storage/object.ts'

export interface CopyResult {
  /**
   * - `copied` the target now has it
   * - `present` the target already had the name, or another version than the one to replace: a save or delete came first and wins
   * - `absent` the source proved that it does not have the name
   */
  outcome: 'copied' | 'present' | 'absent'
  /** Bytes stored; 0 unless `copied`. */
  bytes: number
}

/** What a copy keeps: the representation, the source's validators, and where it came from. */
export function attributesOfCopy(object: ObjectInfo): ObjectAttributes {
  const { backend, etag, modified } = object
  const validators = { ...(etag !== undefined && { etag }), ...(modified && { modified }) }
  return {
    ...representationOf(object),
    ...validators,
    provenance: { backend, copied: new Date(), ...validators },
  }
}
