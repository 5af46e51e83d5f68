import { DurableObject } from 'cloudflare:workers'
import type { SeriesKind } from '../schemas/reasons.ts'
import { type Counted, readCounts } from './dependence.ts'
import {
  addCounts,
  addPrefixReads,
  type Counts,
  type Delta,
  type FallbackRead,
  type Interval,
  intervalAt,
  latestMismatches,
  latestReads,
  type Mismatch,
  PREFIX_RING,
  type PrefixReads,
  type Report,
  type Ring,
  RINGS,
} from './rings.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS rings (
    step INTEGER, slot INTEGER, at INTEGER, counts TEXT, PRIMARY KEY (step, slot)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS prefixes (slot INTEGER PRIMARY KEY, at INTEGER, reads TEXT);
  CREATE TABLE IF NOT EXISTS isolates (id TEXT PRIMARY KEY, counted INTEGER, at INTEGER) WITHOUT ROWID`

/** How long an isolate may take to repeat a report. */
const REMEMBER_MS = 86_400_000
const FORGET_EVERY_MS = 3_600_000

/** What is known of the whole time. */
export interface Summary {
  /** Milliseconds since 1970; `null` if nothing was ever counted. */
  countedSince: number | null
  fallbackRead: FallbackRead | null
}

/** The one Durable Object that sums what all isolates count, in rings: a slot is used again for a later interval. */
export class TimeSeries extends DurableObject<object> {
  #forgotAt = 0

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env)
    ctx.storage.sql.exec(SCHEMA)
  }

  /** Adds what an isolate has counted to the interval of each ring; what it has reported before, only once. */
  async report({ isolate, first, deltas }: Report): Promise<void> {
    const { sql } = this.ctx.storage
    const now = Date.now()
    // All or nothing: an isolate whose report failed sends it again.
    this.ctx.storage.transactionSync(() => {
      const query = 'SELECT counted FROM isolates WHERE id = ?'
      const [{ counted } = { counted: 0 }] = sql.exec<{ counted: number }>(query, isolate).toArray()
      const last = first + deltas.length - 1
      if (last <= counted) return
      this.#add(deltas.slice(Math.max(0, counted + 1 - first)))
      sql.exec('INSERT OR REPLACE INTO isolates (id, counted, at) VALUES (?, ?, ?)', isolate, last, now)
    })
    if (now - this.#forgotAt < FORGET_EVERY_MS) return
    this.#forgotAt = now
    sql.exec('DELETE FROM isolates WHERE at < ?', now - REMEMBER_MS)
  }

  /** What isolates of earlier versions report. */
  async add({
    at,
    counts,
    fallbackRead,
  }: Pick<Delta, 'at' | 'counts'> & { fallbackRead?: FallbackRead | undefined }): Promise<void> {
    const fallbackReads = fallbackRead ? [fallbackRead] : []
    this.ctx.storage.transactionSync(() =>
      this.#add([{ at, counts, fallbackReads, prefixes: {}, mismatches: [] }]),
    )
  }

  #add(reported: readonly Delta[]): void {
    const now = Date.now()
    const deltas = reported.map((delta) => ({ ...delta, at: Math.min(delta.at, now) }))
    for (const ring of RINGS) {
      const intervals = Map.groupBy(deltas, ({ at }) => intervalAt(at, ring.step))
      for (const [at, those] of intervals) this.#addTo(ring, at, those)
    }
    for (const delta of deltas) this.#addPrefixes(delta)
    const { kv } = this.ctx.storage
    const known = kv.get<number>('countedSince') ?? Infinity
    const earliest = Math.min(...deltas.map(({ at }) => at))
    if (earliest < known) kv.put('countedSince', earliest)
    const reads = deltas.flatMap(({ fallbackReads }) => fallbackReads)
    if (reads.length > 0) kv.put('fallbackReads', latestReads([...this.#fallbackReads(), ...reads]))
    const mismatches = deltas.flatMap((delta) => delta.mismatches)
    if (mismatches.length > 0) kv.put('mismatches', latestMismatches([...mismatches, ...this.#mismatches()]))
  }

  #addTo({ step, slots }: Ring, at: number, deltas: readonly Delta[]): void {
    const { sql } = this.ctx.storage
    const slot = (at / step) % slots
    const query = 'SELECT at, counts FROM rings WHERE step = ? AND slot = ?'
    const [row] = sql.exec<{ at: number; counts: string }>(query, step, slot).toArray()
    // It comes so late that its interval is not kept any more.
    if (row && row.at > at) return
    const sum: Counts = row?.at === at ? (JSON.parse(row.counts) as Counts) : {}
    for (const { counts } of deltas) addCounts(sum, counts)
    const insert = 'INSERT OR REPLACE INTO rings (step, slot, at, counts) VALUES (?, ?, ?, ?)'
    sql.exec(insert, step, slot, at, JSON.stringify(sum))
  }

  #addPrefixes({ at: time, prefixes }: Delta): void {
    if (Object.keys(prefixes).length === 0) return
    const { sql } = this.ctx.storage
    const { step, slots } = PREFIX_RING
    const at = intervalAt(time, step)
    const slot = (at / step) % slots
    const query = 'SELECT at, reads FROM prefixes WHERE slot = ?'
    const [row] = sql.exec<{ at: number; reads: string }>(query, slot).toArray()
    if (row && row.at > at) return
    const sum: PrefixReads = row?.at === at ? (JSON.parse(row.reads) as PrefixReads) : {}
    addPrefixReads(sum, prefixes)
    sql.exec(
      'INSERT OR REPLACE INTO prefixes (slot, at, reads) VALUES (?, ?, ?)',
      slot,
      at,
      JSON.stringify(sum),
    )
  }

  /** The latest read of each fallback. Earlier versions kept only the latest of all. */
  #fallbackReads(): FallbackRead[] {
    const { kv } = this.ctx.storage
    const earlier = kv.get<FallbackRead>('fallbackRead')
    return kv.get<FallbackRead[]>('fallbackReads') ?? (earlier ? [earlier] : [])
  }

  #mismatches(): Mismatch[] {
    return this.ctx.storage.kv.get<Mismatch[]>('mismatches') ?? []
  }

  /** What is known of reads of the fallbacks. */
  async dependence(): Promise<Counted> {
    const { sql, kv } = this.ctx.storage
    return {
      ...readCounts(sql, Date.now()),
      countedSince: kv.get<number>('countedSince') ?? null,
      fallbackReads: this.#fallbackReads(),
      mismatches: this.#mismatches(),
    }
  }

  async summary(): Promise<Summary> {
    const reads = this.#fallbackReads().toSorted((one, other) => other.at - one.at)
    return {
      countedSince: this.ctx.storage.kv.get<number>('countedSince') ?? null,
      fallbackRead: reads[0] ?? null,
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
