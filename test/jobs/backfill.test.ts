import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { noCounts } from '../../src/jobs/backfill/store.ts'
import { bytesOf, counting, textOf } from '../kit/fakes.ts'
import { fill, nameOf, rpcOf, status, withBackfill } from './jobs.ts'

type Memory = ReturnType<typeof memoryBackend>

async function putTombstone(backend: Memory, name: string): Promise<void> {
  await backend.put(name, new Uint8Array(0), { info: { deleted: new Date() } })
}

describe('a backfill', () => {
  it('copies everything once, with one GET and one put for each object and no more listing calls than needed', async () => {
    const target = counting('primary')
    const source = counting('legacy')
    await fill(source, 2500)
    const puts = source.counts['put']
    expect(puts).toBe(2500)
    await withBackfill([target, source], {}, async ({ drive }) => {
      const job = await drive()
      expect(job).toMatchObject({
        state: 'completed',
        listed: 2500,
        copied: 2500,
        present: 0,
        skipped: 0,
        failed: 0,
        backends: { legacy: { listed: 2500, copied: 2500 } },
      })
      expect(job.bytes).toBe([...source.objects.values()].reduce((sum, { bytes }) => sum + bytes.length, 0))
    })
    expect(source.counts).toMatchObject({ get: 2500, head: 0, list: 3 })
    expect(target.counts).toMatchObject({ get: 0, head: 0, put: 2500, list: 1 })
    expect(await textOf(await target.get(nameOf(42)))).toBe('bytes 42')
  })

  it('requests nothing for which the target has an object or a tombstone', async () => {
    const target = counting('primary')
    const source = counting('legacy')
    await fill(source, 300)
    for (let index = 0; index < 100; index++) await target.put(nameOf(index), bytesOf('newer'))
    for (let index = 100; index < 110; index++) await putTombstone(target, nameOf(index))
    Object.assign(target.counts, { put: 0 })
    await withBackfill([target, source], {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({ listed: 300, copied: 190, present: 100, skipped: 10, failed: 0 })
    })
    expect(source.counts['get']).toBe(190)
    expect(target.counts['put']).toBe(190)
    expect(await textOf(await target.get(nameOf(0)))).toBe('newer')
    expect((await target.head(nameOf(105)))?.deleted).toBeInstanceOf(Date)
  })

  it('works without a queue: the job copies by itself', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 250)
    await withBackfill([target, source], { queued: false }, async ({ drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed', listed: 250, copied: 250 })
    })
    expect(target.objects.size).toBe(250)
  })

  it('counts a name in two fallbacks once, from the first', async () => {
    const target = memoryBackend('primary')
    const [first, second] = [memoryBackend('first'), memoryBackend('second')]
    await fill(first, 10)
    await second.put(nameOf(3), bytesOf('older'))
    await second.put('only/here', bytesOf('second'))
    await withBackfill([target, first, second], {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({
        listed: 11,
        copied: 11,
        backends: { first: { listed: 10, copied: 10 }, second: { listed: 1, copied: 1 } },
      })
    })
    expect(await textOf(await target.get(nameOf(3)))).toBe('bytes 3')
  })

  it('does not copy objects that are shadowed by a fallback that was not chosen', async () => {
    const target = memoryBackend('primary')
    const [first, second] = [memoryBackend('first'), memoryBackend('second')]
    await first.put('a', bytesOf('served'))
    await second.put('a', bytesOf('shadowed'))
    await second.put('b', bytesOf('b'))
    await withBackfill([target, first, second], { backends: ['second'] }, async ({ drive }) => {
      expect(await drive()).toMatchObject({ listed: 2, copied: 1, skipped: 1 })
    })
    expect([...target.objects.keys()]).toEqual(['b'])
  })

  it('does not bring back an object that has a tombstone in a writable fallback', async () => {
    const [target, second, legacy] = [
      memoryBackend('primary'),
      memoryBackend('second'),
      memoryBackend('legacy'),
    ]
    await fill(legacy, 3)
    await putTombstone(second, nameOf(1))
    await withBackfill([target, second, legacy], {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({ listed: 3, copied: 2, skipped: 1 })
    })
    expect(await target.head(nameOf(1))).toBeNull()
  })

  it('accepts only names below its prefix', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    for (const name of ['a/1', 'a/2', 'b/1']) await source.put(name, bytesOf(name))
    await withBackfill([target, source], { prefix: 'a/' }, async ({ drive }) => {
      expect(await drive()).toMatchObject({ listed: 2, copied: 2 })
    })
    expect([...target.objects.keys()]).toEqual(['a/1', 'a/2'])
  })

  it('counts and prices a dry run, and copies nothing', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 1200)
    await target.put(nameOf(0), bytesOf('there'))
    await withBackfill([target, source], { dryRun: true }, async ({ drive }) => {
      const job = await drive()
      expect(job).toMatchObject({ state: 'completed', listed: 1200, present: 1, copied: 0 })
      expect(job.estimate).toMatchObject({
        objects: 1199,
        operations: { r2_class_a: 1200, source_gets: 1199, queue: 36 },
        prices: { r2ClassAPerMillion: 4.5, date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) as string },
      })
    })
    expect(target.objects.size).toBe(1)
  })
})

