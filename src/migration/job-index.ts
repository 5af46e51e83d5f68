import type { JobKind } from './jobs.ts'

/** The list of all jobs that were ever begun. */
export interface JobIndex {
  register(id: string, kind: JobKind): void
  jobs(kind: JobKind, limit: number): string[]
}

export function createJobIndex({ sql }: Pick<DurableObjectStorage, 'sql'>): JobIndex {
  const schema = 'CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID'
  return {
    register(id, kind) {
      sql.exec(schema)
      sql.exec('INSERT OR IGNORE INTO jobs (id, kind) VALUES (?, ?)', id, kind)
    },
    jobs(kind, limit) {
      sql.exec(schema)
      const query = 'SELECT id FROM jobs WHERE kind = ? ORDER BY id DESC LIMIT ?'
      return sql
        .exec<{ id: string }>(query, kind, limit)
        .toArray()
        .map(({ id }) => id)
    },
  }
}
