import { wholeSeconds } from '../http/date.ts'
import type { Backend } from '../storage/backend.ts'
import type { ObjectInfo } from '../storage/object.ts'

const ENTITY_TAG = /^(W\/)?"([^"]*)"$/
const MD5_LIKE = /^[0-9a-f]{32}$/i
/** Clients take 32 hex digits for the MD5 of the bytes, but never anything with a dash, which is how multipart uploads end. */
const NOT_AN_MD5 = '-0'

/**
 * The ETag for S3 clients of an object in a backend of that type: strong, taken for an MD5 only if it is one, and the same
 * before and after a migration, apart from `-0`. `undefined` if nothing is known that identifies the version.
 */
export function s3Tag(info: ObjectInfo, type: Backend['type'] | undefined): string | undefined {
  const [, weak, opaque] = ENTITY_TAG.exec(info.etag ?? '') ?? []
  const { provenance } = info
  // The copy of an object without a tag has one of its own, which readers before the copy did not get.
  const isOwn = provenance && provenance.etag === undefined
  const fallback = opaque === undefined || isOwn ? tagOfTime(info) : undefined
  if (fallback !== undefined || opaque === undefined) return fallback
  const passes = weak === undefined && (!MD5_LIKE.test(opaque) || isMd5(opaque, info, type))
  return passes ? `"${opaque}"` : `"${opaque}${NOT_AN_MD5}"`
}

/** R2 and S3 give their own objects their MD5. A copy has its source's tag, and may have been copied from anything. */
function isMd5(hex: string, info: ObjectInfo, type: Backend['type'] | undefined): boolean {
  if (!info.provenance && !info.isETagOpaque && (type === 'r2' || type === 's3')) return true
  return info.digests?.md5 === hex.toLowerCase()
}

/** In whole seconds: HTTP dates have no more. */
function tagOfTime({ size, modified, provenance }: ObjectInfo): string | undefined {
  const time = provenance ? provenance.modified : modified
  if (!time) return undefined
  const seconds = wholeSeconds(time).toString(16)
  return size === undefined ? `"${seconds}${NOT_AN_MD5}"` : `"${seconds}-${size.toString(16)}"`
}

/**
 * A request's headers, with If-Match and If-None-Match (or other conditions) in the form in which `tag` is written if
 * they list this version: with or without `-0`, quoted or not, or by another tag that clients got of it. Listings of S3 have
 * the server's own tag for a copy, and those of origins none, so clients get one of the time and the size.
 */
export function s3Conditions(
  headers: Headers,
  info: ObjectInfo,
  tag = info.etag,
  names: readonly string[] = ['If-Match', 'If-None-Match'],
): Headers {
  let conditions = headers
  for (const name of names) {
    const listed = headers.get(name)?.split(',') ?? []
    const own = [tag, info.etag, info.version, tagOfTime(info)].map(bareTag).filter(Boolean)
    if (tag === undefined || !listed.some((element) => own.includes(bareTag(element)))) continue
    if (conditions === headers) conditions = new Headers(headers)
    conditions.set(name, tag)
  }
  return conditions
}

function bareTag(tag = ''): string {
  return tag.trim().replace(ENTITY_TAG, '$2').replace(/-0$/, '')
}
