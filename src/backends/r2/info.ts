import type { ObjectAttributes, PutCondition } from '../../storage/backend.ts'
import { type Digests, type ObjectInfo, representationOf } from '../../storage/object.ts'
import { attributesFromMetadata, attributesToMetadata, checkSize } from '../attributes.ts'

/** R2's limit for HTTP and custom metadata together, which the simulator does not know. */
const MAX_METADATA_BYTES = 8 * 1024
/** For custom metadata, so that some is left for HTTP metadata. */
const MAX_CUSTOM_BYTES = 6 * 1024

/** Assigned one by one, not spread: every hit comes through here, and the runtime makes each property of `object` when it is read. */
export function infoOf(object: R2Object, backend: string, name = object.key): ObjectInfo {
  const { etag, uploaded, httpMetadata: http, customMetadata } = object
  const info = {
    name,
    backend,
    size: object.size,
    etag: `"${etag}"`,
    modified: uploaded,
    created: uploaded,
    version: etag,
    // Computed on demand: a hit does not need it, and it is slower than all the rest.
    get digests() {
      return digestsOf(object.checksums)
    },
  } as ObjectInfo
  if (http) {
    if (http.contentType !== undefined) info.contentType = http.contentType
    if (http.contentLanguage !== undefined) info.contentLanguage = http.contentLanguage
    if (http.contentDisposition !== undefined) info.contentDisposition = http.contentDisposition
    if (http.contentEncoding !== undefined) info.contentEncoding = http.contentEncoding
    if (http.cacheControl !== undefined) info.cacheControl = http.cacheControl
    if (http.cacheExpiry) info.expires = http.cacheExpiry
  }
  return customMetadata ? Object.assign(info, attributesFromMetadata(customMetadata)) : info
}

export function r2Metadata(info: ObjectAttributes): Pick<R2PutOptions, 'customMetadata'> & {
  httpMetadata: R2HTTPMetadata
} {
  const { expires, metadata: _, ...http } = representationOf(info)
  const customMetadata = attributesToMetadata(info, MAX_CUSTOM_BYTES)
  checkSize([...Object.entries(http), ...Object.entries(customMetadata)], MAX_METADATA_BYTES)
  return {
    httpMetadata: { ...http, ...(expires && { cacheExpiry: expires }) },
    customMetadata,
  }
}

export function r2Condition(condition: PutCondition): R2Conditional {
  return condition === 'absent' ? { etagDoesNotMatch: '*' } : { etagMatches: condition.version }
}

function digestsOf({ md5, sha1, sha256, sha512 }: R2Checksums): Digests | undefined {
  if (!md5 && !sha1 && !sha256 && !sha512) return undefined
  const digests: Digests = {}
  if (md5) digests.md5 = new Uint8Array(md5).toHex()
  if (sha1) digests.sha1 = new Uint8Array(sha1).toHex()
  if (sha256) digests.sha256 = new Uint8Array(sha256).toHex()
  if (sha512) digests.sha512 = new Uint8Array(sha512).toHex()
  return digests
}
