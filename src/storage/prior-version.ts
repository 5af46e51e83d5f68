import { MAX_NAME_BYTES, nameBytes } from './name.ts'
import { sha256 } from './sha256.ts'

/** What a write replaced or a delete removed, as an object of its own. */
export interface PriorVersion {
  backend: string
  /** The key that it has there, without the backend's prefix. */
  key: string
  name: string
  /** When it was replaced or deleted, in milliseconds. */
  time: number
  reason: 'replaced' | 'deleted'
  size: number | null
  etag: string | null
  /** Its own Last-Modified, in milliseconds. */
  modified: number | null
}

/** The directory that a listing rolls prior versions up into; it may contain other names. */
export const PRIOR_VERSIONS_DIRECTORY = '.trash/'
const KEY = /^\.trash\/(\d{4}-\d{2}-\d{2})T(\d{2})-(\d{2})-(\d{2}\.\d{3}Z)\//

/** When the version with that key was replaced; `undefined` if it is not the key of a prior version. */
export function timeOfPriorKey(key: string): number | undefined {
  const [, day, hours, minutes, seconds] = KEY.exec(key) ?? []
  if (day === undefined) return undefined
  const time = Date.parse(`${day}T${hours}:${minutes}:${seconds}`)
  return Number.isNaN(time) ? undefined : time
}

/**
 * The key of a version of `name` that was replaced then: `.trash/2026-11-28T22-15-00.000Z/photos/a.jpg`. A name that is too
 * long for that is shortened, and ends with `~` and a digest of all of it.
 */
export async function priorKey(
  name: string,
  time: number,
  accepts: (key: string) => boolean = () => true,
): Promise<string> {
  const before = `${PRIOR_VERSIONS_DIRECTORY}${new Date(time).toISOString().replaceAll(':', '-')}/`
  const fits = (key: string): boolean => nameBytes(key) <= MAX_NAME_BYTES && accepts(key)
  if (fits(before + name)) return before + name
  const end = `~${(await sha256(name)).toHex().slice(0, 32)}`
  const characters = Array.from(name)
  while (characters.length > 0 && !fits(before + characters.join('') + end)) characters.pop()
  return before + characters.join('') + end
}
