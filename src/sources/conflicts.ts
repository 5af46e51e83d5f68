import type { ObjectInfo } from '../storage/object.ts'
import { queriesOf } from '../storage/queries.ts'

/** What identifies a version, as far as it is known. */
export interface Version {
  etag: string | null
  modified: number | null
  size: number | null
}

/** A name that was saved here, and differs at its source. */
export interface Conflict {
  /** The source. */
  backend: string
  name: string
  detail: string
  held: Version
  found: Version
  /** When it was seen last, in milliseconds since 1970. */
  at: number
}

/** Older ones are forgotten: the next event of the name records it again. */
const MAX_CONFLICTS = 10_000
/** Counting them reads that many rows, so it is not done each time. */
const COUNTED_EVERY = 100

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS conflicts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, backend TEXT, name TEXT, conflict TEXT, UNIQUE (backend, name));`

/** One that was dismissed is kept, so that it is not listed again while both sides have the same versions. */
const LISTED = "conflict ->> 'dismissed' IS NULL"
const SETTLED = `SELECT id FROM conflicts WHERE backend = ? AND name = ?
  AND conflict ->> 'dismissed' AND conflict -> 'held' = ? AND conflict -> 'found' = ?`

/** One conflict for each name of a source, the latest first. */
export function conflictLog(sql: SqlStorage) {
  const { all, run, count } = queriesOf({ sql })
  run(SCHEMA)
  return {
    add(conflict: Conflict): void {
      const { backend, name, held, found } = conflict
      const isIdentified = (found.etag ?? found.modified) !== null
      const versions = [held, found].map((version) => JSON.stringify(version))
      if (isIdentified && all(SETTLED, backend, name, ...versions).length > 0) return
      const insert =
        'INSERT OR REPLACE INTO conflicts (backend, name, conflict) VALUES (?, ?, ?) RETURNING id'
      const json = JSON.stringify(conflict)
      const [row] = all<{ id: number }>(insert, backend, name, json)
      if (!row || row.id % COUNTED_EVERY > 0) return
      const oldest = 'SELECT id FROM conflicts ORDER BY id DESC LIMIT 1 OFFSET ?'
      run(`DELETE FROM conflicts WHERE id <= (${oldest})`, MAX_CONFLICTS)
    },
    /** With `at`, only the one that was seen then. */
    remove(backend: string, name: string, at?: number): void {
      const remove = `DELETE FROM conflicts WHERE backend = ? AND name = ? AND conflict ->> 'at' IS COALESCE(?, conflict ->> 'at')`
      run(remove, backend, name, at ?? null)
    },
    /** Returns whether it was listed. */
    dismiss(backend: string, name: string): boolean {
      const dismiss = `UPDATE conflicts SET conflict = json_set(conflict, '$.dismissed', json('true'))
        WHERE backend = ? AND name = ? AND ${LISTED} RETURNING id`
      return all(dismiss, backend, name).length > 0
    },
    /** Those before `cursor`, which is that of the page before; `null` on the last page. */
    page(limit: number, cursor: number): { conflicts: Conflict[]; cursor: number | null } {
      const query = `SELECT id, conflict FROM conflicts WHERE ${LISTED} AND (? = 0 OR id < ?) ORDER BY id DESC LIMIT ?`
      const rows = all<{ id: number; conflict: string }>(query, cursor, cursor, limit + 1)
      const shown = rows.slice(0, limit)
      return {
        conflicts: shown.map(({ conflict }) => JSON.parse(conflict) as Conflict),
        cursor: rows.length > limit ? (shown.at(-1)?.id ?? null) : null,
      }
    },
    count: (): number => count(`SELECT COUNT(*) AS n FROM conflicts WHERE ${LISTED}`),
  }
}

export function versionOf({ etag, modified, size }: ObjectInfo): Version {
  return { etag: etag ?? null, modified: modified?.getTime() ?? null, size: size ?? null }
}
