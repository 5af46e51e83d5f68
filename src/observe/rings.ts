import { firstDirectory } from '../storage/name.ts'

/** What is kept over time: of each step (in seconds), the latest intervals. A day, two weeks, 400 days. */
export const RINGS = [
  { step: 60, slots: 1440 },
  { step: 900, slots: 1344 },
  { step: 86_400, slots: 400 },
] as const
export type Ring = (typeof RINGS)[number]
/** Prefixes are kept for a week, in quarters of an hour. */
export const PREFIX_RING = { step: 900, slots: 672 } as const

/** By `what/backend/column`; `backend` is empty for what is not counted by backend. */
export type Counts = Record<string, number>

export interface FallbackRead {
  /** Milliseconds since 1970. */
  at: number
  name: string
  backend: string
}

/** By `backend/first directory/`: how many reads, and when the last one was, in milliseconds since 1970. */
export type PrefixReads = Record<string, readonly [reads: number, at: number]>

/** A copy that differs from its source, as a shadow read found. */
export interface Mismatch {
  /** Milliseconds since 1970. */
  at: number
  name: string
  /** The source. */
  backend: string
  detail: string
}

/** What an isolate has counted within a minute. */
export interface Delta {
  /** When the last of it was counted, in milliseconds since 1970. */
  at: number
  counts: Counts
  /** Reads that fallbacks answered. */
  prefixes: PrefixReads
  /** The latest one of each fallback. */
  fallbackReads: readonly FallbackRead[]
  /** The latest ones. */
  mismatches: readonly Mismatch[]
}

/** All that an isolate does not know to be counted. A report can arrive twice, so its deltas are numbered. */
export interface Report {
  /** Random. */
  isolate: string
  /** The number of the first delta. */
  first: number
  deltas: readonly Delta[]
}

/** One interval of a ring. */
export interface Interval {
  /** When it began, in seconds since 1970. */
  at: number
  counts: Counts
}

/** When the interval began that `ms` is in, in seconds since 1970. */
export function intervalAt(ms: number, step: number): number {
  const seconds = Math.floor(ms / 1000)
  return seconds - (seconds % step)
}

export function addCounts(sum: Counts, more: Counts): void {
  for (const [key, count] of Object.entries(more)) sum[key] = (sum[key] ?? 0) + count
}

/** How many prefixes are kept of each backend, in one report, quarter of an hour or answer; the others are summed. */
export const MAX_PREFIXES = 100
/** What the others are summed as. No prefix is called so: those of names end in a slash or are empty. */
export const OTHER_PREFIXES = '…'
/** In characters. */
const LONGEST_PREFIX = 128

/** The prefix under which a read of the name is counted. */
export function countedPrefix(name: string): string {
  const directory = firstDirectory(name)
  return directory.length > LONGEST_PREFIX ? OTHER_PREFIXES : directory
}

export function addPrefixReads(sum: PrefixReads, more: PrefixReads): void {
  for (const [key, [reads, at]] of Object.entries(more)) {
    const own = key.slice(0, key.indexOf('/') + 1)
    const isKept = key in sum || Object.keys(sum).filter((one) => one.startsWith(own)).length < MAX_PREFIXES
    const kept = isKept ? key : `${own}${OTHER_PREFIXES}`
    const [known = 0, last = 0] = sum[kept] ?? []
    sum[kept] = [known + reads, Math.max(last, at)]
  }
}

/** The latest of each backend. */
export function latestReads(reads: readonly FallbackRead[]): FallbackRead[] {
  const latest = new Map(
    reads.toSorted((one, other) => one.at - other.at).map((read) => [read.backend, read]),
  )
  return [...latest.values()]
}

export const MAX_MISMATCHES = 20

/** The latest ones, newest first. */
export function latestMismatches(mismatches: readonly Mismatch[]): Mismatch[] {
  return mismatches.toSorted((one, other) => other.at - one.at).slice(0, MAX_MISMATCHES)
}
