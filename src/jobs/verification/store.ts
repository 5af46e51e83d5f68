import type { ObjectInfo } from '../../storage/object.ts'
import type { Difference, Verification } from '../../schemas/job-answers.ts'
import type { DifferenceKind, LeftOutReason } from '../../schemas/reasons.ts'
import { queriesOf } from '../../storage/queries.ts'
import type { FailedName } from './compare.ts'

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS differences (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, name TEXT, backend TEXT, detail TEXT);
  CREATE TABLE IF NOT EXISTS coverage (
    prefix TEXT PRIMARY KEY, objects INTEGER, covered INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS read (low INTEGER, high INTEGER, PRIMARY KEY (low, high)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS failed (job TEXT, name TEXT, backend TEXT, reason TEXT, detail TEXT);
  CREATE INDEX IF NOT EXISTS failed_names ON failed (name);`

const MAX_OF_A_KIND = 10_000
const MAX_PREFIXES = 1000
/** Counts the names of all further directories. */
const OTHERS = '…'

type ReasonCount = { reason: LeftOutReason; count: number }

export type VerificationStore = ReturnType<typeof createStore>

/** What a verification stores about the names that it has compared. */
export function createStore(storage: Pick<DurableObjectStorage, 'sql'>) {
  const { all, run, count } = queriesOf(storage)
  const kept = new Map<string, number>()
  return {
    /** Examples: some thousands of each kind are stored, at most. */
    addDifference({ kind, name, backend, detail }: Difference): void {
      // Each reason for leaving something out is a kind of its own, so that none takes the room of the others.
      const group = kind === 'left_out' ? detail.slice(0, detail.indexOf(':') + 1) : ''
      const key = kind + group
      const query = 'SELECT COUNT(*) AS n FROM differences WHERE kind = ? AND substr(detail, 1, ?) = ?'
      const before = kept.get(key) ?? count(query, kind, group.length, group)
      kept.set(key, before + 1)
      if (before >= MAX_OF_A_KIND) return
      const insert = 'INSERT INTO differences (kind, name, backend, detail) VALUES (?, ?, ?, ?)'
      run(insert, kind, name, backend, detail)
    },
    /** Of that kind; by default all but what is equal by size or was repaired. */
    differences(kind: DifferenceKind | null, after: number, limit: number): (Difference & { id: number })[] {
      const query = `SELECT id, kind, name, backend, detail FROM differences WHERE id > ?1
        AND CASE WHEN ?2 IS NULL THEN kind NOT IN ('equal_by_size', 'repaired') ELSE kind = ?2 END ORDER BY id LIMIT ?3`
      return all(query, after, kind, limit)
    },
    /** Its id; 0 if there is none. */
    lastDifference: (): number => count('SELECT MAX(id) AS n FROM differences'),
    dropDifference: (id: number): void => run('DELETE FROM differences WHERE id = ?', id),
    cover(prefix: string, objects: number, covered: number): void {
      const isKnown = count('SELECT COUNT(*) AS n FROM coverage WHERE prefix = ?', prefix) > 0
      const isRoom = isKnown || count('SELECT COUNT(*) AS n FROM coverage') < MAX_PREFIXES
      const insert = `INSERT INTO coverage (prefix, objects, covered) VALUES (?, ?, ?) ON CONFLICT (prefix)
        DO UPDATE SET objects = objects + excluded.objects, covered = covered + excluded.covered`
      run(insert, isRoom ? prefix : OTHERS, objects, covered)
    },
    prefixes: (): Verification['prefixes'] =>
      all<{ prefix: string; objects: number; covered: number }>(
        'SELECT prefix, objects, covered FROM coverage ORDER BY prefix',
      ).map((row) => ({ ...row, coverage: row.objects === 0 ? 1 : row.covered / row.objects })),
    /** Deletes differences and coverage, before the next pass; repairs are listed until the end. */
    clear(): void {
      run("DELETE FROM differences WHERE kind <> 'repaired'; DELETE FROM coverage")
      kept.clear()
    },
    /** Remembers, across passes, that these versions have the same bytes. */
    addRead: (versions: string): void =>
      run('INSERT OR IGNORE INTO read (low, high) VALUES (?, ?)', ...hash(versions)),
    wasRead: (versions: string): boolean =>
      count('SELECT COUNT(*) AS n FROM read WHERE low = ? AND high = ?', ...hash(versions)) > 0,
    /** A name that a backfill could not copy. */
    addFailed: (job: string, { name, backend, reason, detail }: FailedName & { backend: string }): void =>
      run('INSERT INTO failed VALUES (?, ?, ?, ?, ?)', job, name, backend, reason, detail),
    clearFailed: (): void => run('DELETE FROM failed'),
    failureOf: (name: string): FailedName | undefined =>
      all<FailedName>('SELECT name, reason, detail FROM failed WHERE name = ? LIMIT 1', name)[0],
    /** Known failures of a backfill, by reason. */
    failuresOf: (job: string): ReasonCount[] =>
      all('SELECT reason, COUNT(*) AS count FROM failed WHERE job = ? GROUP BY reason', job),
    /** Names that backfills could not copy from one of these backends, by reason. */
    failedIn(backends: readonly string[]): ReasonCount[] {
      const query = `SELECT reason, COUNT(DISTINCT name) AS count FROM failed
        WHERE backend IN (SELECT value FROM json_each(?)) GROUP BY reason`
      return all(query, JSON.stringify(backends))
    },
  }
}

/** Identifies a set of entries, in any order: how many, and two sums of their hashes. */
export type Fingerprint = readonly [count: number, low: number, high: number]

export const NOTHING_SEEN: Fingerprint = [0, 0, 0]

/** Adds an entry of a listing: its name and what identifies its version. */
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

/** 64 bits (cyrb64): much faster than a digest, which is not needed here. */
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
