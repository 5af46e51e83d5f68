import type { Difference, DifferenceKind } from './compare.ts'
import { hash } from './fingerprint.ts'
import type { PrefixCoverage } from './record.ts'

/** What a verification writes down of the names that it compared. */
export interface VerificationLedger {
  /** Examples only: no more than some thousands of each kind are kept. */
  addDifference(difference: Difference): void
  differences(kind: DifferenceKind | undefined, after: number, limit: number): (Difference & { id: number })[]
  cover(prefix: string, objects: number, covered: number): void
  prefixes(): PrefixCoverage[]
  /** Forgets all of the above, for the next pass. */
  clear(): void
  /** Keeps across passes that the bytes of these versions are the same on both sides. */
  addRead(versions: string): void
  wasRead(versions: string): boolean
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS differences (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, name TEXT, backend TEXT, detail TEXT);
  CREATE TABLE IF NOT EXISTS coverage (
    prefix TEXT PRIMARY KEY, objects INTEGER, covered INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS read (low INTEGER, high INTEGER, PRIMARY KEY (low, high)) WITHOUT ROWID;`

const MAX_OF_A_KIND = 10_000
const MAX_PREFIXES = 1000
/** Counts all names whose first directory is one too many. */
const OTHERS = '…'

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
           WHERE id > ? AND (? IS NULL OR kind = ?) ORDER BY id LIMIT ?`,
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
  }
}
