import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { estimateCost } from '../../src/jobs/backfill/estimate.ts'
import type { PageDesk } from '../../src/jobs/backfill/job-types.ts'
import { cutPages } from '../../src/jobs/backfill/listing.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { bytesOf, counting } from '../kit/fakes.ts'
import { deskOf, fill, nameOf, status, withBackfill } from './jobs.ts'

/** A consumer that claims and is never heard of again. */
function deadDesk(desk: PageDesk): PageDesk {
  return { ...desk, report: () => Promise.reject(new Error('killed')) }
}

describe('a backfill that is steered', () => {
  it('sends nothing while it is paused, and goes on where it was', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 50)
    await withBackfill([target, source], {}, async ({ job, queue, deliver, drive }) => {
      await job.tick()
      const messages = queue.sent.splice(0)
      expect(job.act('pause')).toMatchObject({ job: { state: 'paused' } })
      await deliver(messages)
      await job.tick()
      expect(queue.sent).toEqual([])
      expect(target.objects.size).toBe(0)
      expect(job.act('resume')).toMatchObject({ job: { state: 'running' } })
      expect(await drive()).toMatchObject({ state: 'completed', copied: 50 })
    })
  })

  it('stops a consumer that is at work when it is paused', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 100)
    let pause = (): void => {}
    let gets = 0
    const source: Backend = {
      ...legacy,
      get: async (name, options) => {
        if (++gets === 10) pause()
        await new Promise((resolve) => setTimeout(resolve, gets > 10 ? 400 : 1))
        return legacy.get(name, options)
      },
    }
    await withBackfill([target, source], {}, async (harness) => {
      pause = () => void harness.job.act('pause')
      await harness.job.tick()
      await harness.deliver(harness.queue.sent.splice(0))
      const paused = status(harness.job)
      expect(paused.state).toBe('paused')
      expect(paused.copied).toBeGreaterThanOrEqual(10)
      expect(paused.copied).toBeLessThan(70)
      harness.job.act('resume')
      expect(await harness.drive()).toMatchObject({ state: 'completed', copied: 100, present: 0 })
    })
    expect(gets).toBe(100)
  })

  it('copies nothing more once it is cancelled', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 50)
    await withBackfill([target, source], {}, async ({ job, queue, deliver }) => {
      await job.tick()
      job.act('cancel')
      await deliver(queue.sent.splice(0))
      await job.tick()
      expect(status(job)).toMatchObject({ state: 'cancelled', listed: 50, copied: 0 })
      expect(job.act('resume')).toEqual({ conflict: 'the job is cancelled' })
    })
    expect(target.objects.size).toBe(0)
  })

  it('has nothing to try again where nothing failed', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await withBackfill([target, source], {}, async ({ job, drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed', listed: 0 })
      expect(job.act('retry_failed')).toEqual({ conflict: 'nothing has failed' })
      expect(job.act('pause')).toEqual({ conflict: 'the job is completed' })
    })
  })
})

describe('a backfill and its limits', () => {
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

  it('gives no second consumer work while one uses up the concurrency', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 250)
    await withBackfill([target, source], { maxConcurrency: 4 }, async ({ job, queue }) => {
      await job.tick()
      const [first, second] = queue.sent.map(({ page }) => page)
      expect(job.claim('one', [first ?? 0])).toMatchObject({ concurrency: 4, pages: [{ page: first }] })
      expect(job.claim('two', [second ?? 0]).pages).toEqual([])
    })
  })

  it('begins no more copies in a second than allowed', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 21)
    const started = Date.now()
    await withBackfill([target, source], { maxPerSecond: 40 }, async ({ drive }) => {
      expect(await drive()).toMatchObject({ copied: 21 })
    })
    expect(Date.now() - started).toBeGreaterThanOrEqual(490)
  })

  it('lists no further than its consumers can follow', async () => {
    const [target, source] = [memoryBackend('primary'), counting('legacy')]
    for (let index = 0; index < 12_000; index++)
      source.objects.set(nameOf(index), {
        bytes: bytesOf(''),
        info: { name: nameOf(index), backend: 'legacy', size: 0 },
      })
    await withBackfill([target, source], {}, async ({ job }) => {
      for (let tick = 0; tick < 5; tick++) await job.tick()
      expect(status(job)).toMatchObject({ state: 'listing', listed: 10_000 })
    })
  })

  it('gives up the one name that kills whoever copies it, and copies the others', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 8)
    await withBackfill([target, source], {}, async (harness) => {
      for (let round = 0; round < 60 && status(harness.job).state !== 'completed_with_failures'; round++) {
        await harness.job.tick()
        const messages = harness.queue.sent.splice(0)
        const isDeadly = messages.some(({ names }) => names.some(([name]) => name === nameOf(5)))
        const [alone] = messages.filter(({ names }) => names.length === 1 && names[0]?.[0] !== nameOf(5))
        // Single pages of one batch end one by one before the deadly one takes the consumer down.
        if (isDeadly && alone)
          await harness.deliver(messages.filter((message) => message.names[0]?.[0] !== nameOf(5)))
        const deadly = messages.filter(({ names }) => names.some(([name]) => name === nameOf(5)))
        await harness.deliver(deadly, deadDesk(deskOf(harness)))
        for (const { names } of deadly) if (names.length > 1) target.objects.clear()
        target.objects.delete(nameOf(5))
        harness.clock.now += 60_000
      }
      expect(status(harness.job)).toMatchObject({
        state: 'completed_with_failures',
        listed: 8,
        copied: 7,
        failed: 1,
      })
      expect(harness.job.failures(0, 10).failures).toMatchObject([
        { name: nameOf(5), error: 'timeout', detail: expect.stringContaining('3 consumers') as string },
      ])
    })
  })
})

describe('cutPages()', () => {
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
    [1e6, 4.66],
    [1e8, 466.41],
  ])('prices %d objects as the docs do', (objects, total) => {
    const { cost_usd: cost } = estimateCost({
      objects,
      bytes: 0,
      unsized: 0,
      present: 0,
      manifest: false,
      egress: { usd: 0, unknown: [], by: {} },
    })
    expect(cost.total).toBe(total)
  })
})
