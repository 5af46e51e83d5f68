import type { Counts, Failure, PageEntry, SkipReason, Skips } from './job-types.ts'

/** Names that are to be copied together. */
export interface Page {
  page: number
  /** `null` for names of a manifest. */
  source: string | null
  names: PageEntry[]
  /** Times that its names failed before. */
  tries: number
  /** Times that a consumer began it. */
  begins: number
  /** Times that a consumer began it and never reported it. */
  losses: number
}

export interface NewPage {
  source: string | null
  names: readonly PageEntry[]
  tries?: number
  /** Not to be sent before. */
  due?: number
  /** Times that a consumer began some of its names already. */
  begins?: number
}

export interface StoredFailure extends Failure {
  id: number
  source: string | null
  attempts: number
}

type Row = Record<string, SqlStorageValue>

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS counts (
    backend TEXT PRIMARY KEY, listed INTEGER DEFAULT 0, copied INTEGER DEFAULT 0, present INTEGER DEFAULT 0,
    skipped INTEGER DEFAULT 0, failed INTEGER DEFAULT 0, bytes INTEGER DEFAULT 0) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS skips (
    backend TEXT, reason TEXT, names INTEGER, PRIMARY KEY (backend, reason)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS pages (
    page INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT, names TEXT, tries INTEGER, due INTEGER,
    sent INTEGER DEFAULT 0, begun INTEGER DEFAULT 0, begins INTEGER, losses INTEGER DEFAULT 0);
  CREATE TABLE IF NOT EXISTS failures (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, size INTEGER, source TEXT, backend TEXT, error TEXT,
    detail TEXT, attempts INTEGER);`

const COUNTERS = ['listed', 'copied', 'present', 'skipped', 'failed', 'bytes'] as const
/** No backend can have this name: it is the job's own row. */
const WHOLE = ''

export type Store = ReturnType<typeof createStore>

/**
 * A job's counters, failures, and the pages that were not reported yet. `sent` and `begun` are times, 0 where it is
 * not; a page that was reported is deleted. All of it is synchronous, so what is called in one go is one transaction.
 */
export function createStore({ sql }: Pick<DurableObjectStorage, 'sql'>) {
  const all = <T>(query: string, ...values: unknown[]) => sql.exec<T & Row>(query, ...values).toArray()
  const run = (query: string, ...values: unknown[]): void => void sql.exec(query, ...values)
  const number = (query: string, ...values: unknown[]): number =>
    all<{ n: number | null }>(query, ...values)[0]?.n ?? 0

  return {
    /** Makes the tables. Before, nothing else can be called. */
    create: () => run(SCHEMA),

    /** Adds to a backend's counters; `null` is the job as a whole. */
    count(backend: string | null, counts: Partial<Counts> & { skips?: Skips }): void {
      const added = COUNTERS.map((counter) => counts[counter] ?? 0)
      if (added.every((value) => value === 0)) return
      const sums = COUNTERS.map((counter) => `${counter} = ${counter} + excluded.${counter}`)
      run(
        `INSERT INTO counts (backend, ${COUNTERS.join(', ')}) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (backend) DO UPDATE SET ${sums.join(', ')}`,
        backend ?? WHOLE,
        ...added,
      )
      for (const [reason, names] of Object.entries(counts.skips ?? {}))
        run(
          `INSERT INTO skips (backend, reason, names) VALUES (?, ?, ?)
           ON CONFLICT (backend, reason) DO UPDATE SET names = names + excluded.names`,
          backend ?? WHOLE,
          reason,
          names,
        )
    },
    counts: (backend: string | null): Counts =>
      all<Counts>(`SELECT ${COUNTERS.join(', ')} FROM counts WHERE backend = ?`, backend ?? WHOLE)[0] ?? {
        listed: 0,
        copied: 0,
        present: 0,
        skipped: 0,
        failed: 0,
        bytes: 0,
      },
    skips(backend: string | null): Skips {
      const query = 'SELECT reason, names FROM skips WHERE backend = ? ORDER BY reason'
      const rows = all<{ reason: SkipReason; names: number }>(query, backend ?? WHOLE)
      return Object.fromEntries(rows.map(({ reason, names }) => [reason, names]))
    },
    /** Names of those that anything was counted with. */
    backends: (): string[] =>
      all<{ backend: string }>('SELECT backend FROM counts WHERE backend <> ?', WHOLE).map(
        ({ backend }) => backend,
      ),

    addPage: ({ source, names, tries = 0, due = 0, begins = 0 }: NewPage): void =>
      run(
        'INSERT INTO pages (source, names, tries, due, begins) VALUES (?, ?, ?, ?, ?)',
        source,
        JSON.stringify(names),
        tries,
        due,
        begins,
      ),
    /** `undefined` once it was reported. */
    page(page: number): Page | undefined {
      const query = 'SELECT page, source, names, tries, begins, losses FROM pages WHERE page = ?'
      return all<StoredPage>(query, page).map(parsed)[0]
    },
    /** Takes pages that wait, oldest first, as sent. */
    takeWaiting(limit: number, now: number): Page[] {
      const query = `SELECT page, source, names, tries, begins, losses FROM pages
        WHERE sent = 0 AND due <= ? ORDER BY page LIMIT ?`
      const rows = all<StoredPage>(query, now, limit)
      for (const { page } of rows) run('UPDATE pages SET sent = ? WHERE page = ?', now, page)
      return rows.map(parsed)
    },
    /** All that were not reported. */
    pages: () => number('SELECT COUNT(*) AS n FROM pages'),
    pagesInFlight: () => number('SELECT COUNT(*) AS n FROM pages WHERE sent > 0'),
    /** Pages that consumers are copying, but for that one. */
    pagesBegun: (except: number) =>
      number('SELECT COUNT(*) AS n FROM pages WHERE begun > 0 AND page <> ?', except),
    begin: (page: number, now: number): void =>
      // A message may come after its page was put back.
      run('UPDATE pages SET sent = ?1, begun = ?1, begins = begins + 1 WHERE page = ?2', now, page),
    putBack: (page: number): void => run('UPDATE pages SET sent = 0, begun = 0 WHERE page = ?', page),
    /** Puts back what was sent, or begun, before that; with `onlyBegun` nothing that may still be in the queue. */
    putBackUnreported: (before: number, onlyBegun: boolean): Page[] =>
      all<StoredPage>(
        `UPDATE pages SET sent = 0, begun = 0, losses = losses + (begun > 0)
         WHERE sent > 0 AND MAX(sent, begun) < ? AND (begun > 0 OR NOT ?)
         RETURNING page, source, names, tries, begins, losses`,
        before,
        onlyBegun ? 1 : 0,
      ).map(parsed),
    /** When the first of the waiting pages is due. */
    nextDue: (): number | undefined =>
      all<{ due: number | null }>('SELECT MIN(due) AS due FROM pages WHERE sent = 0')[0]?.due ?? undefined,
    dropPage: (page: number): void => run('DELETE FROM pages WHERE page = ?', page),
    /** All but those that are being copied: they are still to be reported. */
    dropPages: (): void => run('DELETE FROM pages WHERE begun = 0'),

    addFailure: ({ name, size, source, backend, error, detail, attempts }: Omit<StoredFailure, 'id'>): void =>
      run(
        'INSERT INTO failures (name, size, source, backend, error, detail, attempts) VALUES (?, ?, ?, ?, ?, ?, ?)',
        name,
        size,
        source,
        backend,
        error,
        detail,
        attempts,
      ),
    failures: (after: number, limit: number): StoredFailure[] =>
      all<StoredFailure>(
        'SELECT id, name, size, source, backend, error, detail, attempts FROM failures WHERE id > ? ORDER BY id LIMIT ?',
        after,
        limit,
      ),
    dropFailure: (id: number): void => run('DELETE FROM failures WHERE id = ?', id),
  }
}

type StoredPage = Omit<Page, 'names'> & { names: string }

function parsed({ names, ...page }: StoredPage): Page {
  return { ...page, names: JSON.parse(names) as PageEntry[] }
}
