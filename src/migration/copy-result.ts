import type { ObjectAttributes } from '../storage/backend.ts'
import type { ObjectInfo, Representation } from '../storage/object.ts'

export interface CopyResult {
  /**
   * - `copied` the target now has it
   * - `present` the target had the name already, or a save or delete came first and wins
   * - `absent` the source proved that it does not have the name
   */
  outcome: 'copied' | 'present' | 'absent'
  /** Bytes stored; 0 unless `copied`. */
  bytes: number
}

const REPRESENTATION: ReadonlySet<string> = new Set<keyof Representation>([
  'contentType',
  'contentLanguage',
  'contentDisposition',
  'contentEncoding',
  'cacheControl',
  'expires',
  'metadata',
])

/** What a copy keeps: the representation, the source's validators, and where it came from. */
export function attributesOfCopy(object: ObjectInfo): ObjectAttributes {
  const { backend, etag, modified } = object
  const validators = { ...(etag !== undefined && { etag }), ...(modified && { modified }) }
  return {
    ...Object.fromEntries(Object.entries(object).filter(([key]) => REPRESENTATION.has(key))),
    ...validators,
    provenance: { backend, copied: new Date(), ...validators },
  }
}
