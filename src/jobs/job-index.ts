import type { DeadCopy } from '../migration/copy-consumer.ts'
import type { OpenUpload } from '../migration/open-uploads.ts'

export type JobKind = 'backfill' | 'verification'

/** A copy that a read asked for and that was given up, and when. */
export interface BuriedCopy extends Omit<DeadCopy, 'type'> {
  at: number
}

/** The list of all jobs that were ever begun, and of the single copies that were given up. */
export interface JobIndex {
  register(id: string, kind: JobKind): void
  jobs(kind: JobKind, limit: number): string[]
  bury(dead: DeadCopy): void
  /** Newest first. */
  buried(limit: number): BuriedCopy[]
  openUpload(upload: OpenUpload): void
  /** Forgets it; hands back what may be aborted now: others of its name, and what nobody can be at work on any more. */
  closeUpload(upload: OpenUpload): OpenUpload[]
}

/** Older ones make room. */
const MAX_BURIED = 1000
/** A consumer and an alarm live for 15 minutes (Workers limits); a client may take hours to send what it uploads. */
const ABANDONED_MS = 24 * 60 * 60_000
/** R2 and S3 rules remove uploads themselves after some days. */
const MAX_AT_ONCE = 20

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS dead_copies (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, error TEXT, detail TEXT, attempts INTEGER, at INTEGER);
  CREATE TABLE IF NOT EXISTS uploads (
    backend TEXT, name TEXT, id TEXT, at INTEGER, PRIMARY KEY (backend, name, id)) WITHOUT ROWID;`

export function createJobIndex({ sql }: Pick<DurableObjectStorage, 'sql'>, now = Date.now): JobIndex {
  // Jobs are objects of the same class, and have no such tables.
  let isReady = false
  const exec = <Row extends Record<string, SqlStorageValue>>(query: string, ...values: unknown[]) => {
    if (!isReady) sql.exec(SCHEMA)
    isReady = true
    return sql.exec<Row>(query, ...values).toArray()
  }
  return {
    register: (id, kind) => void exec('INSERT OR IGNORE INTO jobs (id, kind) VALUES (?, ?)', id, kind),
    jobs: (kind, limit) =>
      exec<{ id: string }>('SELECT id FROM jobs WHERE kind = ? ORDER BY id DESC LIMIT ?', kind, limit).map(
        ({ id }) => id,
      ),
    bury({ name, error, detail, attempts }) {
      const insert =
        'INSERT OR REPLACE INTO dead_copies (name, error, detail, attempts, at) VALUES (?, ?, ?, ?, ?)'
      exec(insert, name, error, detail, attempts, now())
      exec('DELETE FROM dead_copies WHERE id <= (SELECT MAX(id) FROM dead_copies) - ?', MAX_BURIED)
    },
    buried: (limit) =>
      exec<BuriedCopy & Record<string, SqlStorageValue>>(
        'SELECT name, error, detail, attempts, at FROM dead_copies ORDER BY id DESC LIMIT ?',
        limit,
      ),
    openUpload({ backend, name, id }) {
      const insert = 'INSERT OR REPLACE INTO uploads (backend, name, id, at) VALUES (?, ?, ?, ?)'
      exec(insert, backend, name, id, now())
    },
    closeUpload({ backend, name, id }) {
      exec('DELETE FROM uploads WHERE backend = ? AND name = ? AND id = ?', backend, name, id)
      return exec<OpenUpload & Record<string, SqlStorageValue>>(
        'SELECT backend, name, id FROM uploads WHERE backend = ? AND (name = ? OR at < ?) LIMIT ?',
        backend,
        name,
        now() - ABANDONED_MS,
        MAX_AT_ONCE,
      )
    },
  }
}
