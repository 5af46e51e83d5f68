import type { Attempt } from '../storage/trace.ts'

/** One answered request, as the log, the counters and Analytics Engine see it. */
export interface RequestEvent {
  method: string
  /** The object's name; absent for routes without one. */
  name?: string
  route: 'media' | 'api'
  status: number
  /** `hit`: the primary answered; `fallback`: another backend did; else what was answered instead. */
  outcome: 'hit' | 'fallback' | 'absent' | 'refused' | 'failed' | 'done'
  /** Name of the backend that answered. */
  backend?: string
  attempts: readonly Attempt[]
  /** Bytes of the body as announced; absent when unknown. */
  bytes?: number
  /** A copy was begun or queued. */
  stored: boolean
  /** Milliseconds until the response's headers. */
  duration: number
}

/** What this isolate has answered since it began. */
export interface RequestCounts {
  add(event: RequestEvent): void
  /** Requests by `route method outcome status`. */
  readonly requests: ReadonlyMap<string, number>
  /** Attempts by `outcome backend`. */
  readonly attempts: ReadonlyMap<string, number>
  readonly bytes: number
}

export function createRequestCounts(): RequestCounts {
  const requests = new Map<string, number>()
  const attempts = new Map<string, number>()
  let bytes = 0
  const count = (counts: Map<string, number>, key: string): void => {
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return {
    requests,
    attempts,
    get bytes() {
      return bytes
    },
    add(event) {
      count(requests, `${event.route} ${knownMethod(event.method)} ${event.outcome} ${event.status}`)
      for (const { backend, outcome } of event.attempts) count(attempts, `${outcome} ${backend}`)
      bytes += event.bytes ?? 0
    },
  }
}

/** Clients can send any word as a method; counters must not grow with them. */
function knownMethod(method: string): string {
  return ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'DELETE'].includes(method) ? method : 'OTHER'
}

/** What became of one copy. */
export interface CopyEvent {
  outcome: 'copied' | 'present' | 'absent' | 'failed'
  bytes: number
  reason?: string
}

/** What became of an isolate's copies: totals, and the last event of each of the latest names. */
export interface CopyCounts {
  add(name: string, event: CopyEvent): void
  readonly totals: Readonly<Record<CopyEvent['outcome'], number>> & { readonly bytes: number }
  /** Records that a copy was begun or queued, until `add` records its end. */
  begin(name: string): void
  latest(name: string): LatestCopy | undefined
}

/** `pending`: begun or queued here, and its end not seen here; a queue's consumer may run in another isolate. */
export type LatestCopy = Omit<CopyEvent, 'outcome'> & { outcome: CopyEvent['outcome'] | 'pending'; at: Date }

const MAX_NAMES = 1000

export function createCounts(): CopyCounts {
  const totals = { copied: 0, present: 0, absent: 0, failed: 0, bytes: 0 }
  const events = new Map<string, LatestCopy>()
  const note = (name: string, event: Omit<LatestCopy, 'at'>): void => {
    events.delete(name)
    if (events.size >= MAX_NAMES) events.delete(events.keys().next().value ?? '')
    events.set(name, { ...event, at: new Date() })
  }
  return {
    totals,
    add(name, event) {
      totals[event.outcome] += 1
      totals.bytes += event.bytes
      note(name, event)
    },
    begin: (name) => note(name, { outcome: 'pending', bytes: 0 }),
    latest: (name) => events.get(name),
  }
}
