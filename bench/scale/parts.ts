import { ASSUMED, LIMITS, MEASURED, SETTINGS } from './figures.ts'

export interface Load {
  /** Per second. */
  reads: number
  /** Share of the reads that fallbacks answer. */
  fallback: number
}

type Part = readonly [part: string, unit: string, load: number, limit: number]

/** What reads put load on. */
export function partsOf({ reads, fallback }: Load): Part[] {
  const { readsPerIsolate, queuedShare, queuedSeconds, copySeconds, objectBytes } = ASSUMED
  const isolates = reads / readsPerIsolate.value
  const old = reads * fallback
  const queued = old * queuedShare.value
  const copies = LIMITS.consumers.value * SETTINGS.copiesPerConsumer
  const mib = (readsPerIsolate.value * fallback * copySeconds.value * objectBytes.value) / 1024 ** 2
  return [
    ['the source', 'GETs/s', old, LIMITS.sourceGets.value],
    ['consumers of the queue', 'copies at once', queued * queuedSeconds.value, copies],
    ['messages of the queue', 'messages/s', queued, LIMITS.queueMessages.value],
    ['TimeSeries', 'requests/s', isolates / MEASURED.reportSeconds.value, LIMITS.objectRequests.value],
    ['memory of an isolate', 'MiB', mib, SETTINGS.sharedMib],
    ['connections of a read', '', fallback > 0 ? 2 : 1, LIMITS.connections.value],
  ]
}

/** Copies that a verification reads in a second. */
export function verifiedPerSecond(): number {
  return Math.min(SETTINGS.verifiedPerSecond, SETTINGS.verifiedAtOnce / ASSUMED.verifySeconds.value)
}
