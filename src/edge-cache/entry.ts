import {
  type ObjectInfo,
  type Representation,
  representationOf,
  type StoredObject,
} from '../storage/object.ts'

/** An object as a cache holds it. */
export interface Entry {
  object: StoredObject
  /** Milliseconds since the epoch. */
  expires: number
}

/**
 * All that is known of an object, in one header: caches may change the usual ones (ETag, Expires, Content-Encoding), and
 * a client's answer must be the same with and without the cache.
 */
const HEADER = 'Fallback-Storage-Object'
/** More metadata than that is not worth a place in a cache. */
const MAX_HEADER_BYTES = 16 * 1024

type EntryInfo = Representation &
  Pick<ObjectInfo, 'name' | 'backend' | 'size' | 'etag' | 'modified' | 'substitute'>

/** The headers of an entry. */
export function entryHeaders(object: ObjectInfo, expires: number): Record<string, string> {
  const { name, backend, size, etag, modified, substitute } = object
  // What is undefined is left out of JSON.
  const info = {
    name,
    backend,
    size,
    etag,
    modified,
    substitute,
    ...representationOf(object),
  }
  return { [HEADER]: headerJson({ info, expires }) }
}

/** The entry in a cache's answer; `null` if it is none. */
export function entryFrom(response: Response): Entry | null {
  const header = response.headers.get(HEADER)
  if (header === null) return null
  const { info, expires } = JSON.parse(header) as { info: EntryInfo; expires: number }
  const object: StoredObject = { ...info, body: response.body ?? new Blob([]).stream() }
  // In JSON, dates are text.
  if (info.modified) object.modified = new Date(info.modified)
  if (info.expires) object.expires = new Date(info.expires)
  return { object, expires }
}

export function fitsEntry(headers: Record<string, string>): boolean {
  return (headers[HEADER]?.length ?? 0) <= MAX_HEADER_BYTES
}

/** JSON in ASCII, as headers need it. */
export function headerJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[^\x20-\x7e]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Seconds that are left, rounded up. */
export function secondsUntil(expires: number): number {
  return Math.ceil((expires - Date.now()) / 1000)
}
