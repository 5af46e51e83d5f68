import { ASSUMED, LIMITS, MEASURED, SETTINGS } from './figures.ts'
import type { Group } from './popularity.ts'

export interface Load {
  reads: number
  /** Share of the reads that fallbacks answer. */
  fallback: number
  groups: readonly Group[]
}

export interface Part {
  part: string
  load: number
  limit: number
  unit: string
}

const MIB = 1024 * 1024
/** What all bodies that are shared may use of an isolate's budget: src/bodies/memory-budget.ts. */
const SHARED_BYTES = 40 * MIB

/** What grows with the reads, and its limits. */
export function partsOf({ reads, fallback, groups }: Load): Part[] {
  const isolates = reads / ASSUMED.readsPerIsolate.value
  const old = reads * fallback
  const queued = old * ASSUMED.queuedShare.value
  const inMemory =
    ASSUMED.readsPerIsolate.value * fallback * ASSUMED.copySeconds.value * ASSUMED.objectBytes.value
  const hottest = groups[0]?.share ?? 0
  return [
    {
      part: 'TimeSeries',
      load: isolates / reportSeconds(fallback),
      limit: LIMITS.objectRequests.value,
      unit: 'requests/s',
    },
    { part: 'the source', load: old, limit: LIMITS.sourceGets.value, unit: 'GETs/s' },
    { part: 'the copy queue', load: queued, limit: LIMITS.queueMessages.value, unit: 'messages/s' },
    {
      part: 'its consumers',
      load: queued * ASSUMED.queuedSeconds.value,
      limit: queuedAtOnce(),
      unit: 'copies at once',
    },
    {
      part: 'the most popular object',
      load: old * hottest * ASSUMED.copySeconds.value,
      limit: LIMITS.r2Writes.value,
      unit: 'writes at once',
    },
    { part: 'memory of an isolate', load: inMemory / MIB, limit: SHARED_BYTES / MIB, unit: 'MiB' },
    {
      part: 'connections of a request',
      load: fallback > 0 ? 2 : 1,
      limit: LIMITS.connections.value,
      unit: '',
    },
  ]
}

/** Seconds from one report of an isolate to the next: a read of a fallback is reported 5 s after the last report, or at once. */
export function reportSeconds(fallback: number): number {
  const rate = ASSUMED.readsPerIsolate.value * fallback
  const soon = MEASURED.fallbackReportSeconds.value
  const untilRead = rate > 0 ? Math.exp(-rate * soon) / rate : Infinity
  return Math.min(MEASURED.reportSeconds.value, soon + untilRead)
}

function queuedAtOnce(): number {
  return LIMITS.consumers.value * SETTINGS.copiesPerConsumer
}

/** What one object that everything else calls can take in a second. */
export function capacityOf(requests: number): number {
  return LIMITS.objectRequests.value / requests
}

/** Copies that a verification reads in a second. */
export function verifiedPerSecond(perSecond: number): number {
  return Math.min(perSecond, SETTINGS.verifiedAtOnce / ASSUMED.verifySeconds.value)
}
