import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { bytesOf } from '../kit/fakes.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { fill, type JobHarness, nameOf, status, withBackfill } from './jobs.ts'

const TEN = bytesOf('ten bytes!')

async function filled(count: number): Promise<ReturnType<typeof memoryBackend>> {
  const source = memoryBackend('legacy')
  for (let index = 0; index < count; index++) await source.put(nameOf(index), TEN)
  return source
}

/** Delivers one page, `seconds` after the last. */
async function deliverOne({ clock, deliver, queue }: JobHarness, seconds: number): Promise<void> {
  clock.now += seconds * 1000
  await deliver(queue.sent.splice(0, 1))
}

function seriesOf({ job }: JobHarness) {
  const series = job.series()
  if (!series) throw new Error('there is no job')
  return series
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

describe('the progress of a backfill', () => {
  it('has rates, a total and an end that are right when somebody looks for the first time', async () => {
    await withBackfill([memoryBackend('primary'), await filled(1000)], {}, async (harness) => {
      expect(status(harness.job)).toMatchObject({ rate: 0, bytes_rate: 0, total: null, eta: null })
      await harness.job.alarm()
      for (let page = 0; page < 4; page++) await deliverOne(harness, 10)
      expect(status(harness.job)).toMatchObject({
        state: 'running',
        copied: 400,
        rate: 10,
        bytes_rate: 100,
        total: { objects: 1000, bytes: 10_000, exact: true },
        eta: new Date(harness.clock.now + 60_000).toISOString(),
      })
      // Looking changes nothing, nor does a restart.
      harness.restart()
      expect(status(harness.job)).toMatchObject({ rate: 10, bytes_rate: 100 })
    })
  })

  it('measures the last reports only', async () => {
    await withBackfill([memoryBackend('primary'), await filled(2000)], {}, async (harness) => {
      await harness.job.alarm()
      for (let page = 0; page < 8; page++) await deliverOne(harness, 100)
      expect(status(harness.job).rate).toBe(1)
      for (let page = 0; page < 8; page++) {
        if (harness.queue.sent.length === 0) await harness.job.alarm()
        await deliverOne(harness, 5)
      }
      expect(status(harness.job).rate).toBe(20)
    })
  })

  it('has no rate and no end while it is paused, and begins anew when it is resumed', async () => {
    await withBackfill([memoryBackend('primary'), await filled(1000)], {}, async (harness) => {
      await harness.job.alarm()
      await deliverOne(harness, 10)
      harness.job.act('pause')
      expect(status(harness.job)).toMatchObject({ state: 'paused', rate: 0, bytes_rate: 0, eta: null })
      harness.clock.now += 86_400_000
      harness.job.act('resume')
      expect(status(harness.job)).toMatchObject({ state: 'running', rate: 0, eta: null })
      await deliverOne(harness, 10)
      expect(status(harness.job)).toMatchObject({ rate: 10, bytes_rate: 100 })
    })
  })

  it('has none while it waits for a backend', async () => {
    const source = await filled(1000)
    let isDown = false
    const failing: Backend = {
      ...source,
      async get(name, options) {
        if (isDown) throw new StorageError('unavailable', 'down', { backend: 'legacy' })
        return source.get(name, options)
      },
      async list(query) {
        if (isDown) throw new StorageError('unavailable', 'down', { backend: 'legacy' })
        return source.list(query)
      },
    }
    await withBackfill([memoryBackend('primary'), failing], {}, async (harness) => {
      await harness.job.alarm()
      await deliverOne(harness, 10)
      expect(status(harness.job).rate).toBe(10)
      isDown = true
      await deliverOne(harness, 10)
      const { waiting, ...job } = status(harness.job)
      expect(job).toMatchObject({ rate: 0, bytes_rate: 0, eta: null })
      isDown = false
      harness.clock.now = Date.parse(waiting?.until ?? '')
      await deliverOne(harness, 10)
      expect(status(harness.job)).toMatchObject({ waiting: null, copied: 200, rate: 10, bytes_rate: 100 })
    })
  })

  it('has averages once it has ended', async () => {
    await withBackfill([memoryBackend('primary'), await filled(100)], {}, async (harness) => {
      await harness.job.alarm()
      await deliverOne(harness, 50)
      await harness.job.alarm()
      expect(status(harness.job)).toMatchObject({
        state: 'completed',
        rate: 2,
        bytes_rate: 20,
        total: { objects: 100, bytes: 1000, exact: true },
        eta: null,
      })
    })
  })

  it('has a total that is not exact while it lists', async () => {
    await withBackfill([memoryBackend('primary'), await filled(12_000)], {}, async (harness) => {
      await harness.job.alarm()
      const { state, listed, total } = status(harness.job)
      expect(state).toBe('listing')
      expect(total).toEqual({ objects: listed, bytes: 10 * listed, exact: false })
      await deliverOne(harness, 10)
      expect(status(harness.job)).toMatchObject({ rate: 10, eta: null })
    })
  })

  it('has no total in bytes if some sizes are unknown', async () => {
    const source = await filled(3)
    const unsized: Backend = {
      ...source,
      async list(query) {
        const page = await source.list(query)
        for (const object of page.objects) delete object.size
        return page
      },
    }
    await withBackfill([memoryBackend('primary'), unsized], {}, async (harness) => {
      expect((await harness.drive()).total).toEqual({ objects: 3, bytes: null, exact: true })
    })
    const manifest = { from: 'client' } as const
    await withBackfill([memoryBackend('primary'), source], { manifest }, async (harness) => {
      harness.job.addNames({ names: [[nameOf(0), 10]], failures: [] })
      expect(status(harness.job).total).toEqual({ objects: 1, bytes: 10, exact: false })
      harness.job.addNames({ names: [[nameOf(1), null]], failures: [] })
      expect(status(harness.job).total).toEqual({ objects: 2, bytes: null, exact: false })
      harness.job.endNames()
      expect((await harness.drive()).total).toEqual({ objects: 2, bytes: null, exact: true })
    })
  })
})

describe('the series of a backfill', () => {
  it('adds up to the counters, whatever was listed, copied, retried or given up', async () => {
    const target = memoryBackend('primary')
    const source = await filled(350)
    await target.put(nameOf(3), TEN)
    let isBad = true
    const faulty: Backend = {
      ...source,
      async get(name, options) {
        if (isBad && name.endsWith('7.jpg')) throw new StorageError('denied', 'no', { backend: 'legacy' })
        return source.get(name, options)
      },
    }
    await withBackfill([target, faulty], {}, async (harness) => {
      const ended = await harness.drive()
      expect(ended).toMatchObject({ state: 'completed_with_failures', copied: 314, present: 1, failed: 35 })
      const series = seriesOf(harness)
      expect(sum(series.settled)).toBe(350)
      expect(sum(series.failed)).toBe(35)
      expect(sum(series.bytes)).toBe(ended.bytes)
      expect(series.at[0]).toBe(Math.floor(Date.parse(ended.started) / 1000))
      // What was tried before the retry has happened all the same.
      isBad = false
      harness.job.act('retry_failed')
      expect(sum(seriesOf(harness).settled)).toBe(350)
      expect(await harness.drive()).toMatchObject({ state: 'completed', copied: 349 })
      const again = seriesOf(harness)
      expect([sum(again.settled), sum(again.failed), sum(again.bytes)]).toEqual([385, 35, 3490])
    })
  })

  it('counts names whose consumers died without a report', async () => {
    await withBackfill([memoryBackend('primary'), await filled(1)], {}, async (harness) => {
      for (let begun = 0; begun < 5; begun++) {
        await harness.job.alarm()
        const [message] = harness.queue.sent.splice(0)
        if (message) harness.job.beginPage(message.page)
        harness.clock.now += 25 * 60_000
      }
      expect(await harness.drive()).toMatchObject({ failed: 1 })
      expect(sum(seriesOf(harness).failed)).toBe(1)
    })
  })

  it('has an entry for every five seconds, also for those without a report', async () => {
    await withBackfill([memoryBackend('primary'), await filled(300)], {}, async (harness) => {
      await harness.job.alarm()
      await deliverOne(harness, 10)
      await deliverOne(harness, 10)
      await deliverOne(harness, 0)
      expect(seriesOf(harness)).toMatchObject({ step: 5, settled: [0, 0, 100, 0, 200] })
    })
  })

  it('begins later, as do the rates, for a job that the version before began', async () => {
    await withBackfill([memoryBackend('primary'), await filled(300)], {}, async (harness) => {
      await harness.job.alarm()
      await deliverOne(harness, 10)
      harness.forget()
      harness.restart()
      expect(status(harness.job)).toMatchObject({ copied: 100, rate: 0, eta: null, total: { objects: 300 } })
      expect(sum(seriesOf(harness).settled)).toBe(0)
      await deliverOne(harness, 10)
      await deliverOne(harness, 10)
      expect(status(harness.job)).toMatchObject({ copied: 300, rate: 10 })
      expect(sum(seriesOf(harness).settled)).toBe(200)
    })
  })
})

it('counts failures by error and backend, and lists those of one error', async () => {
  const source = memoryBackend('legacy')
  await fill(source, 30)
  const faulty: Backend = {
    ...source,
    async get(name, options) {
      if (name.endsWith('7.jpg')) throw new StorageError('corrupt', 'broken', { backend: 'legacy' })
      if (name < nameOf(5)) throw new StorageError('denied', 'no', { backend: 'legacy' })
      return source.get(name, options)
    },
  }
  await withBackfill([memoryBackend('primary'), faulty], {}, async (harness) => {
    expect(harness.job.failureCounts()).toEqual({ by: 'error', failures: [] })
    await harness.drive()
    expect(harness.job.failureCounts()).toEqual({
      by: 'error',
      failures: [
        { error: 'denied', backend: 'legacy', count: 5, example: nameOf(0) },
        { error: 'corrupt', backend: 'legacy', count: 3, example: nameOf(7) },
      ],
    })
    const first = harness.job.failures(0, 2, 'corrupt')
    expect(first?.failures.map(({ name }) => name)).toEqual([nameOf(7), nameOf(17)])
    expect(harness.job.failures(Number(first?.cursor), 2, 'corrupt')).toMatchObject({
      failures: [{ name: nameOf(27), error: 'corrupt' }],
      cursor: null,
    })
    expect(harness.job.failures(0, 100, 'timeout')).toEqual({ failures: [], cursor: null })
  })
})
