import { createHistory, type History, type Version } from './history.ts'
import { versionId, versionOf, versionOfPart } from './versions.ts'

/** How often each operation had each outcome. */
export type Counts = Record<string, number>

/** The histories of all names, and every violation of what a client may see. */
export interface SoakRecord {
  readonly violations: string[]
  readonly counts: Counts
  clock(): number
  count(what: string): void
  /** The history of a name; names are absent at first unless they were there from the beginning. */
  of(name: string): History
  names(): string[]
  /** A new version id. */
  nextVersion(name: string, lines: number): string
  /** Checks the result of a read against the possible ones. */
  check(name: string, found: Version, read: Read): void
  /** Which version an entity tag was seen with; one tag for two versions is a violation. */
  tag(name: string, etag: string, version: string): void
  tags(name: string): ReadonlyMap<string, string>
  violate(what: string): void
}

export interface Read {
  /** When it began. */
  start: number
  /** The primary failed. */
  failing: boolean
  by: string
  /** The response's, if it has one. */
  cacheControl?: string | null
}

const ALTERNATIVE = /_[A-Za-z0-9]{7}(?=\.[^.]*$)/

export function createRecord(initial: ReadonlyMap<string, Version>): SoakRecord {
  let now = 0
  let versions = 0
  const clock = (): number => ++now
  const histories = new Map<string, History>()
  const tagged = new Map<string, Map<string, string>>()
  for (const [name, version] of initial) histories.set(name, createHistory(version, clock))
  const record: SoakRecord = {
    violations: [],
    counts: {},
    clock,
    count: (what) => void (record.counts[what] = (record.counts[what] ?? 0) + 1),
    of(name) {
      const known = histories.get(name)
      if (known) return known
      const history = createHistory(null, clock)
      histories.set(name, history)
      return history
    },
    names: () => [...histories.keys()],
    nextVersion: (name, lines) => versionId(name, ++versions, lines),
    check(name, found, { start, failing, by, cacheControl }) {
      const history = record.of(name)
      const isCurrent = history.possible(start).has(found)
      if (cacheControl !== undefined) record.count(`${isCurrent ? 'current' : 'older'}: ${cacheControl}`)
      if (isCurrent) return
      const possible = [...history.possible(start)].map((version) => version ?? 'absent').join(', ')
      const what = `${by} ${name}: found ${found ?? 'absent'}, possible: ${possible}`
      if (!failing || found === null || !history.all().has(found)) return record.violate(what)
      // While the primary fails, a fallback may answer with an older or deleted version. It must not be cached:
      // it would be shown long after the primary is back.
      if (cacheControl?.includes('no-store')) return record.count('older, the primary failing')
      record.violate(`${what}; it may be cached, with Cache-Control: ${cacheControl ?? 'none'}`)
    },
    tag(name, etag, version) {
      const known = tagged.get(name) ?? new Map<string, string>()
      tagged.set(name, known)
      const before = known.get(etag) ?? version
      if (before !== version) record.violate(`${name}: ${etag} is the tag of ${before} and of ${version}`)
      known.set(etag, before)
    },
    tags: (name) => tagged.get(name) ?? new Map(),
    violate: (what) => void record.violations.push(what),
  }
  return record
}

/** The name that a save requested, given the one that it may have chosen instead. */
export function requestedName(name: string): string {
  return name.replace(ALTERNATIVE, '')
}

/** The version that a whole body is; any other bytes are described, and match no version. */
export function wholeVersion(body: Buffer): string {
  return (
    versionOf(body) ?? `${body.length} bytes that are no version: ${body.subarray(0, 80).toString('latin1')}`
  )
}

/** Like `wholeVersion`, for a part. A short part may be in several versions: then it is one of the possible ones. */
export function partVersion(part: Buffer, start: number, versions: Iterable<Version>): string {
  return (
    versionOfPart(part, start, versions) ??
    `${part.length} bytes from ${start} that are no part of a version: ${part.subarray(0, 80).toString('latin1')}`
  )
}
