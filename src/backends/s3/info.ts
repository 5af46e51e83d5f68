import { infoFromHeaders, representationHeaders } from '../../http/headers.ts'
import { ownEncoding } from '../../s3/content-encoding.ts'
import type { ObjectAttributes } from '../../storage/backend.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { attributesFromMetadata, attributesToMetadata } from '../attributes.ts'

/** S3's limit for names and values together. */
const MAX_METADATA_BYTES = 2048
/** The type that S3 gives an object that was stored without one. */
const UNTYPED = 'binary/octet-stream'

/** The object as a response's headers describe it. */
export function infoOf(backend: string, name: string, headers: Headers): ObjectInfo {
  const stored = new Headers(headers)
  // The bytes are not decoded, so length and digests are right even with an encoding.
  stored.delete('Content-Encoding')
  const { contentType, metadata, digests, ...described } = infoFromHeaders(stored)
  // Some servers keep that of the upload, too.
  const contentEncoding = ownEncoding(headers.get('Content-Encoding'))
  const opaque = opaqueETagOf(headers)
  const md5 = opaque ? undefined : /^"([0-9a-f]{32})"$/.exec(described.etag ?? '')?.[1]
  const allDigests = { ...(md5 !== undefined && { md5 }), ...digests }
  return {
    name,
    backend,
    ...described,
    ...(described.etag !== undefined && { version: described.etag }),
    ...(contentType !== undefined && contentType !== UNTYPED && { contentType }),
    ...(contentEncoding !== undefined && { contentEncoding }),
    ...(Object.keys(allDigests).length > 0 && { digests: allDigests }),
    ...opaque,
    ...attributesFromMetadata(metadata),
  }
}

/** The headers under which an object is stored. */
export function headersOf(info: ObjectAttributes): Record<string, string> {
  const metadata = attributesToMetadata(info, MAX_METADATA_BYTES)
  return Object.fromEntries(representationHeaders({ ...info, metadata }))
}

interface Stored {
  info: ObjectAttributes
  size: number | undefined
  etag: string | null | undefined
}

/** The object that was stored, without a request. */
export function storedInfo(backend: string, name: string, { info, size, etag }: Stored): ObjectInfo {
  return {
    ...(etag && { etag, version: etag }),
    ...info,
    name,
    backend,
    ...(size !== undefined && { size }),
  }
}

/** The ETag of an object that was not uploaded in parts is its MD5, unless it is encrypted so. */
export function opaqueETagOf(headers: Headers): Pick<ObjectInfo, 'isETagOpaque'> | undefined {
  const isETagOpaque =
    headers.get('x-amz-server-side-encryption')?.startsWith('aws:kms') ||
    headers.has('x-amz-server-side-encryption-customer-algorithm')
  return isETagOpaque ? { isETagOpaque } : undefined
}
