import { createHistory, type History, type Version } from './history.ts'
import { versionId, versionOf, versionOfPart } from './versions.ts'

/** What was asked, and how often it came to what. */
export type Counts = Record<string, number>

/** All names' histories, and what was found that must not be. */
export interface Ledger {
  readonly violations: string[]
  readonly counts: Counts
  clock(): number
  count(what: string): void
  /** The history of a name; names that were not there from the beginning begin as absent. */
  of(name: string): History
  names(): string[]
  /** An id that no version had before. */
  nextVersion(name: string, lines: number): string
  /** Holds what a read found against what it may have found. */
  check(name: string, found: Version, read: Read): void
  /** Which version an entity tag was seen with; one tag for two versions is a violation. */
  tag(name: string, etag: string, version: string): void
  tags(name: string): ReadonlyMap<string, string>
  violate(what: string): void
}

export interface Read {
  /** When it began. */
  start: number
  /** The primary could not be asked. */
  failing: boolean
  by: string
  /** Of the answer, where it has one. */
  cacheControl?: string | null
}

const ALTERNATIVE = /_[A-Za-z0-9]{7}(?=\.[^.]*$)/

export function createLedger(initial: ReadonlyMap<string, Version>): Ledger {
  let now = 0
  let versions = 0
  const clock = (): number => ++now
  const histories = new Map<string, History>()
  const tagged = new Map<string, Map<string, string>>()
  for (const [name, version] of initial) histories.set(name, createHistory(version, clock))
  const ledger: Ledger = {
    violations: [],
    counts: {},
    clock,
    count: (what) => void (ledger.counts[what] = (ledger.counts[what] ?? 0) + 1),
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
      const history = ledger.of(name)
      const isCurrent = history.possible(start).has(found)
      if (cacheControl !== undefined) ledger.count(`${isCurrent ? 'current' : 'older'}: ${cacheControl}`)
      if (isCurrent) return
      const possible = [...history.possible(start)].map((version) => version ?? 'absent').join(', ')
      const what = `${by} ${name}: found ${found ?? 'absent'}, possible: ${possible}`
      if (!failing || found === null || !history.all().has(found)) return ledger.violate(what)
      // While the primary cannot be asked a fallback may answer with what it has, older or deleted meanwhile. Nobody
      // may keep that: it would be shown long after the primary is back.
      if (cacheControl?.includes('no-store')) return ledger.count('older, the primary failing')
      ledger.violate(`${what}; it may be kept, with Cache-Control: ${cacheControl ?? 'none'}`)
    },
    tag(name, etag, version) {
      const known = tagged.get(name) ?? new Map<string, string>()
      tagged.set(name, known)
      const before = known.get(etag) ?? version
      if (before !== version) ledger.violate(`${name}: ${etag} is the tag of ${before} and of ${version}`)
      known.set(etag, before)
    },
    tags: (name) => tagged.get(name) ?? new Map(),
    violate: (what) => void ledger.violations.push(what),
  }
  return ledger
}

/** The name that a save was asked for, of one that it may have chosen instead. */
export function askedName(name: string): string {
  return name.replace(ALTERNATIVE, '')
}

/** The version that a whole body is; anything else is told as it is, and is no version of anything. */
export function wholeVersion(body: Buffer): string {
  return (
    versionOf(body) ?? `${body.length} bytes that are no version: ${body.subarray(0, 80).toString('latin1')}`
  )
}

/** As `wholeVersion`, of a part. A short one may be a part of several: then it is one that is possible. */
export function partVersion(part: Buffer, start: number, versions: Iterable<Version>): string {
  return (
    versionOfPart(part, start, versions) ??
    `${part.length} bytes from ${start} that are no part of a version: ${part.subarray(0, 80).toString('latin1')}`
  )
}
