import { refuseBody } from '../../bodies/cancel.ts'
import { ifRangeHolds } from '../../http/conditional.ts'
import { retryAfterMs } from '../../http/date.ts'
import { infoFromHeaders } from '../../http/headers.ts'
import { parseContentRange } from '../../http/range.ts'
import { type ErrorCode, StorageError } from '../../storage/errors.ts'
import type { ObjectInfo, RangeRequest, StoredObject } from '../../storage/object.ts'
import { withoutReserved } from '../attributes.ts'
import { changed, contentLength, openResponse } from '../ranges.ts'

/** The whole object as a 200 or 206 describes it, corrected for what workerd decodes. */
export function infoOfAnswer(response: Response, backend: string, name: string): ObjectInfo {
  const { headers } = response
  const info: ObjectInfo = Object.assign(infoFromHeaders(headers), { name, backend })
  const { metadata, etag } = info
  if (metadata) info.metadata = withoutReserved(metadata)
  if (isDecoded(headers)) {
    delete info.contentEncoding
    if (etag !== undefined) info.etag = weak(etag)
    return info
  }
  const size = sizeOf(response)
  if (size === undefined) delete info.size
  else info.size = size
  const tag = etag ?? syntheticTag(info.modified, size)
  if (tag !== undefined) info.etag = tag
  return info
}

/**
 * Whether workerd decodes the body. It decodes these two codings, spelled exactly so, even if identity was requested. Other
 * bodies are not changed and keep their Content-Encoding.
 */
export function isDecoded(headers: Headers): boolean {
  const encoding = headers.get('Content-Encoding')
  return encoding === 'gzip' || encoding === 'br'
}

function sizeOf({ status, headers }: Response): number | undefined {
  if (status === 206) return parseContentRange(headers.get('Content-Range'))?.size
  return contentLength(headers)
}

/** In nginx's format, so that objects of an origin without ETags have the same validator before and after migration. */
function syntheticTag(modified: Date | undefined, size: number | undefined): string | undefined {
  if (!modified || size === undefined) return undefined
  return `"${Math.floor(modified.getTime() / 1000).toString(16)}-${size.toString(16)}"`
}

/** Seconds in eight digits, and the size. Apache's tags end in a time, which has more digits. */
const SYNTHETIC_TAG = /^"([0-9a-f]{8})-[0-9a-f]{1,11}"$/

/** If-Range as the origin understands it: a tag that was made from the object's time becomes that time. */
export function ifRangeForOrigin(ifRange: string): string {
  const [, seconds] = SYNTHETIC_TAG.exec(ifRange) ?? []
  return seconds === undefined ? ifRange : new Date(Number.parseInt(seconds, 16) * 1000).toUTCString()
}

/** A strong tag is about the encoded bytes, and the body is decoded. */
function weak(etag: string): string {
  return etag.startsWith('W/') ? etag : `W/${etag}`
}

const MEDIA_NAME =
  /\.(?:jpe?g|jxl|png|gif|webp|avif|heic|bmp|ico|svgz?|tiff?|mp4|m4[av]|mov|webm|mkv|avi|mp3|ogg|oga|ogv|opus|wav|flac|aac|pdf|zip|gz|tgz|bz2|xz|7z|rar|woff2?|ttf|otf|css|js|mjs|json|docx?|xlsx?|pptx?|epub)$/i

/** The name's extension, if the response is an HTML page and such a name cannot stand for one; else `undefined`. */
export function htmlInsteadOf(name: string, headers: Headers): string | undefined {
  const type = headers.get('Content-Type') ?? ''
  if (!/^\s*(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i.test(type)) return undefined
  return MEDIA_NAME.exec(name)?.[0]
}

/** The error for a response that is neither the object nor proof of its absence. */
export function refusal({ status, headers }: Response, backend: string): StorageError {
  const retryAfter = retryAfterMs(headers.get('Retry-After'))
  const why = status === 508 ? ': the request came back to a Worker that it had passed already' : ''
  const code = CODES.get(status) ?? 'unavailable'
  return new StorageError(code, `the origin answered ${status}${why}`, { backend, status, retryAfter })
}

const CODES = new Map<number, ErrorCode>([
  [401, 'denied'],
  [403, 'denied'],
  [407, 'denied'],
  [508, 'loop'],
])

interface Requested {
  range?: RangeRequest | undefined
  ifRange?: string | undefined
  ifMatch?: string | undefined
}

/**
 * The object of a 200 or 206, with exactly the part that was requested; the whole object if its size is unknown, or if it
 * does not match If-Range.
 *
 * `ifMatch` is compared with the answer and never sent as If-Match: origins without an ETag of their own, or with a
 * weak one, would refuse the derived one.
 */
export async function openAnswer(
  response: Response,
  info: ObjectInfo,
  { range, ifRange, ifMatch }: Requested,
): Promise<StoredObject> {
  const { backend } = info
  const isPart = response.status === 206
  if (ifMatch !== undefined && info.etag !== ifMatch) return refuseBody(response.body, changed(backend))
  return openResponse(response, info, isPart || ifRangeHolds(ifRange ?? null, info) ? range : undefined)
}
