import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { estimateCost } from '../../src/jobs/backfill/estimate.ts'
import { cut } from '../../src/jobs/backfill/cut.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { bytesOf, counting } from '../kit/fakes.ts'
import { fill, nameOf, status, withBackfill } from './jobs.ts'

describe('pausing, resuming and cancelling a backfill', () => {
  it('sends nothing while it is paused, and continues where it was', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 50)
    await withBackfill([target, source], {}, async ({ job, queue, deliver, drive }) => {
      await job.alarm()
      const messages = queue.sent.splice(0)
      expect(job.act('pause')).toMatchObject({ job: { state: 'paused' } })
      await deliver(messages)
      await job.alarm()
      expect(queue.sent).toEqual([])
      expect(target.objects.size).toBe(0)
      expect(job.act('resume')).toMatchObject({ job: { state: 'running' } })
      expect(await drive()).toMatchObject({ state: 'completed', copied: 50 })
    })
  })

  it('starts no more pages if it is paused while a consumer is working', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 250)
    let pause = (): void => {}
    let gets = 0
    const source: Backend = {
      ...legacy,
      get: (name, options) => {
        if (++gets === 10) pause()
        return legacy.get(name, options)
      },
    }
    await withBackfill([target, source], {}, async (harness) => {
      pause = () => void harness.job.act('pause')
      await harness.job.alarm()
      await harness.deliver(harness.queue.sent.splice(0))
      expect(status(harness.job)).toMatchObject({ state: 'paused', copied: 100 })
      harness.job.act('resume')
      expect(await harness.drive()).toMatchObject({ state: 'completed', copied: 250, present: 0 })
    })
    expect(gets).toBe(250)
  })

  it('counts the copies of a consumer that was working when the job was cancelled', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 150)
    let cancel = (): void => {}
    const source: Backend = {
      ...legacy,
      get: (name, options) => {
        cancel()
        return legacy.get(name, options)
      },
    }
    await withBackfill([target, source], {}, async (harness) => {
      cancel = () => void harness.job.act('cancel')
      await harness.job.alarm()
      await harness.deliver(harness.queue.sent.splice(0))
      expect(status(harness.job)).toMatchObject({ state: 'cancelled', copied: 100 })
    })
    expect(target.objects.size).toBe(100)
  })

  it('copies nothing more once it is cancelled', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 50)
    await withBackfill([target, source], {}, async ({ job, queue, deliver }) => {
      await job.alarm()
      job.act('cancel')
      await deliver(queue.sent.splice(0))
      await job.alarm()
      expect(status(job)).toMatchObject({ state: 'cancelled', listed: 50, copied: 0 })
      expect(job.act('resume')).toEqual({ conflict: 'the job is cancelled' })
    })
    expect(target.objects.size).toBe(0)
  })

  it('has nothing to retry if nothing failed', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await withBackfill([target, source], {}, async ({ job, drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed', listed: 0 })
      expect(job.act('retry_failed')).toEqual({ conflict: 'nothing has failed' })
      expect(job.act('pause')).toEqual({ conflict: 'the job is completed' })
    })
  })
})

describe('a backfill and its limits', () => {
  it('asks a queue with a long backlog again in some seconds', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 50)
    await withBackfill([target, source], { backlog: 2000 }, async ({ job, queue, clock, alarms }) => {
      await job.alarm()
      expect(queue.sent).toEqual([])
      expect(alarms.at(-1)).toBe(clock.now + 3000)
    })
  })

  it('never makes more copies at a time than allowed', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 60)
    let now = 0
    let most = 0
    const source: Backend = {
      ...legacy,
      async get(name, options) {
        most = Math.max(most, ++now)
        await new Promise((resolve) => setTimeout(resolve, 2))
        now--
        return legacy.get(name, options)
      },
    }
    await withBackfill([target, source], { maxConcurrency: 3 }, async ({ drive }) => {
      expect(await drive()).toMatchObject({ copied: 60 })
    })
    expect(most).toBe(3)
  })

  it('lets no second consumer start a page while one uses up the concurrency', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 250)
    await withBackfill([target, source], { maxConcurrency: 4 }, async ({ job, queue, drive }) => {
      await job.alarm()
      const [first = 0, second = 0] = queue.sent.map(({ page }) => page)
      expect(job.beginPage(first)).toMatchObject({ concurrency: 4 })
      expect(job.beginPage(second)).toBeNull()
      // The queue may deliver the first one again.
      expect(job.beginPage(first)).toMatchObject({
        concurrency: 4,
        copiedSince: expect.any(Number) as number,
      })
      expect(await drive()).toMatchObject({ state: 'completed', copied: 250 })
    })
  })

  it('gives consumers their share of the concurrency', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 350)
    await withBackfill([target, source], { maxConcurrency: 10, maxPerSecond: 20 }, async ({ job, queue }) => {
      await job.alarm()
      const starts = queue.sent.map(({ page }) => job.beginPage(page))
      const start = { concurrency: 5, interval: 100 }
      expect(starts).toMatchObject([start, start, null, null])
    })
  })

  it('starts no more copies per second than allowed', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 21)
    const started = Date.now()
    await withBackfill([target, source], { maxPerSecond: 40 }, async ({ drive }) => {
      expect(await drive()).toMatchObject({ copied: 21 })
    })
    expect(Date.now() - started).toBeGreaterThanOrEqual(490)
  })

  it('lists no further ahead than its consumers can copy', async () => {
    const [target, source] = [memoryBackend('primary'), counting('legacy')]
    for (let index = 0; index < 12_000; index++)
      source.objects.set(nameOf(index), {
        bytes: bytesOf(''),
        info: { name: nameOf(index), backend: 'legacy', size: 0 },
      })
    await withBackfill([target, source], {}, async ({ job }) => {
      for (let alarm = 0; alarm < 5; alarm++) await job.alarm()
      expect(status(job)).toMatchObject({ state: 'listing', listed: 10_000 })
    })
  })
})

describe('cut()', () => {
  const cutPages = (names: readonly (readonly [string, number])[]) => [
    ...cut(names, { maxItems: 100, maxBytes: 60_000 }),
  ]

  it('keeps pages to 100 names and 64 KB', () => {
    const short = Array.from({ length: 250 }, (_, index) => [nameOf(index), 1] as const)
    expect(cutPages(short).map(({ length }) => length)).toEqual([100, 100, 50])
    const long = Array.from({ length: 100 }, (_, index) => ['ü'.repeat(500) + index, 1] as const)
    const pages = cutPages(long)
    expect(pages.flat()).toEqual(long)
    for (const page of pages)
      expect(new TextEncoder().encode(JSON.stringify(page)).length).toBeLessThan(64_000)
    expect(cutPages([])).toEqual([])
  })
})

describe('estimateCost()', () => {
  it.each([
    [1e6, 4.69],
    [1e8, 468.55],
  ])('prices %d objects as the docs do', (objects, total) => {
    const found = { objects, bytes: 0, sources: {} }
    const { cost_usd: cost } = estimateCost(found, { present: 0, sources: [], backends: [] })
    expect(cost.total).toBe(total)
  })
})
