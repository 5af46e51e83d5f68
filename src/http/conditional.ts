import type { ObjectInfo } from '../storage/object.ts'
import { parseHttpDate, wholeSeconds } from './date.ts'

/** What conditions are compared with. */
export type Validators = Pick<ObjectInfo, 'etag' | 'modified'>

export type Decision = 'proceed' | 'not-modified' | 'failed'

/** `*` or an entity tag, each standing alone between commas or blanks; a comma within quotes belongs to the tag. */
const LIST_ELEMENT = /(?<![^\t ,])(?:\*|(W\/)?("[^"]*"))(?![^\t ,])/g

/**
 * Compares a request's conditions with the current object, in the order of RFC 9110 §13.2.2.
 * `info` is `null` when there is none: reads proceed then, since a 404 comes before any condition.
 */
export function evaluatePreconditions(method: string, headers: Headers, info: Validators | null): Decision {
  const reads = method === 'GET' || method === 'HEAD'
  if (reads && info === null) return 'proceed'

  const ifMatch = headers.get('If-Match')
  if (ifMatch !== null) {
    if (!info || !lists(ifMatch, info.etag, 'strong')) return 'failed'
  } else if (changedSince(headers.get('If-Unmodified-Since'), info)) {
    return 'failed'
  }

  const ifNoneMatch = headers.get('If-None-Match')
  if (ifNoneMatch !== null) {
    if (info && lists(ifNoneMatch, info.etag, 'weak')) return reads ? 'not-modified' : 'failed'
  } else if (reads && unchangedSince(headers.get('If-Modified-Since'), info)) {
    return 'not-modified'
  }
  return 'proceed'
}

/** Whether a part may be sent: If-Range is absent, or names exactly the current object. RFC 9110 §13.1.5. */
export function ifRangeHolds(header: string | null, info: Validators): boolean {
  if (header === null) return true
  if (header.startsWith('"')) return header === info.etag
  const date = parseHttpDate(header)
  return (
    date !== undefined && info.modified !== undefined && wholeSeconds(date) === wholeSeconds(info.modified)
  )
}

/** Whether a list of entity tags holds `etag`, or `*`. Elements that are neither are passed over. */
function lists(header: string, etag: string | undefined, comparison: 'strong' | 'weak'): boolean {
  const weak = etag?.startsWith('W/') ?? false
  const opaque = weak ? etag?.slice(2) : etag
  for (const [element, weakPrefix, listed] of header.matchAll(LIST_ELEMENT)) {
    if (element === '*') return true
    if (listed !== opaque) continue
    if (comparison === 'weak' || (!weak && weakPrefix === undefined)) return true
  }
  return false
}

function changedSince(header: string | null, info: Validators | null): boolean {
  const order = compareModified(header, info)
  return order !== undefined && order > 0
}

function unchangedSince(header: string | null, info: Validators | null): boolean {
  const order = compareModified(header, info)
  return order !== undefined && order <= 0
}

/** Seconds by which the object is younger than the date; `undefined` where the condition must be ignored. */
function compareModified(header: string | null, info: Validators | null): number | undefined {
  if (header === null || info?.modified === undefined) return undefined
  const date = parseHttpDate(header)
  return date && wholeSeconds(info.modified) - wholeSeconds(date)
}
