import type { Backend, ObjectInfo } from 'fallback-storage'

type Row = { name: string; type: string; modified: string; size: number; bytes: number[] }

const COLUMNS = 'name, type, modified, length(bytes) AS size'

/** Reads the files in a table: CREATE TABLE files (name TEXT PRIMARY KEY, type TEXT, modified TEXT, bytes BLOB). */
export function d1Backend(db: D1Database, backend = 'd1'): Backend {
  const find = (columns: string, name: string) =>
    db.prepare(`SELECT ${columns} FROM files WHERE name = ?`).bind(name).first<Row>()
  const infoOf = ({ name, type, modified, size }: Row): ObjectInfo => {
    return {
      name,
      backend,
      size,
      contentType: type,
      modified: new Date(modified),
      etag: `"${modified}-${size}"`,
    }
  }
  return {
    name: backend,
    type: 'custom',
    async head(name) {
      const row = await find(COLUMNS, name)
      return row && infoOf(row)
    },
    async get(name) {
      const row = await find(`${COLUMNS}, bytes`, name)
      return row && { ...infoOf(row), body: new Blob([new Uint8Array(row.bytes)]).stream() }
    },
    async list({ prefix = '', cursor = '', limit = 1000 } = {}) {
      const sql = `SELECT ${COLUMNS} FROM files
        WHERE substr(name, 1, length(?1)) = ?1 AND name > ?2 ORDER BY name LIMIT ?3`
      const { results } = await db.prepare(sql).bind(prefix, cursor, limit).all<Row>()
      const last = results.length === limit ? results.at(-1) : undefined
      return { objects: results.map(infoOf), directories: [], ...(last && { cursor: last.name }) }
    },
  }
}
