import type { Attempt, Outcome } from '../storage/trace.ts'

/** One answered request, as the log, the counters and Analytics Engine see it. */
export interface RequestEvent {
  method: string
  /** The object's name; absent for routes without one. */
  name?: string
  route: 'media' | 'api'
  status: number
  /** Who answered: `hit` the primary, `fallback` another backend, else what was answered instead. */
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
  /** Attempts by `backend outcome`. */
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
      for (const { backend, outcome } of event.attempts) count(attempts, attemptKey(backend, outcome))
      bytes += event.bytes ?? 0
    },
  }
}

function attemptKey(backend: string, outcome: Outcome): string {
  return `${outcome} ${backend}`
}

/** Clients can send any word as a method; counters must not grow with them. */
function knownMethod(method: string): string {
  return ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'DELETE'].includes(method) ? method : 'OTHER'
}
