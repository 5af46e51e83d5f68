/** What is kept over time: of each step (in seconds), the latest intervals. A day, two weeks, 400 days. */
export const RINGS = [
  { step: 60, slots: 1440 },
  { step: 900, slots: 1344 },
  { step: 86_400, slots: 400 },
] as const
export type Ring = (typeof RINGS)[number]

/** By `what/backend/column`; `backend` is empty for what is not counted by backend. */
export type Counts = Record<string, number>

export interface FallbackRead {
  /** Milliseconds since 1970. */
  at: number
  name: string
  backend: string
}

/** What an isolate has counted since its last report. */
export interface Delta {
  /** When the last of it was counted, in milliseconds since 1970. */
  at: number
  counts: Counts
  /** The latest one. */
  fallbackRead?: FallbackRead | undefined
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

export function laterRead(
  one: FallbackRead | undefined,
  other: FallbackRead | undefined,
): FallbackRead | undefined {
  return one && (!other || one.at > other.at) ? one : other
}
