import { StorageError } from './errors.ts'

/** Longest name in UTF-8 bytes (R2 and S3 keys). */
export const MAX_NAME_BYTES = 1024

const encoder = new TextEncoder()
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/
const PLAIN = /^[A-Za-z0-9\-._~/]*$/
const DOT_SEGMENT = /(?:^|\/)\.\.?(?:\/|$)/

/**
 * The name in a raw URL path (below the media root, without leading slash and query).
 * Throws `invalid`, with the reason, if it cannot be a name.
 */
export function parseName(rawPath: string): string {
  const name = rawPath.includes('%') ? rawPath.split('/').map(decodeSegment).join('/') : rawPath
  checkName(name)
  return name
}

/** Throws `invalid` for an invalid name; for names in JSON or listings. */
export function checkName(name: string): void {
  if (name === '') throw invalid('the name is empty')
  if (!name.isWellFormed()) throw invalid('the name holds a lone surrogate')
  if (CONTROL.test(name)) throw invalid('the name holds a control character')
  if (hasDotSegment(name)) throw invalid('the name holds a "." or ".." segment')
  if (name === '-' || name.startsWith('-/')) throw invalid('names below "-/" are the API\'s own')
  if (isLongerThan(MAX_NAME_BYTES, name))
    throw invalid(`the name is longer than ${MAX_NAME_BYTES} UTF-8 bytes`)
}

/** Why nothing can be stored under such a name. */
export const RESERVED = 'names that begin with ".trash/2" are reserved for prior versions'

/** Why the name is invalid; `undefined` if it is valid. */
export function whyInvalid(name: string): string | undefined {
  if (isReserved(name)) return RESERVED
  try {
    checkName(name)
    return undefined
  } catch (error) {
    if (error instanceof StorageError) return error.message
    throw error
  }
}

/** The prefix under which parts are joined before the object gets its name; no public name begins with it. */
export const STAGED = '-/staged/'
/** The prefix of objects that a backend stores to find out what its server supports. */
export const PROBES = '-/probe/'

/** Whether it is the name of a staged object. */
export function isStaged(name: string): boolean {
  return name.startsWith(STAGED)
}

/** Whether it is the name of an internal object, or of a directory that contains only those. */
export function isInternal(name: string): boolean {
  return name === '-/' || isStaged(name) || name.startsWith(PROBES)
}

/** Prior versions have names that begin so: the `2` is that of the year. Listings skip this range of names at once. */
export const PRIOR_VERSIONS = '.trash/2'

/** Whether only prior versions may have names like it. */
export function isReserved(name: string): boolean {
  return name.startsWith(PRIOR_VERSIONS)
}

/** Up to and with the first slash; empty for names without one. */
export function firstDirectory(name: string): string {
  return name.slice(0, name.indexOf('/') + 1)
}

/** Whether a segment is `.` or `..`, which URLs resolve. */
export function hasDotSegment(path: string): boolean {
  return DOT_SEGMENT.test(path)
}

/** Whether the name has more UTF-8 bytes than `limit`; few names are so long that they must be counted. */
export function isLongerThan(bytes: number, name: string): boolean {
  return name.length * 3 > bytes && nameBytes(name) > bytes
}

/** Length in UTF-8 bytes. */
export function nameBytes(name: string): number {
  return encoder.encode(name).length
}

/**
 * The name as it is, composed and decomposed: for R2, names that are canonically equivalent in Unicode are one
 * (developers.cloudflare.com/r2/reference/unicode-interoperability), and clients send one of these.
 */
export function spellings(name: string): string[] {
  return [...new Set([name, name.normalize('NFC'), name.normalize('NFD')])]
}

/** Percent-encodes everything except RFC 3986's unreserved characters and `/`, as SigV4 requires. */
export function encodeName(name: string): string {
  return PLAIN.test(name) ? name : name.split('/').map(encodeComponent).join('/')
}

/** Percent-encodes everything except RFC 3986's unreserved characters. */
export function encodeComponent(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch (cause) {
    throw new StorageError('invalid', 'the path contains a percent escape that is not UTF-8', { cause })
  }
}

function invalid(why: string): StorageError {
  return new StorageError('invalid', why)
}
