import { setLatest } from '../storage/set-latest.ts'
import type { Attempt } from '../storage/trace.ts'

/** One request, for the log, the counters and Analytics Engine. */
export interface RequestEvent {
  method: string
  /** The object's name; absent for routes without one. */
  name?: string | undefined
  route: 'media' | 'api' | 's3'
  /** Of the S3 API, e.g. `GetObject`. */
  operation?: string | undefined
  /** Name of the identity, for the log; absent for requests that anyone may make. */
  by?: string | undefined
  status: number
  /** `edge`: served by the edge cache; `hit`: served by the primary; `fallback`: by another backend. */
  outcome: 'edge' | 'hit' | 'fallback' | 'absent' | 'refused' | 'failed' | 'done'
  /** Name of the backend that served it. */
  backend?: string | undefined
  attempts: readonly Attempt[]
  /** The body's Content-Length; absent when unknown. */
  bytes?: number | undefined
  /** A copy was started or queued. */
  stored: boolean
  /** Milliseconds until the response's headers. */
  duration: number
}

/** Clients can send any word as a method, and each label value needs memory. */
const METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'DELETE'])

/** The labels of a sample, and how often it was counted. */
export interface Count {
  labels: Readonly<Record<string, string | number>>
  value: number
}

/** The requests of this isolate since it started. */
export type RequestCounts = ReturnType<typeof createRequestCounts>

export function createRequestCounts() {
  const requests = new Map<string, Count>()
  const attempts = new Map<string, Count>()
  const total = { requests, attempts, bytes: 0 }
  const add = (event: RequestEvent): void => {
    const { route, outcome, status, bytes = 0 } = event
    const method = METHODS.has(event.method) ? event.method : 'OTHER'
    count(requests, `${route} ${method} ${outcome} ${status}`, () => ({ route, method, outcome, status }))
    for (const { outcome, backend } of event.attempts)
      count(attempts, `${outcome} ${backend}`, () => ({ outcome, backend }))
    total.bytes += bytes
  }
  return { add, total }
}

/** Every hit is counted, and only metrics need the labels. */
function count(counts: Map<string, Count>, key: string, labels: () => Count['labels']): void {
  const known = counts.get(key)
  if (known) known.value += 1
  else counts.set(key, { labels: labels(), value: 1 })
}

/** The result of one copy. */
export interface CopyEvent {
  outcome: 'copied' | 'present' | 'absent' | 'failed'
  bytes: number
  reason?: string
}

/** `pending`: started or queued here, and not seen to end here; a queue's consumer may run in another isolate. */
export type LatestCopy = Omit<CopyEvent, 'outcome'> & { outcome: CopyEvent['outcome'] | 'pending'; at: Date }

/** The results of an isolate's copies: totals, and the last event of each of the latest names. */
export type CopyCounts = ReturnType<typeof createCounts>

const MAX_NAMES = 1000

export function createCounts() {
  const totals = { copied: 0, present: 0, absent: 0, failed: 0, bytes: 0 }
  const events = new Map<string, LatestCopy>()
  const record = (name: string, event: Omit<LatestCopy, 'at'>): void =>
    setLatest(events, name, { ...event, at: new Date() }, MAX_NAMES)
  return {
    totals,
    add(name: string, event: CopyEvent): void {
      totals[event.outcome] += 1
      totals.bytes += event.bytes
      record(name, event)
    },
    /** Records that a copy was started or queued, until `add` records its result. */
    begin: (name: string): void => record(name, { outcome: 'pending', bytes: 0 }),
    latest: (name: string): LatestCopy | undefined => events.get(name),
  }
}
