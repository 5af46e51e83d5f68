import { DurableObject } from 'cloudflare:workers'
import { delayAfter, MAX_ATTEMPTS } from '../migration/copy-consumer.ts'
import { describeError, log } from '../observe/log.ts'
import { queriesOf } from '../storage/queries.ts'
import {
  LEASE_MS,
  type MirrorFailure,
  type MirrorMessage,
  type MirrorStatus,
  type Result,
  type Taken,
  type WriteKind,
} from './messages.ts'

/** The last request of what has died may still be carried out, and KV's answers may be a minute old. */
const RECHECK_MS = 3 * 60_000
/** A deletion is one request. */
const DELETION_MS = 30_000
/** A message that nothing has come of for so long is lost. */
const RESEND_MS = 5 * 60_000
const SEND_AGAIN_MS = 10_000
/** Until a lock may have ended. */
const FINAL_MS = 3_600_000
/** More would only wait in the queue, and be sent again. */
const MAX_SENT = 1000
const BATCH = 100
const MAX_FAILURES = 100

/**
 * `due` is when the name is sent to the queue (again): when the write ends or its lease does, the convergence's lease
 * ends, or the next attempt is due. `changed` and `taken` come from one counter. `recheck`: 1 after the next success,
 * 2 that is all that is left.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS writes (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, until INTEGER NOT NULL, lifts INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS changes (
    name TEXT, mirror TEXT, changed INTEGER NOT NULL, since INTEGER NOT NULL, due INTEGER NOT NULL,
    sent INTEGER DEFAULT 0, taken INTEGER DEFAULT 0, deleting INTEGER DEFAULT 0, recheck INTEGER DEFAULT 0,
    attempts INTEGER DEFAULT 0, error TEXT, detail TEXT, PRIMARY KEY (name, mirror)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS changes_due ON changes (due);
  CREATE TABLE IF NOT EXISTS mirrors (
    mirror TEXT PRIMARY KEY, resynced INTEGER, skipped INTEGER DEFAULT 0) WITHOUT ROWID`

interface Change {
  changed: number
  sent: number
  taken: number
  attempts: number
  recheck: number
}

/** The one Durable Object that knows which names the mirrors may differ in. It sends them to the queue until they are done. */
export class MirrorLog extends DurableObject<object> {
  readonly #sql = queriesOf(this.ctx.storage)
  #last = 0
  /** How many rows are `sent`: messages of which nothing has come yet. */
  #sent = 0
  /** When messages were sent for the last time. */
  #sentAt = 0
  #alarm = Infinity
  #isSending = false

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env)
    ctx.storage.sql.exec(SCHEMA)
    this.#last = this.#sql.count('SELECT MAX(MAX(changed), MAX(taken)) AS n FROM changes')
    // The local queue forgets its messages when it is stopped, and a repeated message does no harm.
    this.#forgetSent()
    // It forgets alarms, too, and ignores one that is set to the time that it has forgotten.
    if (this.#firstTime() !== null) this.#wake(Date.now() + 1000)
  }

  /** Before a write: the id to settle it with, `null` if it must not begin now. One row for each mirror that accepts the name. */
  async begin(name: string, mirrors: string[], kind: WriteKind = 'write'): Promise<number | null> {
    if (this.#blocks(name, kind)) return null
    const id = this.#next()
    const until = Date.now() + LEASE_MS
    this.ctx.storage.transactionSync(() => {
      const insert = 'INSERT INTO writes (id, name, until, lifts) VALUES (?, ?, ?, ?)'
      this.#sql.run(insert, id, name, until, kind === 'lift' ? 1 : 0)
      this.#change(name, mirrors, { due: until, isRunning: true })
    })
    this.#wake(until)
    return id
  }

  /** The write is still running. */
  async renew(id: number): Promise<void> {
    this.#sql.run('UPDATE writes SET until = ? WHERE id = ?', Date.now() + LEASE_MS, id)
  }

  /** The write has ended. If it is `uncertain` whether it will still be carried out, the mirrors are checked again later. */
  async settle(id: number, name: string, mirrors: string[], uncertain = false): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      this.#sql.run('DELETE FROM writes WHERE id = ?', id)
      this.#change(name, mirrors, { due: Date.now(), recheck: uncertain })
    })
    await this.#send()
    this.#wake()
  }

  /** What a consumer has to make equal now: of these names, what is due and not taken. */
  async take(names: string[]): Promise<Taken[]> {
    const now = Date.now()
    const query = `SELECT name, mirror, sent FROM changes
      WHERE name = ? AND ((taken = 0 AND (sent = 1 OR due <= ?2)) OR (taken > 0 AND due <= ?2))`
    return [...new Set(names)].flatMap((name) =>
      this.#sql
        .all<{ name: string; mirror: string; sent: number }>(query, name, now)
        .map((row) => this.#take(row)),
    )
  }

  /** Takes one name of a mirror whether or not it has changed; `null` while something else has it and its lease lasts. */
  async claim(mirror: string, name: string): Promise<Taken | null> {
    const [row] = this.#rows(mirror, name)
    if (row && row.taken > 0 && row.due > Date.now()) return null
    if (!row) this.#change(name, [mirror], { due: Date.now() })
    const taken = this.#take({ mirror, name, sent: row?.sent ?? 0 })
    this.#wake(Date.now() + LEASE_MS)
    return taken
  }

  /** Prolongs it; `false` if it has expired. */
  async keep({ mirror, name, token }: Taken): Promise<boolean> {
    const update = 'UPDATE changes SET due = ? WHERE name = ? AND mirror = ? AND taken = ? RETURNING 1'
    return this.#sql.all(update, Date.now() + LEASE_MS, name, mirror, token).length > 0
  }

  /** Whether the mirror's object may be deleted now: no tombstone of the name is being lifted, and none will be until that is done. */
  async claimDeletion({ mirror, name, token }: Taken): Promise<boolean> {
    if (this.#sql.count('SELECT COUNT(*) AS n FROM writes WHERE name = ? AND lifts = 1', name) > 0)
      return false
    const update = 'UPDATE changes SET deleting = ? WHERE name = ? AND mirror = ? AND taken = ? RETURNING 1'
    return this.#sql.all(update, Date.now() + DELETION_MS, name, mirror, token).length > 0
  }

  /** Ends what was taken. It is sent again if the name has changed since. */
  async done(
    { mirror, name, token }: Taken,
    { recheck = false, skipped = false, failure }: Result,
  ): Promise<void> {
    const [row] = this.#rows(mirror, name)
    if (!row || row.taken !== token) return
    if (skipped) this.#countSkipped(mirror)
    if (failure) this.#fail(mirror, name, { ...row, ...failure })
    else if (row.changed > token)
      this.#release(mirror, name, { due: Date.now(), recheck: recheck ? 1 : row.recheck })
    else {
      const until = this.#sql.all<{ until: number | null }>(
        'SELECT MAX(until) AS until FROM writes WHERE name = ?',
        name,
      )
      const runs = until[0]?.until ?? null
      const again = row.recheck === 1 || (recheck && row.recheck === 0)
      if (runs !== null) this.#release(mirror, name, { due: runs, recheck: again ? 1 : 0 })
      else if (again) this.#release(mirror, name, { due: Date.now() + RECHECK_MS, recheck: 2 })
      else this.#sql.run('DELETE FROM changes WHERE name = ? AND mirror = ?', name, mirror)
    }
    await this.#send()
    this.#wake()
  }

  /** The name's message ended in the dead-letter queue. What was not sent since has another reason to wait. */
  async addDeadLetter(name: string, detail: string): Promise<void> {
    const query =
      'SELECT mirror, changed, sent, taken, attempts, recheck FROM changes WHERE name = ? AND sent = 1'
    for (const { mirror, ...row } of this.#sql.all<Change & { mirror: string }>(query, name))
      this.#fail(mirror, name, { ...row, error: 'unexpected', detail })
    this.#wake()
  }

  /** Records when a resync of the mirror was completed, in milliseconds since 1970. */
  async resynced(mirror: string, time: number): Promise<void> {
    const insert = `INSERT INTO mirrors (mirror, resynced) VALUES (?, ?)
      ON CONFLICT (mirror) DO UPDATE SET resynced = excluded.resynced`
    this.#sql.run(insert, mirror, time)
  }

  async status(mirrors: string[]): Promise<MirrorStatus[]> {
    const counts = `SELECT COUNT(*) AS pending, SUM(attempts >= ?) AS failed, MIN(since) AS oldest
      FROM changes WHERE mirror = ? AND recheck < 2`
    const failures = `SELECT name, error, detail, attempts, since FROM changes
      WHERE mirror = ? AND attempts > 0 ORDER BY attempts DESC, since LIMIT ?`
    return mirrors.map((mirror) => {
      const [row] = this.#sql.all<{ pending: number; failed: number | null; oldest: number | null }>(
        counts,
        MAX_ATTEMPTS,
        mirror,
      )
      const [known] = this.#sql.all<{ resynced: number | null; skipped: number }>(
        'SELECT resynced, skipped FROM mirrors WHERE mirror = ?',
        mirror,
      )
      return {
        mirror,
        pending: row?.pending ?? 0,
        failed: row?.failed ?? 0,
        oldest: row?.oldest ?? null,
        lastResync: known?.resynced ?? null,
        skipped: known?.skipped ?? 0,
        failures: this.#sql.all<MirrorFailure>(failures, mirror, MAX_FAILURES),
      }
    })
  }

  override async alarm(): Promise<void> {
    this.#alarm = Infinity
    const now = Date.now()
    this.ctx.storage.transactionSync(() => {
      for (const { name } of this.#sql.all<{ name: string }>(
        'DELETE FROM writes WHERE until <= ? RETURNING name',
        now,
      ))
        this.#sql.run(
          'UPDATE changes SET changed = ?, recheck = 1, due = CASE WHEN taken > 0 THEN due ELSE ? END WHERE name = ?',
          this.#next(),
          now,
          name,
        )
    })
    await this.#send()
    this.#wake()
  }

  #blocks(name: string, kind: WriteKind): boolean {
    if (kind === 'write') return false
    const open = 'SELECT COUNT(*) AS n FROM changes WHERE name = ? AND (? OR deleting > ?)'
    return this.#sql.count(open, name, kind === 'remove' ? 1 : 0, Date.now()) > 0
  }

  /** Notes a change of the name. What is taken keeps its lease, and is due again afterwards. */
  #change(
    name: string,
    mirrors: string[],
    { due, recheck = false, isRunning = false }: { due: number; recheck?: boolean; isRunning?: boolean },
  ): void {
    // A write that begins does not put off what is due already.
    const upsert = `INSERT INTO changes (name, mirror, changed, since, due, recheck) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
      ON CONFLICT (name, mirror) DO UPDATE SET changed = ?3, since = CASE WHEN recheck = 2 THEN ?4 ELSE since END,
        recheck = CASE WHEN recheck = 0 THEN ?6 ELSE 1 END,
        due = CASE WHEN taken > 0 OR sent = 1 OR ?7 AND recheck < 2 THEN due ELSE ?5 END`
    for (const mirror of mirrors)
      this.#sql.run(upsert, name, mirror, this.#next(), Date.now(), due, recheck ? 1 : 0, isRunning ? 1 : 0)
  }

  #take({ mirror, name, sent }: { mirror: string; name: string; sent: number }): Taken {
    const token = this.#next()
    const now = Date.now()
    this.#sent -= sent
    // Whose lease has ended may still send a request. A look that comes earlier than the second one is due does not replace it.
    const update = `UPDATE changes SET taken = ?, sent = 0, due = ?,
      recheck = CASE WHEN taken > 0 OR recheck = 2 AND sent = 0 AND due > ? THEN 1 ELSE recheck END
      WHERE name = ? AND mirror = ?`
    this.#sql.run(update, token, now + LEASE_MS, now, name, mirror)
    return { mirror, name, token }
  }

  #release(mirror: string, name: string, { due, recheck }: { due: number; recheck: number }): void {
    const update = `UPDATE changes SET taken = 0, deleting = 0, due = ?, recheck = ?, attempts = 0, error = NULL, detail = NULL
      WHERE name = ? AND mirror = ?`
    this.#sql.run(update, due, recheck, name, mirror)
  }

  #fail(
    mirror: string,
    name: string,
    { attempts, changed, sent, taken, error, detail, final = false }: Change & NonNullable<Result['failure']>,
  ): void {
    this.#sent -= sent
    const tries = final ? Math.max(MAX_ATTEMPTS, attempts + 1) : attempts + 1
    const waits = final ? FINAL_MS : delayAfter(tries, Math.random()) * 1000
    const due = Date.now() + (changed > taken && taken > 0 ? 0 : waits)
    // The request that failed may still be carried out, also a deletion.
    const update = `UPDATE changes SET taken = 0, sent = 0, due = ?, recheck = 1, attempts = ?, error = ?, detail = ?
      WHERE name = ? AND mirror = ?`
    this.#sql.run(update, due, tries, error, detail, name, mirror)
  }

  #countSkipped(mirror: string): void {
    const insert =
      'INSERT INTO mirrors (mirror, skipped) VALUES (?, 1) ON CONFLICT (mirror) DO UPDATE SET skipped = skipped + 1'
    this.#sql.run(insert, mirror)
  }

  /** Sends what is due, and what comes to be due meanwhile. */
  async #send(): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    let names: string[] = []
    try {
      for (names = this.#nextDue(); names.length > 0; names = this.#nextDue()) {
        const messages = names.map((name): { body: MirrorMessage } => ({ body: { type: 'mirror', name } }))
        await (this.env as { COPY_QUEUE: Queue }).COPY_QUEUE.sendBatch(messages)
      }
    } catch (error) {
      log('warn', 'mirror', { outcome: 'waiting', reason: describeError(error) })
      const putBack = 'UPDATE changes SET sent = 0, due = ? WHERE name = ? AND sent = 1 RETURNING 1'
      for (const name of names) this.#sent -= this.#sql.all(putBack, Date.now() + SEND_AGAIN_MS, name).length
    } finally {
      this.#isSending = false
    }
  }

  /** Sends again later all that was sent: nothing may have come of it. */
  #forgetSent(): void {
    this.#sql.run('UPDATE changes SET sent = 0, due = ? WHERE sent = 1', Date.now() + SEND_AGAIN_MS)
    this.#sent = 0
  }

  /** Marks the names as sent. The leases of those that are taken have ended. */
  #nextDue(): string[] {
    const now = Date.now()
    if (this.#sent >= MAX_SENT) {
      // All of them are lost, as when the queue was purged.
      if (now > this.#sentAt + RESEND_MS) this.#forgetSent()
      return []
    }
    const query = 'SELECT DISTINCT name FROM changes WHERE due <= ? ORDER BY due LIMIT ?'
    const names = this.#sql.all<{ name: string }>(query, now, BATCH).map(({ name }) => name)
    const unsent = 'SELECT COUNT(*) AS n FROM changes WHERE name = ? AND due <= ? AND sent = 0'
    const update = `UPDATE changes SET sent = 1, due = ?, recheck = iif(taken > 0, 1, recheck), taken = 0
      WHERE name = ? AND due <= ?`
    for (const name of names) {
      this.#sent += this.#sql.count(unsent, name, now)
      this.#sql.run(update, now + RESEND_MS, name, now)
    }
    if (names.length > 0) this.#sentAt = now
    return names
  }

  /** Sets the alarm for the next time at which something ends or is due, or for this one if that is earlier. */
  #wake(time?: number): void {
    const first = time ?? this.#firstTime()
    if (first === null || first >= this.#alarm) return
    this.#alarm = first
    void this.ctx.storage.setAlarm(first)
  }

  #firstTime(): number | null {
    const query =
      'SELECT MIN(time) AS time FROM (SELECT MIN(due) AS time FROM changes UNION ALL SELECT MIN(until) FROM writes)'
    const time = this.#sql.all<{ time: number | null }>(query)[0]?.time ?? null
    // What is due and not sent waits for others that are on their way, or for a batch that is being sent.
    return time === null ? null : Math.max(time, Date.now() + (this.#sent >= MAX_SENT ? SEND_AGAIN_MS : 1000))
  }

  /** Later than every number before, also after a restart. */
  #next(): number {
    this.#last = Math.max(this.#last + 1, Date.now())
    return this.#last
  }

  #rows(mirror: string, name: string): (Change & { due: number })[] {
    return this.#sql.all(
      'SELECT changed, due, sent, taken, attempts, recheck FROM changes WHERE name = ? AND mirror = ?',
      name,
      mirror,
    )
  }
}
