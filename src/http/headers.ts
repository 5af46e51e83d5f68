import type { ObjectAttributes } from '../storage/backend.ts'
import type { Digests, ObjectInfo, Representation } from '../storage/object.ts'
import { parseHttpDate } from './date.ts'
import { responseDigests } from './digest-headers.ts'
import { decodeWords, encodeWord } from './encoded-word.ts'
import { parseContentRange } from './range.ts'

/** The fields of a representation that are sent unchanged. */
const FIELDS = [
  ['contentType', 'Content-Type'],
  ['contentLanguage', 'Content-Language'],
  ['contentDisposition', 'Content-Disposition'],
  ['contentEncoding', 'Content-Encoding'],
  ['cacheControl', 'Cache-Control'],
] as const
const METADATA_PREFIX = 'x-amz-meta-'
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const ENTITY_TAG = /^(?:W\/)?"[^"\0-\x20\x7f]*"$/
const BARE_TAG = /^[^"\0-\x20\x7f]+$/
const DIGITS = /^\d+$/
// oxlint-disable-next-line no-control-regex -- what a header value cannot contain
const UNSENDABLE = /[\0-\x08\x0a-\x1f\x7f]/g

/** What the headers about one object may have in total: R2 stores so much, and many clients read 16 KB of all headers. */
export const MAX_DESCRIPTION_BYTES = 8192

/** The bytes of all headers about the object. */
export function descriptionBytes(headers: Headers): number {
  let bytes = headers.get('ETag')?.length ?? 0
  for (const [, header] of FIELDS) bytes += headers.get(header)?.length ?? 0
  for (const header of headers.keys())
    if (header.startsWith(METADATA_PREFIX)) bytes += header.length + (headers.get(header)?.length ?? 0)
  return bytes
}

/** What the response of an origin or of S3 says about its object. Invalid header values are left out. */
export function infoFromHeaders(headers: Headers): ObjectAttributes & { size?: number; digests?: Digests } {
  const info: ReturnType<typeof infoFromHeaders> = representationFromHeaders(headers)
  const etag = toEntityTag(headers.get('ETag'))
  if (etag !== undefined) info.etag = etag
  const lastModified = headers.get('Last-Modified')
  const modified = lastModified === null ? undefined : parseHttpDate(lastModified)
  if (modified) info.modified = modified
  // fetch() decodes encoded bodies, so the length and digests of what was sent say nothing about what is read.
  if (info.contentEncoding !== undefined) return info
  const size = wholeSize(headers)
  if (size !== undefined) info.size = size
  const digests = responseDigests(headers)
  if (digests) info.digests = digests
  return info
}

/** The representation headers and `x-amz-meta-*` of a response or of a client's upload. */
export function representationFromHeaders(headers: Headers): Representation {
  const representation: Representation = {}
  for (const [field, header] of FIELDS) {
    const value = headers.get(header)
    if (value) representation[field] = value
  }
  if (representation.contentEncoding?.toLowerCase() === 'identity') delete representation.contentEncoding
  const expires = headers.get('Expires')
  // RFC 9111 §5.3: an invalid date, above all "0", means that the response has expired.
  if (expires !== null) representation.expires = parseHttpDate(expires) ?? new Date(0)
  const metadata = metadataFrom(headers)
  if (metadata) representation.metadata = metadata
  return representation
}

/** The headers that describe an object to a client: `infoFromHeaders` the other way round. A response's own need not be copied. */
export function headersFromInfo(
  info: ObjectInfo,
  defaults: { cacheControl?: string },
  headers = new Headers(),
): Headers {
  return cachingHeaders(info, defaults, representationHeaders(info, headers))
}

/** The part of them that a 304 repeats (RFC 9110 §15.4.5). */
export function cachingHeaders(
  info: ObjectInfo,
  defaults: { cacheControl?: string },
  headers = new Headers(),
): Headers {
  set(headers, 'Cache-Control', info.cacheControl ?? defaults.cacheControl)
  set(headers, 'Expires', info.expires?.toUTCString())
  set(headers, 'ETag', info.etag)
  set(headers, 'Last-Modified', info.modified?.toUTCString())
  return headers
}

/** The headers under which an object is stored in S3. */
export function representationHeaders(info: Representation, headers = new Headers()): Headers {
  for (const [field, header] of FIELDS) set(headers, header, info[field])
  set(headers, 'Expires', info.expires?.toUTCString())
  for (const [name, value] of Object.entries(info.metadata ?? {})) {
    // Buckets can hold names that no header can have.
    if (TOKEN.test(name)) headers.append(METADATA_PREFIX + name, encodeWord(value))
  }
  return headers
}

// A line break would make `Headers.set` throw, and a read must not fail because of a strange header.
function set(headers: Headers, name: string, value: string | undefined): void {
  if (value !== undefined) headers.set(name, value.replace(UNSENDABLE, ' '))
}

function metadataFrom(headers: Headers): Record<string, string> | undefined {
  let metadata: Record<string, string> | undefined
  // Few objects have any; iterating over keys is cheaper than over entries.
  for (const header of headers.keys()) {
    if (!header.startsWith(METADATA_PREFIX) || header.length === METADATA_PREFIX.length) continue
    metadata ??= {}
    metadata[header.slice(METADATA_PREFIX.length)] = decodeWords(headers.get(header) ?? '')
  }
  return metadata
}

// Some origins leave out the quotes; any other deviation makes it useless as a validator.
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
