import type { ObjectInfo } from '../storage/object.ts'
import { parseHttpDate, wholeSeconds } from './date.ts'

/** The validators that conditions are compared to. */
export type Validators = Pick<ObjectInfo, 'etag' | 'modified'>

export type Decision = 'proceed' | 'not-modified' | 'failed'

/** `*` or an entity tag, delimited by commas or blanks; a comma within quotes is part of the tag. */
const LIST_ELEMENT = /(?<![^\t ,])(?:\*|(W\/)?("[^"]*"))(?![^\t ,])/g

/**
 * Compares a request's conditions with the current object, in the order of RFC 9110 §13.2.2.
 * `info` is `null` if there is none: then reads proceed, since a 404 takes precedence over conditions.
 */
export function evaluatePreconditions(method: string, headers: Headers, info: Validators | null): Decision {
  const reads = method === 'GET' || method === 'HEAD'
  if (reads && info === null) return 'proceed'

  const ifMatch = headers.get('If-Match')
  if (ifMatch !== null) {
    if (!info || !lists(ifMatch, info.etag, 'strong')) return 'failed'
  } else if (secondsNewer(info, headers.get('If-Unmodified-Since')) > 0) {
    return 'failed'
  }

  const ifNoneMatch = headers.get('If-None-Match')
  if (ifNoneMatch !== null) {
    if (info && lists(ifNoneMatch, info.etag, 'weak')) return reads ? 'not-modified' : 'failed'
  } else if (reads && secondsNewer(info, headers.get('If-Modified-Since')) <= 0) {
    return 'not-modified'
  }
  return 'proceed'
}

/** Whether a part may be sent: If-Range is absent, or identifies exactly the current object (RFC 9110 §13.1.5). */
export function ifRangeHolds(header: string | null, info: Validators): boolean {
  if (header === null) return true
  return header.startsWith('"') ? header === info.etag : secondsNewer(info, header) === 0
}

/** Whether a list of entity tags contains `etag` or `*`. Malformed elements are ignored. */
function lists(header: string, etag: string | undefined, comparison: 'strong' | 'weak'): boolean {
  const weak = etag?.startsWith('W/')
  const opaque = weak ? etag?.slice(2) : etag
  for (const [element, weakPrefix, listed] of header.matchAll(LIST_ELEMENT)) {
    if (element === '*') return true
    if (listed !== opaque) continue
    if (comparison === 'weak' || (!weak && weakPrefix === undefined)) return true
  }
  return false
}

/** By how many seconds the object is newer than the date. NaN, which no comparison matches, if the condition must be ignored. */
function secondsNewer(info: Validators | null, header: string | null): number {
  const date = header === null ? undefined : parseHttpDate(header)
  return date && info?.modified ? wholeSeconds(info.modified) - wholeSeconds(date) : NaN
}
