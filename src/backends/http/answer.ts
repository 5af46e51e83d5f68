import { cancelBody } from '../../bodies/cancel.ts'
import { bytesBody } from '../../bodies/fixed-length.ts'
import { sliceBody } from '../../bodies/slice.ts'
import { ifRangeHolds } from '../../http/conditional.ts'
import { retryAfterMs } from '../../http/date.ts'
import { infoFromHeaders } from '../../http/headers.ts'
import { parseContentRange, resolveRange } from '../../http/range.ts'
import { type ErrorCode, StorageError } from '../../storage/errors.ts'
import type { ByteRange, ObjectInfo, RangeRequest, StoredObject } from '../../storage/object.ts'

/** The whole object as an answer of 200 or 206 describes it; bytes and headers agree. */
export function infoOfAnswer(response: Response, backend: string, name: string): ObjectInfo {
  const { headers } = response
  const { contentEncoding, etag, size: _, ...representation } = infoFromHeaders(headers)
  const decoded = isDecoded(headers)
  const size = decoded ? undefined : sizeOf(response)
  const tag = etag === undefined ? syntheticTag(representation.modified, size) : decoded ? weak(etag) : etag
  return {
    ...representation,
    name,
    backend,
    ...(size !== undefined && { size }),
    ...(tag !== undefined && { etag: tag }),
    ...(contentEncoding !== undefined && !decoded && { contentEncoding }),
  }
}

/**
 * Whether reading the body gives other bytes than the origin sent: workerd decodes these two codings, spelled just so,
 * even if identity was requested. All others come as they are and keep their Content-Encoding.
 */
export function isDecoded(headers: Headers): boolean {
  const encoding = headers.get('Content-Encoding')
  return encoding === 'gzip' || encoding === 'br'
}

function sizeOf({ status, headers }: Response): number | undefined {
  if (status === 206) return parseContentRange(headers.get('Content-Range'))?.size
  return contentLength(headers)
}

/** RFC 9112 §6.3: a transfer coding overrides Content-Length, which workerd shows nonetheless. */
export function contentLength(headers: Headers): number | undefined {
  const length = headers.get('Content-Length')
  if (length === null || !/^\d+$/.test(length) || headers.has('Transfer-Encoding')) return undefined
  return Number(length)
}

/** nginx's own form, so that an origin without ETags still has the same validator before and after migration. */
function syntheticTag(modified: Date | undefined, size: number | undefined): string | undefined {
  if (!modified || size === undefined) return undefined
  return `"${Math.floor(modified.getTime() / 1000).toString(16)}-${size.toString(16)}"`
}

/** Eight digits of seconds and the size; Apache's tags end in a time, which is longer. */
const SYNTHETIC_TAG = /^"([0-9a-f]{8})-[0-9a-f]{1,11}"$/

/** If-Range as the origin understands it: it does not know a tag that we made of its object's time. */
export function ifRangeForOrigin(ifRange: string): string {
  const [, seconds] = SYNTHETIC_TAG.exec(ifRange) ?? []
  return seconds === undefined ? ifRange : new Date(Number.parseInt(seconds, 16) * 1000).toUTCString()
}

/** A strong tag names the coded bytes, which are not those that we give out. */
function weak(etag: string): string {
  return etag.startsWith('W/') ? etag : `W/${etag}`
}

const MEDIA_NAME =
  /\.(?:jpe?g|jxl|png|gif|webp|avif|heic|bmp|ico|svgz?|tiff?|mp4|m4[av]|mov|webm|mkv|avi|mp3|ogg|oga|ogv|opus|wav|flac|aac|pdf|zip|gz|tgz|bz2|xz|7z|rar|woff2?|ttf|otf|css|js|mjs|json|docx?|xlsx?|pptx?|epub)$/i

