import { DurableObject } from 'cloudflare:workers'
import type { SeriesKind } from '../schemas/reasons.ts'
import { queriesOf } from '../storage/queries.ts'
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
  readonly #sql = queriesOf(this.ctx.storage)
  #forgotAt = 0

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env)
    ctx.storage.sql.exec(SCHEMA)
  }

  /** Adds what an isolate has counted to the interval of each ring; what it has reported before, only once. */
  async report({ isolate, first, deltas }: Report): Promise<void> {
    const { all, run } = this.#sql
    const now = Date.now()
    // All or nothing: an isolate whose report failed sends it again.
    this.ctx.storage.transactionSync(() => {
      const query = 'SELECT counted FROM isolates WHERE id = ?'
      const [{ counted } = { counted: 0 }] = all<{ counted: number }>(query, isolate)
      const last = first + deltas.length - 1
      if (last <= counted) return
      this.#add(deltas.slice(Math.max(0, counted + 1 - first)))
      run('INSERT OR REPLACE INTO isolates (id, counted, at) VALUES (?, ?, ?)', isolate, last, now)
    })
    if (now - this.#forgotAt < FORGET_EVERY_MS) return
    this.#forgotAt = now
    run('DELETE FROM isolates WHERE at < ?', now - REMEMBER_MS)
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
      for (const [at, those] of intervals) this.#addCounts(ring, at, those)
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

  #addCounts({ step, slots }: Ring, at: number, deltas: readonly Delta[]): void {
    const slot = (at / step) % slots
    const query = 'SELECT at, counts AS json FROM rings WHERE step = ? AND slot = ?'
    const sum = this.#sumAt<Counts>(at, query, step, slot)
    if (!sum) return
    for (const { counts } of deltas) addCounts(sum, counts)
    const insert = 'INSERT OR REPLACE INTO rings (step, slot, at, counts) VALUES (?, ?, ?, ?)'
    this.#sql.run(insert, step, slot, at, JSON.stringify(sum))
  }

  #addPrefixes({ at: time, prefixes }: Delta): void {
    if (Object.keys(prefixes).length === 0) return
    const { step, slots } = PREFIX_RING
    const at = intervalAt(time, step)
    const slot = (at / step) % slots
    const sum = this.#sumAt<PrefixReads>(at, 'SELECT at, reads AS json FROM prefixes WHERE slot = ?', slot)
    if (!sum) return
    addPrefixReads(sum, prefixes)
    const insert = 'INSERT OR REPLACE INTO prefixes (slot, at, reads) VALUES (?, ?, ?)'
    this.#sql.run(insert, slot, at, JSON.stringify(sum))
  }

  /** What a slot has of the interval at that time; `null` if it comes so late that its interval is not kept any more. */
  #sumAt<Sum extends object>(at: number, query: string, ...slot: number[]): Sum | null {
    const [row] = this.#sql.all<{ at: number; json: string }>(query, ...slot)
    if (row && row.at > at) return null
    return (row?.at === at ? JSON.parse(row.json) : {}) as Sum
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
    const rows = this.#sql.all<{ at: number; counts: string }>(query, step, from)
    return rows.map(({ at, counts }) => ({ at, counts: only(what, JSON.parse(counts) as Counts) }))
  }
}

function only(what: SeriesKind, counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([key]) => key.startsWith(`${what}/`)))
}
