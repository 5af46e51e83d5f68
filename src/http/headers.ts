import type { ObjectAttributes } from '../storage/backend.ts'
import type { Digests, ObjectInfo, Representation } from '../storage/object.ts'
import { parseHttpDate } from './date.ts'
import { responseDigests } from './digest-headers.ts'
import { decodeWords, encodeWord } from './encoded-word.ts'
import { parseContentRange } from './range.ts'

const METADATA_PREFIX = 'x-amz-meta-'
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const ENTITY_TAG = /^(?:W\/)?"[^"\0-\x20\x7f]*"$/
const BARE_TAG = /^[^"\0-\x20\x7f]+$/
const DIGITS = /^\d+$/
// oxlint-disable-next-line no-control-regex -- what a header value cannot hold
const UNSENDABLE = /[\0-\x08\x0a-\x1f\x7f]/g

/** What an origin's or S3's response says of its object. Header values that make no sense are left out. */
export function infoFromHeaders(headers: Headers): ObjectAttributes & { size?: number; digests?: Digests } {
  const representation = representationFromHeaders(headers)
  const etag = toEntityTag(headers.get('ETag'))
  const modified = parseHttpDate(headers.get('Last-Modified') ?? '')
  // fetch() decodes what is encoded, so the length and digests of what was sent say nothing of what is read.
  const identity = representation.contentEncoding === undefined
  const size = identity ? wholeSize(headers) : undefined
  const digests = identity ? responseDigests(headers) : {}
  return {
    ...representation,
    ...(etag !== undefined && { etag }),
    ...(modified && { modified }),
    ...(size !== undefined && { size }),
    ...(Object.keys(digests).length > 0 && { digests }),
  }
}

/** The representation headers and `x-amz-meta-*` of a response or of a client's upload. */
export function representationFromHeaders(headers: Headers): Representation {
  const contentType = headers.get('Content-Type')
  const contentLanguage = headers.get('Content-Language')
  const contentDisposition = headers.get('Content-Disposition')
  const contentEncoding = headers.get('Content-Encoding')
  const cacheControl = headers.get('Cache-Control')
  const expires = headers.get('Expires')
  const metadata = metadataFrom(headers)
  return {
    ...(contentType && { contentType }),
    ...(contentLanguage && { contentLanguage }),
    ...(contentDisposition && { contentDisposition }),
    ...(contentEncoding && contentEncoding.toLowerCase() !== 'identity' && { contentEncoding }),
    ...(cacheControl && { cacheControl }),
    // RFC 9111 §5.3: what is not a date, above all "0", means long past.
    ...(expires !== null && { expires: parseHttpDate(expires) ?? new Date(0) }),
    ...(metadata && { metadata }),
  }
}

/** The headers that describe an object to a client: `infoFromHeaders` the other way round. */
export function headersFromInfo(info: ObjectInfo, defaults: { cacheControl: string }): Headers {
  const headers = cachingHeaders(info, defaults)
  describe(headers, info)
  return headers
}

/** The part of them that a 304 repeats (RFC 9110 §15.4.5). */
export function cachingHeaders(info: ObjectInfo, defaults: { cacheControl: string }): Headers {
  const headers = new Headers()
  set(headers, 'Cache-Control', info.cacheControl ?? defaults.cacheControl)
  if (info.expires) headers.set('Expires', info.expires.toUTCString())
  set(headers, 'ETag', info.etag)
  if (info.modified) headers.set('Last-Modified', info.modified.toUTCString())
  return headers
}

/** What is sent along when an object is stored in S3. */
export function representationHeaders(info: Representation): Headers {
  const headers = new Headers()
  set(headers, 'Cache-Control', info.cacheControl)
  if (info.expires) headers.set('Expires', info.expires.toUTCString())
  describe(headers, info)
  return headers
}

function describe(headers: Headers, info: Representation): void {
  set(headers, 'Content-Type', info.contentType)
  set(headers, 'Content-Language', info.contentLanguage)
  set(headers, 'Content-Disposition', info.contentDisposition)
  set(headers, 'Content-Encoding', info.contentEncoding)
  if (!info.metadata) return
  for (const [name, value] of Object.entries(info.metadata)) {
    // Buckets can hold names that no header can have.
    if (TOKEN.test(name)) headers.append(METADATA_PREFIX + name, encodeWord(value))
  }
}

// Line breaks would make `set` throw, and a read must not fail over an odd header.
function set(headers: Headers, name: string, value: string | undefined): void {
  if (value !== undefined) headers.set(name, value.replace(UNSENDABLE, ' '))
}

function metadataFrom(headers: Headers): Record<string, string> | undefined {
  let metadata: Record<string, string> | undefined
  // Few objects have any, and the runtime makes a pair of strings for each entry but one string for each key.
  for (const header of headers.keys()) {
    if (!header.startsWith(METADATA_PREFIX) || header.length === METADATA_PREFIX.length) continue
    metadata ??= {}
    metadata[header.slice(METADATA_PREFIX.length)] = decodeWords(headers.get(header) ?? '')
  }
  return metadata
}

// Some origins leave out the quotes; anything stranger is no validator.
function toEntityTag(value: string | null): string | undefined {
  if (value === null) return undefined
  if (ENTITY_TAG.test(value)) return value
  return BARE_TAG.test(value) ? `"${value}"` : undefined
}

function wholeSize(headers: Headers): number | undefined {
  const contentRange = headers.get('Content-Range')
  if (contentRange !== null) return parseContentRange(contentRange)?.size
  const length = headers.get('Content-Length')
  return length !== null && DIGITS.test(length) ? Number(length) : undefined
}