/** The extension of a name for which an HTML page can only be an error page; `undefined` where all is well. */
export function htmlInsteadOf(name: string, headers: Headers): string | undefined {
  const type = headers.get('Content-Type') ?? ''
  if (!/^\s*(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i.test(type)) return undefined
  return MEDIA_NAME.exec(name)?.[0]
}

/** The error for an answer that is neither the object nor its absence. */
export function refusal({ status, headers }: Response, backend: string, name: string): StorageError {
  const retryAfter = retryAfterMs(headers.get('Retry-After'))
  const why = status === 508 ? ': the request came back to a Worker that it had passed already' : ''
  return new StorageError(codeOf(status), `the origin answered ${status}${why}`, {
    backend,
    name,
    status,
    ...(retryAfter !== undefined && { retryAfter }),
  })
}

function codeOf(status: number): ErrorCode {
  if (status === 508) return 'loop'
  return status === 401 || status === 403 || status === 407 ? 'denied' : 'unavailable'
}

interface Requested {
  range?: RangeRequest | undefined
  ifRange?: string | undefined
  ifMatch?: string | undefined
}

/**
 * The object of a 200 or 206, with exactly the part that was requested; whole where its size is unknown, or where it is
 * not the one that If-Range names.
 *
 * `ifMatch` is compared with the answer and never sent as If-Match: origins without an ETag of their own, or with a
 * weak one, would refuse the one that we derive.
 */
export async function openAnswer(
  response: Response,
  info: ObjectInfo,
  { range, ifRange, ifMatch }: Requested,
): Promise<StoredObject> {
  try {
    if (ifMatch !== undefined && info.etag !== ifMatch)
      throw failure('precondition', 'the object has changed', info)
    if (response.status === 206) return part(response, info, range)
    return whole(response, info, ifRangeHolds(ifRange ?? null, info) ? range : undefined)
  } catch (error) {
    await cancelBody(response.body)
    throw error
  }
}

function part(response: Response, info: ObjectInfo, requested: RangeRequest | undefined): StoredObject {
  const { headers, body } = response
  if (isDecoded(headers)) throw failure('unavailable', 'the origin sent a part of an encoded body', info)
  const sent = parseContentRange(headers.get('Content-Range'))
  const range = sent?.range
  if (!range || !requested || !isRequested(range, requested, sent.size))
    throw failure('unavailable', 'the origin sent another part than was requested', info)
  const length = range.end - range.start + 1
  const announced = contentLength(headers)
  if (announced !== undefined && announced !== length)
    throw failure('unavailable', 'the origin sent a part whose length is not that of its range', info)
  // The runtime checks a body against its Content-Length; without one we do.
  const exact = announced === undefined ? body?.pipeThrough(new FixedLengthStream(length)) : body
  return { ...info, range, body: exact ?? bytesBody(new Uint8Array()) }
}

function isRequested(range: ByteRange, requested: RangeRequest, size: number | undefined): boolean {
  if (size !== undefined) {
    const expected = resolveRange(requested, size)
    return expected !== 'unsatisfiable' && expected.start === range.start && expected.end === range.end
  }
  // Of unknown size: only a range with both ends can be checked.
  if ('suffix' in requested || requested.length === undefined) return false
  return range.start === requested.offset && range.end === requested.offset + requested.length - 1
}

function whole(response: Response, info: ObjectInfo, requested: RangeRequest | undefined): StoredObject {
  if (response.headers.has('Content-Range'))
    throw failure('unavailable', 'the origin sent a part as if it were the whole', info)
  const body = response.body ?? bytesBody(new Uint8Array())
  if (!requested || info.size === undefined) return { ...info, body }
  const range = resolveRange(requested, info.size)
  if (range === 'unsatisfiable') throw failure('unsatisfiable', 'the range begins past the end', info)
  return { ...info, range, body: sliceBody(body, range) }
}

function failure(
  code: 'unavailable' | 'unsatisfiable' | 'precondition',
  message: string,
  { backend, name, size }: ObjectInfo,
): StorageError {
  return new StorageError(code, message, { backend, name, ...(size !== undefined && { size }) })
}
