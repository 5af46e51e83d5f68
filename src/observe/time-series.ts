import { DurableObject } from 'cloudflare:workers'
import type { SeriesKind } from '../schemas/reasons.ts'
import {
  addCounts,
  type Counts,
  type Delta,
  type FallbackRead,
  type Interval,
  intervalAt,
  laterRead,
  type Ring,
  RINGS,
} from './rings.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS rings (
    step INTEGER, slot INTEGER, at INTEGER, counts TEXT, PRIMARY KEY (step, slot)) WITHOUT ROWID`

/** What is known of the whole time. */
export interface Summary {
  /** Milliseconds since 1970; `null` if nothing was ever counted. */
  countedSince: number | null
  fallbackRead: FallbackRead | null
}

/** The one Durable Object that sums what all isolates count, in rings: a slot is used again for a later interval. */
export class TimeSeries extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.storage.sql.exec(SCHEMA)
  }

  /** Adds what an isolate has counted to the interval of each ring. */
  async add({ at, counts, fallbackRead }: Delta): Promise<void> {
    const { kv } = this.ctx.storage
    const time = Math.min(at, Date.now())
    // All or nothing: an isolate whose report failed sends it again.
    this.ctx.storage.transactionSync(() => {
      for (const ring of RINGS) this.#addTo(ring, intervalAt(time, ring.step), counts)
      if (kv.get('countedSince') === undefined) kv.put('countedSince', time)
      const known = kv.get<FallbackRead>('fallbackRead')
      if (fallbackRead && laterRead(fallbackRead, known) !== known) kv.put('fallbackRead', fallbackRead)
    })
  }

  #addTo({ step, slots }: Ring, at: number, counts: Counts): void {
    const { sql } = this.ctx.storage
    const slot = (at / step) % slots
    const query = 'SELECT at, counts FROM rings WHERE step = ? AND slot = ?'
    const [row] = sql.exec<{ at: number; counts: string }>(query, step, slot).toArray()
    // It comes so late that its interval is not kept any more.
    if (row && row.at > at) return
    const sum: Counts = row?.at === at ? (JSON.parse(row.counts) as Counts) : {}
    addCounts(sum, counts)
    const insert = 'INSERT OR REPLACE INTO rings (step, slot, at, counts) VALUES (?, ?, ?, ?)'
    sql.exec(insert, step, slot, at, JSON.stringify(sum))
  }

  async summary(): Promise<Summary> {
    const { kv } = this.ctx.storage
    return {
      countedSince: kv.get<number>('countedSince') ?? null,
      fallbackRead: kv.get<FallbackRead>('fallbackRead') ?? null,
    }
  }

  /** The intervals of one ring in which something was counted, from that second on, with the counts of `what`. */
  async intervals(what: SeriesKind, step: number, from: number): Promise<Interval[]> {
    const query = 'SELECT at, counts FROM rings WHERE step = ? AND at >= ? ORDER BY at'
    const rows = this.ctx.storage.sql.exec<{ at: number; counts: string }>(query, step, from).toArray()
    return rows.map(({ at, counts }) => ({ at, counts: only(what, JSON.parse(counts) as Counts) }))
  }
}

function only(what: SeriesKind, counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([key]) => key.startsWith(`${what}/`)))
}
