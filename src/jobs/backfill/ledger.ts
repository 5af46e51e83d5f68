import type { Counts, Failure, PageEntry, Skips } from './job-types.ts'
import { skipLedger } from './skips.ts'

/** A page as the job keeps it, without its names. */
export interface PageRow {
  page: number
  /** `null` for names of a manifest. */
  source: string | null
  /** Times that all its names failed together before. */
  tries: number
  /** `waiting` to be sent, `sent` to the queue, `claimed` by a consumer. */
  state: 'waiting' | 'sent' | 'claimed'
  lease: string | null
  /** The last report that was counted. */
  seq: number
  claims: number
}

export interface NewPage {
  source: string | null
  names: readonly PageEntry[]
  tries?: number
  /** Not to be sent before. */
  due?: number
}

/** What a job counts and still has to do. Synchronous: what is called in one go is one transaction. */
export interface Ledger {
  /** Makes the tables. Before, nothing else can be called. */
  create(): void
  /** Adds to a backend's counters; `null` is the job as a whole. */
  count(backend: string | null, counts: Partial<Counts> & { skips?: Skips }): void
  counts(backend: string | null): Counts
  skips(backend: string | null): Skips
  /** Names of those that anything was counted with. */
  backends(): string[]
  addPage(page: NewPage): void
  page(page: number): PageRow | undefined
  names(page: number): PageEntry[]
  /** Pages to be sent, oldest first. */
  takeWaiting(limit: number, now: number): { page: number; source: string | null; names: PageEntry[] }[]
  /** How many pages there are in that state, or in all. */
  pages(state?: PageRow['state']): number
  claim(page: number, lease: string, now: number): void
  /** Consumers at work. */
  leases(): number
  touch(lease: string, now: number): void
  /** Keeps what is left of a page; with `ended` it waits to be sent again, or is forgotten when nothing is left. */
  trim(page: number, names: readonly PageEntry[], options: { seq: number; ended: boolean }): void
  putBack(pages: readonly number[]): void
  /** Pages sent before that, and claimed by nobody; they wait again. */
  putBackLost(before: number): void
  /** Pages whose consumer gave no sign of life since; they wait again. Tells how many consumers each has outlived. */
  putBackDead(before: number): { page: number; deaths: number }[]
  forget(page: number): void
  /** When the first of the waiting pages is due. */
  nextDue(): number | undefined
  dropPages(): void
  addFailure(failure: Failure & { source: string | null; attempts: number }): void
  failures(
    after: number,
    limit: number,
  ): (Failure & { id: number; source: string | null; attempts: number })[]
  dropFailure(id: number): void
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS counts (
    backend TEXT PRIMARY KEY, listed INTEGER DEFAULT 0, copied INTEGER DEFAULT 0, present INTEGER DEFAULT 0,
    skipped INTEGER DEFAULT 0, failed INTEGER DEFAULT 0, bytes INTEGER DEFAULT 0) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS pages (
    page INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT, tries INTEGER, due INTEGER DEFAULT 0,
    state TEXT DEFAULT 'waiting', lease TEXT, seq INTEGER DEFAULT 0, claims INTEGER DEFAULT 0, deaths INTEGER DEFAULT 0,
    touched INTEGER DEFAULT 0, names TEXT);
  CREATE TABLE IF NOT EXISTS failures (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, size INTEGER, source TEXT, backend TEXT, error TEXT,
    detail TEXT, attempts INTEGER);`

const COUNTERS = ['listed', 'copied', 'present', 'skipped', 'failed', 'bytes'] as const
/** Signs of life are not written down more often: each is a row for each page of the consumer. */
const TOUCH_MS = 2_000
/** No backend can have this name: it is the job's own row. */
const WHOLE = ''

export function createLedger({ sql }: Pick<DurableObjectStorage, 'sql'>): Ledger {
  const one = <Row extends Record<string, SqlStorageValue>>(query: string, ...values: unknown[]) =>
    sql.exec<Row>(query, ...values).toArray()[0]
  const readCounts = (backend: string): Counts =>
    one<Counts & Record<string, number>>(
      `SELECT ${COUNTERS.join(', ')} FROM counts WHERE backend = ?`,
      backend,
    ) ?? { listed: 0, copied: 0, present: 0, skipped: 0, failed: 0, bytes: 0 }

  const skips = skipLedger(sql)

  return {
    create: () => void sql.exec(SCHEMA),
    count(backend, counts) {
      const added = COUNTERS.map((counter) => counts[counter] ?? 0)
      if (added.every((value) => value === 0)) return
      const sums = COUNTERS.map((counter) => `${counter} = ${counter} + excluded.${counter}`)
      sql.exec(
        `INSERT INTO counts (backend, ${COUNTERS.join(', ')}) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (backend) DO UPDATE SET ${sums.join(', ')}`,
        backend ?? WHOLE,
        ...added,
      )
      skips.add(backend ?? WHOLE, counts.skips)
    },
    skips: (backend) => skips.of(backend ?? WHOLE),
    counts: (backend) => readCounts(backend ?? WHOLE),
    backends() {
      const names = sql.exec<{ backend: string }>('SELECT backend FROM counts WHERE backend <> ?', WHOLE)
      return names.toArray().map(({ backend }) => backend)
    },
    ...pageLedger(sql, one),
    ...failureLedger(sql),
  }
}

type One = <Row extends Record<string, SqlStorageValue>>(
  query: string,
  ...values: unknown[]
) => Row | undefined

type PageMethods = Omit<
  Ledger,
  'create' | 'count' | 'counts' | 'skips' | 'backends' | 'addFailure' | 'failures' | 'dropFailure'
>

function pageLedger(sql: SqlStorage, one: One): PageMethods {
  return {
    addPage: ({ source, names, tries = 0, due = 0 }) =>
      void sql.exec(
        'INSERT INTO pages (source, tries, due, names) VALUES (?, ?, ?, ?)',
        source,
        tries,
        due,
        JSON.stringify(names),
      ),
    page: (page) =>
      one<PageRow & Record<string, SqlStorageValue>>(
        'SELECT page, source, tries, state, lease, seq, claims FROM pages WHERE page = ?',
        page,
      ),
    names: (page) =>
      parseNames(one<{ names: string }>('SELECT names FROM pages WHERE page = ?', page)?.names),
    takeWaiting(limit, now) {
      const query = `SELECT page, source, names FROM pages WHERE state = 'waiting' AND due <= ? ORDER BY page LIMIT ?`
      const rows = sql
        .exec<{ page: number; source: string | null; names: string }>(query, now, limit)
        .toArray()
      for (const { page } of rows)
        sql.exec(`UPDATE pages SET state = 'sent', touched = ? WHERE page = ?`, now, page)
      return rows.map(({ names, ...row }) => ({ ...row, names: parseNames(names) }))
    },
    pages: (state) =>
      (state
        ? one<{ n: number }>('SELECT COUNT(*) AS n FROM pages WHERE state = ?', state)
        : one<{ n: number }>('SELECT COUNT(*) AS n FROM pages')
      )?.n ?? 0,
    claim: (page, lease, now) =>
      void sql.exec(
        `UPDATE pages SET state = 'claimed', lease = ?, touched = ?, seq = 0, claims = claims + 1 WHERE page = ?`,
        lease,
        now,
        page,
      ),
    leases: () =>
      one<{ n: number }>(`SELECT COUNT(DISTINCT lease) AS n FROM pages WHERE state = 'claimed'`)?.n ?? 0,
    touch: (lease, now) =>
      void sql.exec(
        `UPDATE pages SET touched = ? WHERE state = 'claimed' AND lease = ? AND touched < ?`,
        now,
        lease,
        now - TOUCH_MS,
      ),
    trim(page, names, { seq, ended }) {
      if (ended && names.length === 0) sql.exec('DELETE FROM pages WHERE page = ?', page)
      else {
        const state = ended ? `, state = 'waiting', lease = NULL` : ''
        sql.exec(
          `UPDATE pages SET names = ?, seq = ?${state} WHERE page = ?`,
          JSON.stringify(names),
          seq,
          page,
        )
      }
    },
    putBack(pages) {
      for (const page of pages)
        sql.exec(`UPDATE pages SET state = 'waiting', lease = NULL WHERE page = ? AND state = 'sent'`, page)
    },
    putBackLost: (before) =>
      void sql.exec(`UPDATE pages SET state = 'waiting' WHERE state = 'sent' AND touched < ?`, before),
    putBackDead: (before) =>
      sql
        .exec<{ page: number; deaths: number }>(
          `UPDATE pages SET state = 'waiting', lease = NULL, deaths = deaths + 1
           WHERE state = 'claimed' AND touched < ? RETURNING page, deaths`,
          before,
        )
        .toArray(),
    forget: (page) => void sql.exec('DELETE FROM pages WHERE page = ?', page),
    nextDue: () =>
      one<{ due: number | null }>(`SELECT MIN(due) AS due FROM pages WHERE state = 'waiting'`)?.due ??
      undefined,
    dropPages: () => void sql.exec(`DELETE FROM pages WHERE state <> 'claimed'`),
  }
}

function parseNames(names: string | undefined): PageEntry[] {
  return names === undefined ? [] : (JSON.parse(names) as PageEntry[])
}

function failureLedger(sql: SqlStorage): Pick<Ledger, 'addFailure' | 'failures' | 'dropFailure'> {
  return {
    addFailure: ({ name, size, source, backend, error, detail, attempts }) =>
      void sql.exec(
        'INSERT INTO failures (name, size, source, backend, error, detail, attempts) VALUES (?, ?, ?, ?, ?, ?, ?)',
        name,
        size,
        source,
        backend,
        error,
        detail,
        attempts,
      ),
    failures: (after, limit) =>
      sql
        .exec<ReturnType<Ledger['failures']>[number] & Record<string, SqlStorageValue>>(
          'SELECT id, name, size, source, backend, error, detail, attempts FROM failures WHERE id > ? ORDER BY id LIMIT ?',
          after,
          limit,
        )
        .toArray(),
    dropFailure: (id) => void sql.exec('DELETE FROM failures WHERE id = ?', id),
  }
}
