import type { ObjectInfo } from '../../storage/object.ts'
import type { Difference, DifferenceKind, FailedName } from './compare.ts'
import type { LeftOutReason } from '../../schemas/reasons.ts'
import type { PrefixCoverage } from './record.ts'

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

export type VerificationStore = ReturnType<typeof openStore>

/** What a verification keeps, in the storage of its Durable Object, of the names that it compared. */
export function openStore({ sql }: Pick<DurableObjectStorage, 'sql'>) {
  sql.exec(SCHEMA)
  const count = (query: string, ...values: unknown[]): number =>
    sql.exec<{ n: number }>(query, ...values).one().n
  const kept = new Map<string, number>()
  return {
    /** Examples only: no more than some thousands of each kind are kept. */
    addDifference({ kind, name, backend, detail }: Difference): void {
      // Each reason to leave something out is a kind of its own: none may leave no room for the others.
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
    /** Of that kind; by default all but what is equal by size. */
    differences: (kind: DifferenceKind | undefined, after: number, limit: number) =>
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
    cover(prefix: string, objects: number, covered: number): void {
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
    prefixes: (): PrefixCoverage[] =>
      sql
        .exec<{ prefix: string; objects: number; covered: number }>(
          'SELECT prefix, objects, covered FROM coverage ORDER BY prefix',
        )
        .toArray()
        .map((row) => ({ ...row, coverage: row.objects === 0 ? 1 : row.covered / row.objects })),
    /** Forgets differences and coverage, for the next pass. */
    clear(): void {
      sql.exec('DELETE FROM differences; DELETE FROM coverage')
      kept.clear()
    },
    /** Keeps across passes that the bytes of these versions are the same on both sides. */
    addRead: (versions: string): void =>
      void sql.exec('INSERT OR IGNORE INTO read (low, high) VALUES (?, ?)', ...hash(versions)),
    wasRead: (versions: string): boolean =>
      count('SELECT COUNT(*) AS n FROM read WHERE low = ? AND high = ?', ...hash(versions)) > 0,
    /** What a backfill failed at; kept until it is cleared. */
    addFailed: (job: string, { name, backend, reason, detail }: FailedName & { backend: string }): void =>
      void sql.exec('INSERT INTO failed VALUES (?, ?, ?, ?, ?)', job, name, backend, reason, detail),
    clearFailed: (): void => void sql.exec('DELETE FROM failed'),
    failureOf: (name: string): FailedName | undefined =>
      sql
        .exec<FailedName & Record<string, SqlStorageValue>>(
          'SELECT name, reason, detail FROM failed WHERE name = ? LIMIT 1',
          name,
        )
        .toArray()[0],
    /** How many failures of a backfill are known, by the reason that they count under. */
    failuresOf: (job: string): ReasonCount[] =>
      sql
        .exec<ReasonCount>('SELECT reason, COUNT(*) AS count FROM failed WHERE job = ? GROUP BY reason', job)
        .toArray(),
    /** Names that a backfill failed at in one of these backends, by reason. */
    failedIn: (backends: readonly string[]): ReasonCount[] =>
      sql
        .exec<ReasonCount>(
          `SELECT reason, COUNT(DISTINCT name) AS count FROM failed
           WHERE backend IN (SELECT value FROM json_each(?)) GROUP BY reason`,
          JSON.stringify(backends),
        )
        .toArray(),
  }
}

/** Of a set of entries, in whatever order they came: how many, and two sums of their hashes. */
export type Fingerprint = readonly [count: number, low: number, high: number]

export const NOTHING_SEEN: Fingerprint = [0, 0, 0]

/** With one more entry of a listing, its name and what identifies its version. */
export function withEntry(
  [count, low, high]: Fingerprint,
  backend: string,
  { name, etag, modified, version, size, deleted }: ObjectInfo,
): Fingerprint {
  const entry = [backend, name, etag, modified?.getTime(), version, size, deleted?.getTime()]
  const [first, second] = hash(JSON.stringify(entry))
  return [count + 1, (low + first) >>> 0, (high + second) >>> 0]
}

export function isSame(a: Fingerprint, b: Fingerprint): boolean {
  return a.every((part, index) => part === b[index])
}

/** 64 bits (cyrb64): far quicker than a digest, and nothing here needs one. */
function hash(text: string): [number, number] {
  let [a, b] = [0xdeadbeef, 0x41c6ce57]
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return [a >>> 0, b >>> 0]
}
