import type { ErrorCode } from '../../storage/errors.ts'
import type { Counters, FailureCounts } from '../../schemas/job-answers.ts'
import type { SavedRecord } from '../job-record.ts'
import { queriesOf } from '../../storage/queries.ts'
import type { BackfillRecord, Failure, Outcome, PageEntry, Point } from './job-types.ts'

/** Names that are copied together. */
export interface Page {
  page: number
  /** `null` for names of a manifest. */
  source: string | null
  names: PageEntry[]
  /** How often its names failed before. */
  tries: number
  /** How often a consumer started it, or a page that its names were in, without reporting it. */
  begins: number
  /** When a consumer last started it; 0 if none has since it was sent. */
  begun: number
}

export interface NewPage extends Pick<Page, 'source'>, Partial<Pick<Page, 'tries' | 'begins'>> {
  names: readonly PageEntry[]
  /** Not to be sent before. */
  due?: number
}

export interface StoredFailure extends Failure {
  id: number
  source: string | null
  attempts: number
}

export interface Progress extends Point {
  listed: number
}

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS counts (
    backend TEXT PRIMARY KEY, listed INTEGER DEFAULT 0, copied INTEGER DEFAULT 0, present INTEGER DEFAULT 0,
    skipped INTEGER DEFAULT 0, failed INTEGER DEFAULT 0, bytes INTEGER DEFAULT 0) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS skips (
    backend TEXT, reason TEXT, names INTEGER, PRIMARY KEY (backend, reason)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS pages (
    page INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT, names TEXT, tries INTEGER, due INTEGER,
    sent INTEGER DEFAULT 0, begun INTEGER DEFAULT 0, begins INTEGER);
  CREATE INDEX IF NOT EXISTS pages_by_state ON pages (sent, due, begun);
  CREATE TABLE IF NOT EXISTS failures (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, size INTEGER, source TEXT, backend TEXT, error TEXT,
    detail TEXT, attempts INTEGER);`

const PAGE = 'page, source, names, tries, begins, begun'
const FAILURE = 'name, size, source, backend, error, detail, attempts'

const COUNTERS = ['listed', 'copied', 'present', 'skipped', 'failed', 'bytes'] as const
/** No backend can have this name: it is the job's own row. */
const WHOLE = ''

export type Store = ReturnType<typeof createStore>

/** A backfill's record, and its counters and pages. All of it is synchronous. */
export interface JobState extends SavedRecord<BackfillRecord> {
  store: Store
}

/**
 * A job's counters, failures, and the pages that are not reported yet. `sent` and `begun` are times, 0 if it is not;
 * a page that is reported is deleted. All of it is synchronous.
 */
export function createStore(storage: Pick<DurableObjectStorage, 'sql'>) {
  const { all, run, count } = queriesOf(storage)
  const pages = (query: string, ...values: unknown[]): Page[] =>
    all<Omit<Page, 'names'> & { names: string }>(query, ...values).map(({ names, ...page }) => ({
      ...page,
      names: JSON.parse(names) as PageEntry[],
    }))

  return {
    /** Adds to a backend's counters; `null` is the job as a whole. */
    count(backend: string | null, counts: Partial<Counters>): void {
      const added = COUNTERS.map((counter) => counts[counter] ?? 0)
      if (added.every((value) => value === 0)) return
      const sums = COUNTERS.map((counter) => `${counter} = ${counter} + excluded.${counter}`)
      const insert = `INSERT INTO counts (backend, ${COUNTERS.join(', ')}) VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (backend) DO UPDATE SET ${sums.join(', ')}`
      const insertSkips = `INSERT INTO skips (backend, reason, names) VALUES (?, ?, ?)
        ON CONFLICT (backend, reason) DO UPDATE SET names = names + excluded.names`
      run(insert, backend ?? WHOLE, ...added)
      for (const [reason, names] of Object.entries(counts.skipped_by ?? {}))
        run(insertSkips, backend ?? WHOLE, reason, names)
    },
    counters(backend: string | null): Counters {
      const counts = `SELECT ${COUNTERS.join(', ')} FROM counts WHERE backend = ?`
      const skips = 'SELECT reason, names FROM skips WHERE backend = ? ORDER BY reason'
      const skipped = all<{ reason: string; names: number }>(skips, backend ?? WHOLE)
      return {
        ...noCounts(),
        ...all<Omit<Counters, 'skipped_by'>>(counts, backend ?? WHOLE)[0],
        skipped_by: Object.fromEntries(skipped.map(({ reason, names }) => [reason, names])),
      }
    },
    /** The whole job's counters, in short. */
    progress(): Progress {
      const query = `SELECT listed, copied + present + skipped + failed AS settled, failed, bytes
        FROM counts WHERE backend = ?`
      return all<Progress>(query, WHOLE)[0] ?? { listed: 0, settled: 0, failed: 0, bytes: 0 }
    },
    /** Names of the backends that anything was counted with. */
    backends: (): string[] =>
      all<{ backend: string }>('SELECT backend FROM counts WHERE backend <> ?', WHOLE).map(
        ({ backend }) => backend,
      ),

    addPage({ source, names, tries = 0, due = 0, begins = 0 }: NewPage): void {
      const insert = 'INSERT INTO pages (source, names, tries, due, begins) VALUES (?, ?, ?, ?, ?)'
      run(insert, source, JSON.stringify(names), tries, due, begins)
    },
    /** `undefined` once it is reported. */
    page: (page: number): Page | undefined => pages(`SELECT ${PAGE} FROM pages WHERE page = ?`, page)[0],
    /** Marks the oldest waiting pages as sent. */
    takeWaiting(limit: number, now: number): Page[] {
      // The index has no names, so only the chosen rows are read.
      const query = `SELECT ${PAGE} FROM pages WHERE page IN (
        SELECT page FROM pages WHERE sent = 0 AND due <= ? ORDER BY page LIMIT ?) ORDER BY page`
      const waiting = pages(query, now, limit)
      for (const { page } of waiting) run('UPDATE pages SET sent = ? WHERE page = ?', now, page)
      return waiting
    },
    /** All that are not reported. */
    pages: () => count('SELECT COUNT(*) AS n FROM pages'),
    pagesInFlight: () => count('SELECT COUNT(*) AS n FROM pages WHERE sent > 0'),
    /** Pages that consumers are copying, not counting that one. */
    pagesBegun: (except: number) =>
      count('SELECT COUNT(*) AS n FROM pages WHERE sent > 0 AND begun > 0 AND page <> ?', except),
    begin: (page: number, now: number): void =>
      // A message may arrive after its page was put back.
      run('UPDATE pages SET sent = ?1, begun = ?1, begins = begins + 1 WHERE page = ?2', now, page),
    putBack: (page: number): void => run('UPDATE pages SET sent = 0, begun = 0 WHERE page = ?', page),
    /** Puts back what was sent, and possibly begun, before that; with `onlyBegun` nothing that may still be in the queue. */
    putBackUnreported: (before: number, onlyBegun: boolean): Page[] =>
      pages(
        `UPDATE pages SET sent = 0, begun = 0
         WHERE sent > 0 AND MAX(sent, begun) < ? AND (begun > 0 OR NOT ?) RETURNING ${PAGE}`,
        before,
        onlyBegun ? 1 : 0,
      ),
    /** When the first of the waiting pages is due. */
    nextDue: (): number | undefined =>
      all<{ due: number | null }>('SELECT MIN(due) AS due FROM pages WHERE sent = 0')[0]?.due ?? undefined,
    dropPage: (page: number): void => run('DELETE FROM pages WHERE page = ?', page),
    /** All but those that are being copied: they will be reported. */
    dropPages: (): void => run('DELETE FROM pages WHERE begun = 0'),

    addFailure({ name, size, source, backend, error, detail, attempts }: Omit<StoredFailure, 'id'>): void {
      const insert = `INSERT INTO failures (${FAILURE}) VALUES (?, ?, ?, ?, ?, ?, ?)`
      run(insert, name, size, source, backend, error, detail, attempts)
    },
    failures(after: number, limit: number, error?: ErrorCode): StoredFailure[] {
      const query = `SELECT id, ${FAILURE} FROM failures WHERE id > ?1 AND (?3 IS NULL OR error = ?3) ORDER BY id LIMIT ?2`
      return all<StoredFailure>(query, after, limit, error ?? null)
    },
    /** The most frequent first. */
    failureCounts: (): FailureCounts['failures'] =>
      all(`SELECT error, backend, COUNT(*) AS count, MIN(name) AS example FROM failures
        GROUP BY error, backend ORDER BY count DESC, error, backend`),
    dropFailure: (id: number): void => run('DELETE FROM failures WHERE id = ?', id),
  }
}

export function noCounts(): Counters {
  return { listed: 0, copied: 0, present: 0, skipped: 0, skipped_by: {}, failed: 0, bytes: 0 }
}

/** Adds what happened to one name to the counters of its backend. */
export function addOutcome(counts: Counters, { what, reason, bytes = 0 }: Omit<Outcome, 'backend'>): void {
  counts[what]++
  counts.bytes += bytes
  if (reason) counts.skipped_by[reason] = (counts.skipped_by[reason] ?? 0) + 1
}
