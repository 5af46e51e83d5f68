import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { MirrorLog } from '../../src/mirrors/log.ts'
import { ownLog, passTime, rowsOf } from './kit.ts'

const FAILURE = { failure: { error: 'unavailable', detail: 'old: is down' } }

type Log = DurableObjectStub<MirrorLog>

async function change(log: Log, name: string, mirrors = ['old']): Promise<void> {
  const id = await log.begin(name, mirrors)
  await log.settle(id ?? 0, name, mirrors)
}

async function takeOne(log: Log, name: string) {
  const [taken, ...others] = await log.take([name])
  expect(others).toEqual([])
  if (!taken) throw new Error(`nothing to take: ${JSON.stringify(await rowsOf(log))}`)
  return taken
}

/** Adds so many names whose changes are due: photos/1, photos/2, and so on. */
async function addPending(log: Log, count: number): Promise<void> {
  await runInDurableObject(log, (_, { storage }) => {
    const insert = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
      INSERT INTO changes (name, mirror, changed, since, due) SELECT 'photos/' || i, 'old', 1, 1, 1 FROM n`
    storage.sql.exec(insert, count)
  })
  await passTime(log)
}

/** Rows that an alarm reads; of a log that was restarted if there is a queue for it. */
function alarmReads(log: Log, queue?: Pick<Queue, 'sendBatch'>): Promise<number> {
  return runInDurableObject(log, async (running: MirrorLog, state) => {
    const { storage } = state
    const instance = queue ? new MirrorLog(state, { COPY_QUEUE: queue }) : running
    const sql = Object.getPrototypeOf(storage.sql) as SqlStorage
    const { exec } = sql
    const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = []
    vi.spyOn(sql, 'exec').mockImplementation(function (this: SqlStorage, ...args) {
      const cursor = exec.apply(this, args)
      cursors.push(cursor)
      return cursor as never
    })
    await instance.alarm()
    vi.restoreAllMocks()
    return cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0)
  })
}

afterEach(() => void vi.useRealTimers())

const isLater = (due: number): boolean => due > Date.now()

const pendingOf = async (log: Log) => (await log.status(['old']))[0]?.pending

describe('MirrorLog', () => {
  it('gives out a name once the write has ended, and forgets it when it is done', async () => {
    const log = ownLog().log()
    const id = await log.begin('a', ['old'])
    expect(await log.take(['a'])).toEqual([])
    expect(await pendingOf(log)).toBe(1)
    await log.settle(id ?? 0, 'a', ['old'])
    const taken = await takeOne(log, 'a')
    expect(taken).toMatchObject({ mirror: 'old', name: 'a' })
    await log.done(taken, {})
    expect(await rowsOf(log)).toEqual([])
  })

  it('sends a name to the queue when its write has ended, and when its next attempt is due', async () => {
    const log = ownLog().log()
    const sent = async () => (await rowsOf(log)).map((row) => row.sent)
    const id = await log.begin('a', ['old'])
    await log.renew(id ?? 0)
    // There is nothing to send yet.
    await runInDurableObject(log, (instance) => instance.alarm())
    expect(await sent()).toEqual([0])
    await log.settle(id ?? 0, 'a', ['old'])
    expect(await sent()).toEqual([1])
    await log.done(await takeOne(log, 'a'), FAILURE)
    expect(await sent()).toEqual([0])
    await passTime(log)
    expect(await sent()).toEqual([1])
  })

  it('has a row for each mirror', async () => {
    const log = ownLog().log()
    await change(log, 'a', ['old', 'cold'])
    const taken = await log.take(['a'])
    expect(taken.map(({ mirror }) => mirror)).toEqual(['cold', 'old'])
    await log.done(taken[0] ?? { mirror: '', name: '', token: 0 }, {})
    expect((await rowsOf(log)).map(({ mirror }) => mirror)).toEqual(['old'])
  })

  it('gives a name to one consumer at a time, and to another one if that dies', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    const first = await takeOne(log, 'a')
    expect(await log.take(['a', 'a'])).toEqual([])
    expect(await log.claim('old', 'a')).toBeNull()
    expect(await log.keep(first)).toBe(true)
    await passTime(log)
    const second = await takeOne(log, 'a')
    expect(await log.keep(first)).toBe(false)
    // What the first one says at last does not count.
    await log.done(first, {})
    expect(await log.take(['a'])).toEqual([])
    await log.done(second, {})
    expect(await pendingOf(log)).toBe(0)
    // The first one may still send a request.
    expect(await rowsOf(log)).toMatchObject([{ recheck: 2 }])
  })

  it('sends a name again that has changed while it was taken', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    const taken = await takeOne(log, 'a')
    await change(log, 'a')
    await log.done(taken, {})
    await log.done(await takeOne(log, 'a'), {})
    expect(await rowsOf(log)).toEqual([])
  })

  it('waits for a write that began before the name was taken and is still running', async () => {
    const log = ownLog().log()
    const long = await log.begin('a', ['old'])
    await change(log, 'a')
    await log.done(await takeOne(log, 'a'), {})
    expect(await pendingOf(log)).toBe(1)
    expect(await log.take(['a'])).toEqual([])
    await log.settle(long ?? 0, 'a', ['old'])
    await log.done(await takeOne(log, 'a'), {})
    expect(await rowsOf(log)).toEqual([])
  })

  it('looks twice if the writer dies: its last request may still be carried out', async () => {
    const log = ownLog().log()
    await log.begin('a', ['old'])
    await passTime(log)
    await log.done(await takeOne(log, 'a'), {})
    expect(await log.take(['a'])).toEqual([])
    expect(await pendingOf(log)).toBe(0)
    await passTime(log)
    await log.done(await takeOne(log, 'a'), { recheck: true })
    expect(await rowsOf(log)).toEqual([])
  })

  it('looks again after what may still be carried out, even if a resync looks earlier', async () => {
    const log = ownLog().log()
    await log.begin('a', ['old'])
    await passTime(log)
    await log.done(await takeOne(log, 'a'), {})
    const claimed = await log.claim('old', 'a')
    await log.done(claimed ?? { mirror: '', name: '', token: 0 }, {})
    expect(await rowsOf(log)).toMatchObject([{ recheck: 2, due: expect.toSatisfy(isLater) }])
    await passTime(log)
    // Now it is time, so whoever takes it ends it.
    const last = await log.claim('old', 'a')
    await log.done(last ?? { mirror: '', name: '', token: 0 }, {})
    expect(await rowsOf(log)).toEqual([])
  })

  it('looks again if the one before may still send a request, because only its lease has ended', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    await takeOne(log, 'a')
    await runInDurableObject(log, (_, { storage }) => void storage.sql.exec('UPDATE changes SET due = 0'))
    // Its alarm has not rung yet.
    await log.done(await takeOne(log, 'a'), {})
    expect(await rowsOf(log)).toMatchObject([{ recheck: 2 }])
  })

  it('keeps a write that is renewed', async () => {
    const log = ownLog().log()
    const id = await log.begin('a', ['old'])
    await log.renew(id ?? 0)
    await log.settle(id ?? 0, 'a', ['old'])
    await log.done(await takeOne(log, 'a'), {})
    expect(await rowsOf(log)).toEqual([])
  })

  it('counts what fails, lists it after six attempts, and goes on', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    for (let attempt = 1; attempt <= 6; attempt++) {
      const [{ failed, pending } = { failed: -1, pending: -1 }] = await log.status(['old'])
      expect({ failed, pending }).toEqual({ failed: 0, pending: 1 })
      await log.done(await takeOne(log, 'a'), FAILURE)
      expect(await log.take(['a'])).toEqual([])
      await passTime(log)
    }
    const [status] = await log.status(['old'])
    expect(status).toMatchObject({
      pending: 1,
      failed: 1,
      oldest: expect.any(Number),
      failures: [{ name: 'a', error: 'unavailable', detail: 'old: is down', attempts: 6 }],
    })
    await log.done(await takeOne(log, 'a'), {})
    expect(await log.status(['old'])).toMatchObject([{ pending: 0, failed: 0, failures: [] }])
  })

  it('tries a name that fails again at once if it has changed', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    await log.done(await takeOne(log, 'a'), FAILURE)
    await change(log, 'a')
    await log.done(await takeOne(log, 'a'), {})
    expect(await pendingOf(log)).toBe(0)
  })

  it('lists a failure at once that another attempt would only repeat', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    await log.done(await takeOne(log, 'a'), {
      failure: { error: 'locked', detail: 'old: is locked', final: true },
    })
    expect(await log.status(['old'])).toMatchObject([{ failed: 1 }])
  })

  it('counts a dead letter as a failed attempt', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    await log.addDeadLetter('a', 'the Worker failed')
    expect(await rowsOf(log)).toMatchObject([{ attempts: 1, error: 'unexpected', sent: 0 }])
    await passTime(log)
    await log.done(await takeOne(log, 'a'), {})
    expect(await pendingOf(log)).toBe(0)
  })

  it('counts no attempt of a dead letter that comes late: its name waits to be looked at again', async () => {
    const log = ownLog().log()
    await log.begin('a', ['old'])
    await passTime(log)
    await log.done(await takeOne(log, 'a'), {})
    const [before] = await rowsOf(log)
    await log.addDeadLetter('a', 'the Worker failed')
    expect(await rowsOf(log)).toEqual([before])
  })

  it('lets no tombstone be lifted while a mirror deletes the name, and the other way round', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    const taken = await takeOne(log, 'a')
    expect(await log.claimDeletion(taken)).toBe(true)
    expect(await log.begin('a', ['old'], 'lift')).toBeNull()
    expect(await log.begin('a', ['old'], 'write')).toEqual(expect.any(Number))
    await log.done(taken, {})
    const lift = await log.begin('a', ['old'], 'lift')
    await passTime(log)
    expect(lift).toEqual(expect.any(Number))
    const second = await log.begin('b', ['old'], 'lift')
    await change(log, 'b')
    expect(await log.claimDeletion(await takeOne(log, 'b'))).toBe(false)
    await log.settle(second ?? 0, 'b', ['old'])
  })

  it('lets no tombstone be lifted while a deletion that failed may still be carried out', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    const taken = await takeOne(log, 'a')
    await log.claimDeletion(taken)
    await log.done(taken, FAILURE)
    expect(await log.begin('a', ['old'], 'lift')).toBeNull()
    await passTime(log)
    expect(await log.begin('a', ['old'], 'lift')).toEqual(expect.any(Number))
  })

  it('goes on counting after a restart, even if its clock is behind', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    const taken = await takeOne(log, 'a')
    await runInDurableObject(log, async (_, state) => {
      state.storage.sql.exec('UPDATE changes SET taken = taken + 60000')
      const restarted = new MirrorLog(state, env)
      await restarted.settle((await restarted.begin('a', ['old'])) ?? 0, 'a', ['old'])
      await restarted.done({ ...taken, token: taken.token + 60_000 }, {})
    })
    expect(await pendingOf(log)).toBe(1)
  })

  it('lets no tombstone be removed while a mirror may still have what it hides', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    expect(await log.begin('a', ['old'], 'remove')).toBeNull()
    await log.done(await takeOne(log, 'a'), {})
    expect(await log.begin('a', ['old'], 'remove')).toEqual(expect.any(Number))
  })

  it('keeps when a mirror was resynced, and how often it could not hold something', async () => {
    const log = ownLog().log()
    await log.resynced('old', 1000)
    await change(log, 'a')
    await log.done(await takeOne(log, 'a'), { skipped: true })
    expect(await log.status(['old', 'cold'])).toMatchObject([
      { mirror: 'old', lastResync: 1000, skipped: 1 },
      { mirror: 'cold', lastResync: null, skipped: 0 },
    ])
  })

  it('has tens of thousands of names pending, of which it sends a thousand at a time', async () => {
    const log = ownLog().log()
    await addPending(log, 20_000)
    expect(await pendingOf(log)).toBe(20_000)
    const sent = (await rowsOf(log)).filter((row) => row.sent === 1).map(({ name }) => name)
    expect(sent).toHaveLength(1000)
    for (const taken of await log.take(sent.slice(0, 200))) await log.done(taken, {})
    expect(await pendingOf(log)).toBe(19_800)
    // What is done makes room.
    expect((await rowsOf(log)).filter((row) => row.sent === 1)).toHaveLength(1000)
  })

  it('does not read all names that are pending in each alarm, while writes wait for it', async () => {
    const log = ownLog().log()
    await addPending(log, 20_000)
    expect(await alarmReads(log)).toBeLessThan(1000)
    for (const taken of await log.take(['photos/1', 'photos/2'])) await log.done(taken, {})
    expect(await alarmReads(log)).toBeLessThan(1000)
  })

  it('does not read all names that are pending while the queue fails either, and puts back what it did not take', async () => {
    const log = ownLog().log()
    await addPending(log, 20_000)
    let batches = 0
    const sendBatch = vi.fn<Queue['sendBatch']>(async () => {
      if (++batches > 2) throw new Error('the queue fails')
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } }
    })
    expect(await alarmReads(log, { sendBatch })).toBeLessThan(2000)
    expect(batches).toBe(3)
    // The messages that it took may still come.
    expect((await rowsOf(log)).filter(({ sent }) => sent === 1)).toHaveLength(200)
  })

  it('lets a resync have a name whose lease has ended, while as many messages as it sends at once are out', async () => {
    const log = ownLog().log()
    await change(log, 'a')
    const first = await takeOne(log, 'a')
    await addPending(log, 1500)
    await runInDurableObject(log, (_, { storage }) => {
      storage.sql.exec("UPDATE changes SET taken = ?, sent = 0, due = 0 WHERE name = 'a'", first.token)
    })
    const second = await log.claim('old', 'a')
    expect(second).toMatchObject({ name: 'a' })
    expect(await log.keep(first)).toBe(false)
    expect(await log.claim('old', 'a')).toBeNull()
    await log.done(second ?? first, {})
    // The first one may still send a request.
    expect((await rowsOf(log)).find(({ name }) => name === 'a')).toMatchObject({ taken: 0, recheck: 2 })
  })

  it('sends names again whose messages were lost, even if they are as many as it sends at once', async () => {
    const log = ownLog().log()
    await addPending(log, 1500)
    const isSent = ({ sent, due }: { sent: number; due: number }) => sent === 1 && isLater(due)
    expect((await rowsOf(log)).filter(isSent)).toHaveLength(1000)
    const start = Date.now()
    // As long as they may still be in the queue, more would only wait there, too.
    for (const [minutes, sent] of [
      [4, 1000],
      [6, 0],
      [7, 1000],
    ] as const) {
      vi.useFakeTimers({ toFake: ['Date'], now: start + minutes * 60_000 })
      await runInDurableObject(log, (instance) => instance.alarm())
      expect((await rowsOf(log)).filter(isSent)).toHaveLength(sent)
    }
    for (let i = 1; i <= 1500; i++)
      for (const taken of await log.take([`photos/${i}`])) await log.done(taken, {})
    expect(await rowsOf(log)).toEqual([])
  })

  it.each([
    [
      'a resync',
      async (log: MirrorLog, name: string) => {
        const taken = await log.claim('old', name)
        if (taken) await log.done(taken, {})
      },
    ],
    ['dead letters', (log: MirrorLog, name: string) => log.addDeadLetter(name, 'the Worker failed')],
  ])('still sends what changes after %s ended a thousand names that were sent', async (_, end) => {
    const log = ownLog().log()
    await addPending(log, 1000)
    await runInDurableObject(log, async (instance) => {
      for (let i = 1; i <= 1000; i++) await end(instance, `photos/${i}`)
    })
    await change(log, 'a')
    expect((await rowsOf(log)).find(({ name }) => name === 'a')).toMatchObject({ sent: 1 })
  })
})
