import { DurableObject } from 'cloudflare:workers'
import { type Conflict, conflictLog } from './conflicts.ts'

/** What handling an event changed; `unchanged` if nothing had to be changed. */
export type Outcome = 'copied' | 'tombstoned' | 'conflicts' | 'unchanged' | 'failed'

/** Counts of the events of one source. */
export type EventCounts = Record<'accepted' | 'ignored' | Outcome, number>

/** What is known of the events of one source. Times are milliseconds since 1970. */
export interface SourceStatus {
  /** When the source made the latest change of which an event came. */
  lastEvent: number | null
  lastReceived: number | null
  lastHandled: number | null
  /** When the first event was accepted after the last one that was handled. */
  waitingSince: number | null
  /** Milliseconds from changes at the source until the copies followed: the last, the longest, and quantiles of the latest. */
  lag: Record<'last' | 'max' | 'p50' | 'p95', number> | null
  counts: EventCounts
}

/** One delivery, as far as it is counted. */
export interface Received {
  accepted: number
  ignored: number
  /** Of the accepted events. */
  lastEvent: number | null
}

/** One handled event. */
export interface Handled {
  outcome: Outcome
  /** When the source made the change; absent if the event was handled before. */
  at?: number
}

interface Stored extends SourceStatus {
  /** The latest, of which the quantiles are. */
  lags: number[]
}

/** Of a source that has sent no event. */
export const NO_EVENTS: SourceStatus = {
  lastEvent: null,
  lastReceived: null,
  lastHandled: null,
  waitingSince: null,
  lag: null,
  counts: { accepted: 0, ignored: 0, copied: 0, tombstoned: 0, conflicts: 0, unchanged: 0, failed: 0 },
}

/** Quantiles are of so many. */
const LAGS = 256

/** The one Durable Object that knows what the sources of a migration have said of their changes. */
export class SourceChanges extends DurableObject<object> {
  readonly #conflicts = conflictLog(this.ctx.storage.sql)

  /** Replaces an earlier conflict of the same name and source. */
  async addConflict(conflict: Conflict): Promise<void> {
    this.#conflicts.add(conflict)
  }

  /** There is none, or none any more. With `at`, one that has been seen since stays. */
  async removeConflict(backend: string, name: string, at?: number): Promise<void> {
    this.#conflicts.remove(backend, name, at)
  }

  /** Returns whether it was listed. */
  async dismissConflict(backend: string, name: string): Promise<boolean> {
    return this.#conflicts.dismiss(backend, name)
  }

  /** The latest first; `cursor` is that of the page before, 0 for the first. */
  async conflicts(limit: number, cursor = 0) {
    return { ...this.#conflicts.page(limit, cursor), total: this.#conflicts.count() }
  }

  /** Counts a delivery of events. */
  async addReceived(source: string, { accepted, ignored, lastEvent }: Received): Promise<void> {
    this.#update(source, (status) => {
      status.lastReceived = Date.now()
      if (accepted > 0) status.waitingSince ??= status.lastReceived
      status.counts.accepted += accepted
      status.counts.ignored += ignored
      // Events come in any order.
      if (lastEvent !== null) status.lastEvent = Math.max(lastEvent, status.lastEvent ?? 0)
    })
  }

  /** Counts events that were handled just now. */
  async addHandled(source: string, events: readonly Handled[]): Promise<void> {
    const now = Date.now()
    this.#update(source, (status) => {
      status.lastHandled = now
      status.waitingSince = null
      for (const { outcome, at } of events) {
        status.counts[outcome] += 1
        if (at === undefined || outcome === 'failed') continue
        // The source's clock may be ahead.
        const lag = Math.max(0, now - at)
        status.lags = [...status.lags.slice(1 - LAGS), lag]
        status.lag = lagOf(status.lags, Math.max(lag, status.lag?.max ?? 0))
      }
    })
  }

  /** By the source's name; those that never sent an event are missing. */
  async statuses(): Promise<Record<string, SourceStatus>> {
    const statuses: Record<string, SourceStatus> = {}
    for (const [key, stored] of this.ctx.storage.kv.list<Stored>({ prefix: PREFIX })) {
      const { lags: _, ...status } = stored
      // What was stored before has no waitingSince.
      statuses[key.slice(PREFIX.length)] = { ...NO_EVENTS, ...status }
    }
    return statuses
  }

  #update(source: string, change: (status: Stored) => void): void {
    const { kv } = this.ctx.storage
    const status = kv.get<Stored>(PREFIX + source) ?? structuredClone({ ...NO_EVENTS, lags: [] })
    change(status)
    kv.put(PREFIX + source, status)
  }
}

const PREFIX = 'source/'

function lagOf(lags: readonly number[], max: number): NonNullable<SourceStatus['lag']> {
  const sorted = lags.toSorted((a, b) => a - b)
  const quantile = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? 0
  return { last: lags.at(-1) ?? 0, max, p50: quantile(0.5), p95: quantile(0.95) }
}

/** The object, if it is bound. wrangler.toml says which class a namespace has. */
export function openSourceChanges(
  namespace: DurableObjectNamespace | undefined,
): (() => DurableObjectStub<SourceChanges>) | undefined {
  return namespace && (() => namespace.getByName('changes') as DurableObjectStub<SourceChanges>)
}