describe('a backfill and messages that come twice', () => {
  it('counts a page once, however often its message is delivered', async () => {
    const [target, source] = [memoryBackend('primary'), counting('legacy')]
    await fill(source, 150)
    await withBackfill([target, source], {}, async ({ job, queue, deliver, drive }) => {
      await job.alarm()
      const messages = queue.sent.splice(0)
      expect(messages.map(({ names }) => names.length)).toEqual([100, 50])
      await deliver(messages)
      await deliver(messages)
      await deliver(messages.toReversed())
      expect(await drive()).toMatchObject({ state: 'completed', listed: 150, copied: 150, present: 0 })
    })
    expect(source.counts['get']).toBe(150)
  })

  it('counts only the first report of a page', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 20)
    await withBackfill([target, source], {}, async (harness) => {
      await harness.job.alarm()
      const twice: typeof job.reportPage = async (page, report) => {
        await job.reportPage(page, report)
        await job.reportPage(page, { ...report, failures: [], left: [['left/over', 1]] })
      }
      const job = rpcOf(harness)
      await harness.deliver(harness.queue.sent.splice(0), { ...job, reportPage: twice })
      expect(await harness.drive()).toMatchObject({ state: 'completed', copied: 20, listed: 20 })
    })
  })

  it('counts the report of a consumer that was considered lost, and ignores its replacement’s', async () => {
    const [target, source] = [memoryBackend('primary'), counting('legacy')]
    await fill(source, 20)
    await withBackfill([target, source], {}, async ({ job, queue, clock, deliver, drive }) => {
      await job.alarm()
      const { page, names } = queue.sent[0] ?? { page: 0, names: [] }
      const began = clock.now
      expect(job.beginPage(page)).toMatchObject({ copiedSince: undefined })
      clock.now += 30 * 60_000
      await job.alarm()
      expect(queue.sent.map((message) => message.page)).toEqual([page, page])
      expect(job.beginPage(page)).toMatchObject({ copiedSince: began })
      const counts = { legacy: { ...noCounts(), copied: names.length, bytes: 5 } }
      job.reportPage(page, { counts, failures: [], left: [] })
      await deliver(queue.sent.splice(0))
      expect(status(job)).toMatchObject({ copied: 20, bytes: 5 })
      expect(await drive()).toMatchObject({ state: 'completed', listed: 20, copied: 20, present: 0 })
    })
    expect(source.counts['get']).toBe(0)
  })

  it('makes a page of the names that a consumer had no time for', async () => {
    const [target, source] = [memoryBackend('primary'), counting('legacy')]
    await fill(source, 20)
    await withBackfill([target, source], {}, async ({ job, queue, deliver, drive }) => {
      await job.alarm()
      const [message] = queue.sent.splice(0)
      if (!message) throw new Error('nothing was sent')
      const counts = { legacy: { ...noCounts(), copied: 5, bytes: 5 } }
      job.beginPage(message.page)
      job.reportPage(message.page, { counts, failures: [], left: message.names.slice(5) })
      await deliver([message])
      expect(source.counts['get']).toBe(0)
      expect(await drive()).toMatchObject({ state: 'completed', listed: 20, copied: 20 })
    })
    expect(source.counts['get']).toBe(15)
  })
})
