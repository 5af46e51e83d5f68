import type { ObjectAttributes, PutCondition } from '../storage/backend.ts'
import { toHex } from '../storage/digest.ts'
import type { Digests, ObjectInfo } from '../storage/object.ts'
import { attributesFromMetadata, attributesToMetadata } from './attributes.ts'

/** Custom metadata in production; HTTP metadata counts too, so some is left for it. */
const MAX_METADATA_BYTES = 6 * 1024

export function infoOf(object: R2Object, backend: string): ObjectInfo {
  const { contentType, contentLanguage, contentDisposition, contentEncoding, cacheControl, cacheExpiry } =
    object.httpMetadata ?? {}
  const digests = digestsOf(object.checksums)
  return {
    name: object.key,
    backend,
    size: object.size,
    etag: object.httpEtag,
    modified: object.uploaded,
    created: object.uploaded,
    version: object.etag,
    ...(contentType !== undefined && { contentType }),
    ...(contentLanguage !== undefined && { contentLanguage }),
    ...(contentDisposition !== undefined && { contentDisposition }),
    ...(contentEncoding !== undefined && { contentEncoding }),
    ...(cacheControl !== undefined && { cacheControl }),
    ...(cacheExpiry && { expires: cacheExpiry }),
    ...(Object.keys(digests).length > 0 && { digests }),
    ...attributesFromMetadata(object.customMetadata),
  }
}

export function r2Metadata(info: ObjectAttributes): Pick<R2PutOptions, 'customMetadata'> & {
  httpMetadata: R2HTTPMetadata
} {
  const { contentType, contentLanguage, contentDisposition, contentEncoding, cacheControl, expires } = info
  return {
    httpMetadata: {
      ...(contentType !== undefined && { contentType }),
      ...(contentLanguage !== undefined && { contentLanguage }),
      ...(contentDisposition !== undefined && { contentDisposition }),
      ...(contentEncoding !== undefined && { contentEncoding }),
      ...(cacheControl !== undefined && { cacheControl }),
      ...(expires && { cacheExpiry: expires }),
    },
    customMetadata: attributesToMetadata(info, MAX_METADATA_BYTES),
  }
}

export function r2Condition(condition: PutCondition): R2Conditional {
  return condition === 'absent' ? { etagDoesNotMatch: '*' } : { etagMatches: condition.version }
}

function digestsOf(checksums: R2Checksums): Digests {
  const { md5, sha1, sha256, sha512 } = checksums
  return {
    ...(md5 && { md5: toHex(md5) }),
    ...(sha1 && { sha1: toHex(sha1) }),
    ...(sha256 && { sha256: toHex(sha256) }),
    ...(sha512 && { sha512: toHex(sha512) }),
  }
}
