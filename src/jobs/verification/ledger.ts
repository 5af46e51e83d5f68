import type { Difference, DifferenceKind } from './compare.ts'
import type { FailedName } from './examine.ts'
import { hash } from './fingerprint.ts'
import type { LeftOutReason } from './left-out.ts'
import type { PrefixCoverage } from './record.ts'

/** What a verification writes down of the names that it compared. */
export interface VerificationLedger {
  /** Examples only: no more than some thousands of each kind are kept. */
  addDifference(difference: Difference): void
  /** Of that kind; by default all but what is equal by size. */
  differences(kind: DifferenceKind | undefined, after: number, limit: number): (Difference & { id: number })[]
  cover(prefix: string, objects: number, covered: number): void
  prefixes(): PrefixCoverage[]
  /** Forgets all of the above, for the next pass. */
  clear(): void
  /** Keeps across passes that the bytes of these versions are the same on both sides. */
  addRead(versions: string): void
  wasRead(versions: string): boolean
  /** What backfills failed at; kept until it is cleared. */
  addFailed(job: string, failed: FailedName & { backend: string }): void
  clearFailed(): void
  failureOf(name: string): FailedName | undefined
  /** How many failures of a job are known, by the reason that they count under. */
  failuresOf(job: string): { reason: LeftOutReason; count: number }[]
  /** Names that a backfill failed at in one of these backends, by reason. */
  failedIn(backends: readonly string[]): { reason: LeftOutReason; count: number }[]
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS differences (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, name TEXT, backend TEXT, detail TEXT);
  CREATE TABLE IF NOT EXISTS coverage (
    prefix TEXT PRIMARY KEY, objects INTEGER, covered INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS read (low INTEGER, high INTEGER, PRIMARY KEY (low, high)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS failed (job TEXT, name TEXT, backend TEXT, reason TEXT, detail TEXT);
  CREATE INDEX IF NOT EXISTS failed_names ON failed (name);`

const MAX_OF_A_KIND = 10_000
const MAX_PREFIXES = 1000
/** Counts all names whose first directory is one too many. */
const OTHERS = '…'

type ReasonCount = { reason: LeftOutReason; count: number }

export function openVerificationLedger({ sql }: Pick<DurableObjectStorage, 'sql'>): VerificationLedger {
  sql.exec(SCHEMA)
  const count = (query: string, ...values: unknown[]): number =>
    sql.exec<{ n: number }>(query, ...values).one().n
  const kept = new Map<string, number>()
  return {
    addDifference({ kind, name, backend, detail }) {
      // Each reason to leave something out is a kind of its own: none may crowd out the others.
      const group = kind === 'left_out' ? detail.slice(0, detail.indexOf(':') + 1) : ''
      const key = kind + group
      const before =
        kept.get(key) ??
        count(
          'SELECT COUNT(*) AS n FROM differences WHERE kind = ? AND substr(detail, 1, ?) = ?',
          kind,
          group.length,
          group,
        )
      kept.set(key, before + 1)
      if (before >= MAX_OF_A_KIND) return
      const insert = 'INSERT INTO differences (kind, name, backend, detail) VALUES (?, ?, ?, ?)'
      sql.exec(insert, kind, name, backend, detail)
    },
    differences: (kind, after, limit) =>
      sql
        .exec<(Difference & { id: number }) & Record<string, SqlStorageValue>>(
          `SELECT id, kind, name, backend, detail FROM differences
           WHERE id > ? AND CASE WHEN ? IS NULL THEN kind <> 'equal_by_size' ELSE kind = ? END ORDER BY id LIMIT ?`,
          after,
          kind ?? null,
          kind ?? null,
          limit,
        )
        .toArray(),
    cover(prefix, objects, covered) {
      const isKnown = count('SELECT COUNT(*) AS n FROM coverage WHERE prefix = ?', prefix) > 0
      const isRoom = isKnown || count('SELECT COUNT(*) AS n FROM coverage') < MAX_PREFIXES
      sql.exec(
        `INSERT INTO coverage (prefix, objects, covered) VALUES (?, ?, ?) ON CONFLICT (prefix)
         DO UPDATE SET objects = objects + excluded.objects, covered = covered + excluded.covered`,
        isRoom ? prefix : OTHERS,
        objects,
        covered,
      )
    },
    prefixes: () =>
      sql
        .exec<{ prefix: string; objects: number; covered: number }>(
          'SELECT prefix, objects, covered FROM coverage ORDER BY prefix',
        )
        .toArray()
        .map((row) => ({ ...row, coverage: row.objects === 0 ? 1 : row.covered / row.objects })),
    clear() {
      sql.exec('DELETE FROM differences; DELETE FROM coverage')
      kept.clear()
    },
    addRead: (versions) =>
      void sql.exec('INSERT OR IGNORE INTO read (low, high) VALUES (?, ?)', ...hash(versions)),
    wasRead: (versions) =>
      count('SELECT COUNT(*) AS n FROM read WHERE low = ? AND high = ?', ...hash(versions)) > 0,
    addFailed: (job, { name, backend, reason, detail }) =>
      void sql.exec('INSERT INTO failed VALUES (?, ?, ?, ?, ?)', job, name, backend, reason, detail),
    clearFailed: () => void sql.exec('DELETE FROM failed'),
    failureOf: (name) =>
      sql
        .exec<FailedName & Record<string, SqlStorageValue>>(
          'SELECT name, reason, detail FROM failed WHERE name = ? LIMIT 1',
          name,
        )
        .toArray()[0],
    failuresOf: (job) =>
      sql
        .exec<ReasonCount>('SELECT reason, COUNT(*) AS count FROM failed WHERE job = ? GROUP BY reason', job)
        .toArray(),
    failedIn: (backends) =>
      sql
        .exec<ReasonCount>(
          `SELECT reason, COUNT(DISTINCT name) AS count FROM failed
           WHERE backend IN (SELECT value FROM json_each(?)) GROUP BY reason`,
          JSON.stringify(backends),
        )
        .toArray(),
  }
}
