import type { ObjectAttributes } from '../storage/backend.ts'
import type { ObjectInfo } from '../storage/object.ts'

/**
 * - `copied` the target now holds it
 * - `present` the target held the name already, or a save or delete came first: theirs wins
 * - `absent` the source proved that it does not have the name
 */
export type CopyOutcome = 'copied' | 'present' | 'absent'

export interface CopyResult {
  outcome: CopyOutcome
  /** Bytes stored; 0 unless `copied`. */
  bytes: number
}

/** What a copy keeps: the representation, the source's validators, and where it came from. */
export function attributesOfCopy(object: ObjectInfo): ObjectAttributes {
  const { contentType, contentLanguage, contentDisposition, contentEncoding } = object
  const { cacheControl, expires, metadata, etag, modified } = object
  return {
    ...(contentType !== undefined && { contentType }),
    ...(contentLanguage !== undefined && { contentLanguage }),
    ...(contentDisposition !== undefined && { contentDisposition }),
    ...(contentEncoding !== undefined && { contentEncoding }),
    ...(cacheControl !== undefined && { cacheControl }),
    ...(expires && { expires }),
    ...(metadata && { metadata }),
    ...(etag !== undefined && { etag }),
    ...(modified && { modified }),
    provenance: {
      backend: object.backend,
      copied: new Date(),
      ...(etag !== undefined && { etag }),
      ...(modified && { modified }),
    },
  }
}
