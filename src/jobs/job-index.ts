import { DurableObject } from 'cloudflare:workers'
import type { DeadLetter } from '../migration/copy-consumer.ts'
import type { OpenUpload, UploadIndex } from '../migration/open-uploads.ts'
import type { VersionIndex } from '../prior-versions/versions.ts'
import type { PriorVersion } from '../storage/prior-version.ts'
import { queriesOf } from '../storage/queries.ts'

export type JobKind = 'backfill' | 'verification'

/** A name that was copied or needs no copy, or of which an event of `source` was handled. */
export type HandledName = Pick<DeadLetter, 'name' | 'source'> & {
  /** When the dead letter was added that is removed; one that was added since stays. Default: any. */
  at?: number
}

/** Older ones are deleted. */
const MAX_DEAD_LETTERS = 1000
/** A consumer and an alarm live for 15 minutes (Workers limits); a client may take hours to upload. */
const ABANDONED_MS = 24 * 60 * 60_000
/** R2 and S3 rules remove uploads themselves after some days. */
const MAX_AT_ONCE = 20

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS scheduled_jobs (id TEXT PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, error TEXT, detail TEXT, attempts INTEGER, at INTEGER,
    source TEXT);
  CREATE TABLE IF NOT EXISTS uploads (
    backend TEXT, name TEXT, id TEXT, at INTEGER, PRIMARY KEY (backend, name, id)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS versions (
    backend TEXT, key TEXT, name TEXT, time INTEGER, reason TEXT, size INTEGER, etag TEXT, modified INTEGER,
    PRIMARY KEY (backend, key)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS versions_by_name ON versions (name, time);`

/** The one Durable Object that lists all jobs, the copies that failed for good, open multipart uploads, and prior versions. */
export class JobIndex extends DurableObject<object> implements UploadIndex, VersionIndex {
  readonly #queries = queriesOf(this.ctx.storage)

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env)
    ctx.storage.sql.exec(SCHEMA)
    // An earlier version created the table without it.
    const columns = "SELECT COUNT(*) AS n FROM pragma_table_info('dead_letters') WHERE name = 'source'"
    if (this.#queries.count(columns) === 0)
      this.#queries.run('ALTER TABLE dead_letters ADD COLUMN source TEXT')
  }

  async register(id: string, kind: JobKind): Promise<void> {
    this.#queries.run('INSERT OR IGNORE INTO jobs (id, kind) VALUES (?, ?)', id, kind)
  }

  /** Adds a job that a schedule starts; returns older ones of its kind, except for the newest: they may be removed. */
  async registerScheduled(id: string, kind: JobKind, kept: number): Promise<string[]> {
    await this.register(id, kind)
    this.#queries.run('INSERT OR IGNORE INTO scheduled_jobs (id, kind) VALUES (?, ?)', id, kind)
    const query = 'SELECT id FROM scheduled_jobs WHERE kind = ? ORDER BY id DESC LIMIT -1 OFFSET ?'
    return this.#queries.all<{ id: string }>(query, kind, kept).map(({ id: old }) => old)
  }

  async remove(id: string): Promise<void> {
    this.#queries.run('DELETE FROM jobs WHERE id = ?', id)
    this.#queries.run('DELETE FROM scheduled_jobs WHERE id = ?', id)
  }

  /** Ids, newest first. */
  async jobs(kind: JobKind, limit: number): Promise<string[]> {
    const query = 'SELECT id FROM jobs WHERE kind = ? ORDER BY id DESC LIMIT ?'
    return this.#queries.all<{ id: string }>(query, kind, limit).map(({ id }) => id)
  }

  /** A name has one: that of a copy does not end that of an event. */
  async addDeadLetter({ name, error, detail, attempts, source = null }: DeadLetter): Promise<void> {
    const insert = `INSERT OR REPLACE INTO dead_letters (name, error, detail, attempts, at, source)
      VALUES (?1, ?2, ?3, ?4, ?5, COALESCE(?6, (SELECT source FROM dead_letters WHERE name = ?1)))`
    this.#queries.run(insert, name, error, detail, attempts, Date.now(), source)
    const oldest = 'SELECT id FROM dead_letters ORDER BY id DESC LIMIT 1 OFFSET ?'
    this.#queries.run(`DELETE FROM dead_letters WHERE id <= (${oldest})`, MAX_DEAD_LETTERS)
  }

  /** Newest first. */
  async deadLetters(limit: number): Promise<{ letters: (DeadLetter & { at: number })[]; total: number }> {
    const query =
      'SELECT name, error, detail, attempts, at, source FROM dead_letters ORDER BY id DESC LIMIT ?'
    const total = this.#queries.count('SELECT COUNT(*) AS n FROM dead_letters')
    return { letters: this.#queries.all(query, limit), total }
  }

  async deadLettersOf(names: readonly string[]): Promise<HandledName[]> {
    const query = 'SELECT name, source, at FROM dead_letters WHERE name IN (SELECT value FROM json_each(?))'
    return this.#queries.all(query, JSON.stringify(names))
  }

  async removeDeadLetters(handled: readonly HandledName[]): Promise<void> {
    const remove =
      'DELETE FROM dead_letters WHERE name = ? AND (source IS NULL OR source = ?) AND at IS COALESCE(?, at)'
    for (const { name, source = null, at = null } of handled) this.#queries.run(remove, name, source, at)
  }

  async openUpload({ backend, name, id }: OpenUpload, keepMs = 0): Promise<void> {
    const insert = 'INSERT OR REPLACE INTO uploads (backend, name, id, at) VALUES (?, ?, ?, ?)'
    this.#queries.run(insert, backend, name, id, Date.now() + keepMs)
  }

  /** Removes it; returns others of its name, and what was abandoned, except for what is still kept: they may be aborted now. */
  async closeUpload({ backend, name, id }: OpenUpload): Promise<OpenUpload[]> {
    this.#queries.run('DELETE FROM uploads WHERE backend = ? AND name = ? AND id = ?', backend, name, id)
    const query =
      'SELECT backend, name, id FROM uploads WHERE backend = ? AND ((name = ? AND at <= ?) OR at < ?) LIMIT ?'
    const now = Date.now()
    return this.#queries.all(query, backend, name, now, now - ABANDONED_MS, MAX_AT_ONCE)
  }

  async addVersion({ backend, key, name, time, reason, size, etag, modified }: PriorVersion): Promise<void> {
    const insert = 'INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)'
    this.#queries.run(insert, backend, key, name, time, reason, size, etag, modified)
  }

  async versions(name: string, limit: number): Promise<PriorVersion[]> {
    return this.#queries.all('SELECT * FROM versions WHERE name = ? ORDER BY time DESC LIMIT ?', name, limit)
  }

  async removeVersions(backend: string, keys: readonly string[]): Promise<void> {
    for (const key of keys)
      this.#queries.run('DELETE FROM versions WHERE backend = ? AND key = ?', backend, key)
  }
}
