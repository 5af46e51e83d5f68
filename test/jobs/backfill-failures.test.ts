import { describe, expect, it } from 'vitest'
import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import type { PageMessage } from '../../src/jobs/backfill/job-types.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { counting } from '../kit/fakes.ts'
import { dyingRpcOf, failuresOf, fill, nameOf, status, withBackfill } from './jobs.ts'

type Memory = ReturnType<typeof memoryBackend>

/** Fails with `code` for names that match, this many times. */
function faulty(
  backend: Memory,
  isBad: (name: string) => boolean,
  code: 'unavailable' | 'corrupt' | 'denied',
  times = Infinity,
): Memory {
  const left = new Map<string, number>()
  return {
    ...backend,
    async get(name, options) {
      const remaining = left.get(name) ?? times
      if (isBad(name) && remaining > 0) {
        left.set(name, remaining - 1)
        throw new StorageError(code, 'fails on purpose', { backend: backend.name })
      }
      return backend.get(name, options)
    },
  }
}

describe('a backfill whose consumer dies', () => {
  it('continues without fetching copied objects again, and counts them as copied', async () => {
    const [target, source] = [memoryBackend('primary'), counting('legacy')]
    await fill(source, 100)
    await withBackfill([target, source], {}, async (harness) => {
      await harness.job.alarm()
      await harness.deliver(harness.queue.sent.splice(0), dyingRpcOf(harness))
      expect(target.objects.size).toBe(100)
      expect(status(harness.job)).toMatchObject({ state: 'running', copied: 0 })
      harness.restart()
      harness.clock.now += 60_000
      expect(await harness.drive()).toMatchObject({
        state: 'completed',
        copied: 100,
        present: 0,
        listed: 100,
      })
    })
    expect(source.counts['get']).toBe(100)
  })

  it('fetches nothing again if the queue redelivers the message of a killed consumer', async () => {
    const [target, source] = [memoryBackend('primary'), counting('legacy')]
    await fill(source, 50)
    for (let index = 0; index < 5; index++) await target.put(nameOf(index), new Uint8Array(1))
    await withBackfill([target, source], {}, async (harness) => {
      await harness.job.alarm()
      const messages = harness.queue.sent.splice(0)
      // Stored by a client after they were listed, so they are not copies of the job.
      await target.put(nameOf(40), new Uint8Array(1))
      await harness.deliver(messages, dyingRpcOf(harness))
      await harness.deliver(messages)
      expect(await harness.drive()).toMatchObject({ state: 'completed', copied: 44, present: 6, listed: 50 })
    })
    expect(source.counts['get']).toBe(45)
  })

  it('counts names of a manifest that a killed consumer copied as copied', async () => {
    const [target, source] = [memoryBackend('primary'), counting('legacy')]
    await fill(source, 10)
    await withBackfill([target, source], { manifest: { from: 'client' } }, async (harness) => {
      const names = Array.from({ length: 10 }, (_, index) => [nameOf(index), null] as const)
      harness.job.addNames({ names, failures: [] })
      harness.job.endNames()
      await harness.job.alarm()
      const messages = harness.queue.sent.splice(0)
      await harness.deliver(messages, dyingRpcOf(harness))
      await harness.deliver(messages)
      expect(await harness.drive()).toMatchObject({ state: 'completed', listed: 10, copied: 10, present: 0 })
    })
    expect(source.counts['get']).toBe(10)
  })

  it('sends pages again at once that a queue forgot when everything was killed', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 120)
    await withBackfill([target, source], { backlog: 0 }, async (harness) => {
      await harness.job.alarm()
      expect(harness.queue.sent.splice(0)).toHaveLength(2)
      harness.clock.now += 60_000
      await harness.job.alarm()
      // The job itself was not killed, so they are still in the queue.
      expect(harness.queue.sent).toEqual([])
      harness.restart()
      await harness.job.alarm()
      expect(harness.queue.sent).toEqual([])
      harness.clock.now += 6_000
      await harness.job.alarm()
      expect(harness.queue.sent).toHaveLength(2)
    })
  })

  it('sends pages again whose messages were lost', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 120)
    await withBackfill([target, source], {}, async (harness) => {
      await harness.job.alarm()
      expect(harness.queue.sent.splice(0)).toHaveLength(2)
      harness.restart()
      harness.clock.now += 1_300_000
      expect(await harness.drive()).toMatchObject({ state: 'completed', copied: 120 })
    })
  })

  it('has its next alarm even if this one and all that repeat it die', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    let isListed = (): void => {}
    const listed = new Promise<void>((resolve) => (isListed = resolve))
    const list = (): Promise<never> => {
      isListed()
      return new Promise(() => {})
    }
    await withBackfill([target, { ...source, list }], {}, async ({ job, clock, alarms }) => {
      void job.alarm()
      await listed
      expect(alarms.at(-1)).toBeGreaterThan(clock.now)
    })
  })

  it('resumes a long listing at its checkpoint', async () => {
    const [target, source] = [memoryBackend('primary'), counting('legacy')]
    await fill(source, 3000)
    await withBackfill([target, source], {}, async (harness) => {
      for (let restart = 0; restart < 4; restart++) {
        await harness.drive(1)
        harness.restart()
      }
      expect(await harness.drive()).toMatchObject({ state: 'completed', listed: 3000, copied: 3000 })
    })
    expect(source.counts['list']).toBeLessThanOrEqual(3 + 4)
  })
})

describe('a backfill and failures', () => {
  it('retries temporary failures, and copies the objects', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 50)
    const source = faulty(legacy, (name) => name.endsWith('7.jpg'), 'corrupt', 1)
    await withBackfill([target, source], {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed', copied: 50, failed: 0 })
    })
  })

  it('names what cannot be copied, and copies it once it can and is tried again', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 50)
    let isBroken = true
    const source = faulty(legacy, (name) => isBroken && name === nameOf(7), 'corrupt')
    await withBackfill([target, source], {}, async ({ job, drive }) => {
      const ended = await drive()
      expect(ended).toMatchObject({ state: 'completed_with_failures', listed: 50, copied: 49, failed: 1 })
      expect(job.failures(0, 10)).toEqual({
        failures: [
          { name: nameOf(7), backend: 'legacy', error: 'corrupt', detail: 'fails on purpose', attempts: 3 },
        ],
        cursor: null,
      })
      isBroken = false
      expect(job.act('retry_failed')).toMatchObject({ job: { state: 'running', failed: 0 } })
      expect(await drive()).toMatchObject({ state: 'completed', listed: 50, copied: 50, failed: 0 })
      expect(failuresOf(job)).toEqual([])
    })
  })

  it('tries an object once if the source lists it but refuses to return it', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 50)
    let isRefused = true
    const source = faulty(legacy, (name) => isRefused && name === nameOf(7), 'denied')
    await withBackfill([target, source], {}, async ({ job, drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed_with_failures', copied: 49, failed: 1 })
      expect(failuresOf(job)).toMatchObject([
        { name: nameOf(7), backend: 'legacy', error: 'denied', attempts: 1 },
      ])
      isRefused = false
      job.act('retry_failed')
      expect(await drive()).toMatchObject({ state: 'completed', copied: 50, failed: 0 })
    })
  })

  it('tries once what a lock in the target refuses, and does not treat the target as down', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 50)
    const locked: Backend = {
      ...target,
      async put(name, body, options) {
        if (name.endsWith('7.jpg'))
          throw new StorageError('locked', 'a lock protects it', { backend: 'primary' })
        return target.put(name, body, options)
      },
    }
    await withBackfill([locked, source], {}, async ({ job, drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed_with_failures', copied: 45, failed: 5 })
      expect(failuresOf(job)[0]).toMatchObject({ backend: 'primary', error: 'locked', attempts: 1 })
    })
  })

  it('waits while a source is down, and resumes by itself without having counted a failure', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 50)
    let isDown = false
    const fail = async (): Promise<never> => {
      throw new StorageError('unavailable', 'is down', { backend: 'legacy' })
    }
    const source: Backend = {
      ...legacy,
      get: (name, options) => (isDown ? fail() : legacy.get(name, options)),
      list: (options) => (isDown ? fail() : legacy.list(options)),
    }
    await withBackfill([target, source], {}, async ({ drive, clock }) => {
      await drive(0)
      isDown = true
      const waiting = await drive(8)
      expect(waiting).toMatchObject({ state: 'listing', failed: 0, copied: 0 })
      expect(waiting.waiting).toMatchObject({ backend: 'legacy', error: 'unavailable', detail: 'is down' })
      isDown = false
      clock.now += 300_000
      expect(await drive()).toMatchObject({ state: 'completed', copied: 50, failed: 0, waiting: null })
    })
  })

  it('waits when a source goes down in the middle of a page', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 100)
    let gets = 0
    let isDown = false
    const fail = async (): Promise<never> => {
      throw new StorageError('timeout', 'did not answer in time', { backend: 'legacy' })
    }
    const source: Backend = {
      ...legacy,
      get: (name, options) => {
        if (++gets === 30) isDown = true
        return isDown ? fail() : legacy.get(name, options)
      },
      list: (options) => (isDown ? fail() : legacy.list(options)),
    }
    await withBackfill([target, source], {}, async ({ drive, clock }) => {
      const waiting = await drive(10)
      expect(waiting).toMatchObject({ state: 'running', failed: 0, copied: 29 })
      expect(waiting.waiting).toMatchObject({ backend: 'legacy', error: 'timeout' })
      expect(gets).toBeLessThan(45)
      isDown = false
      clock.now += 300_000
      expect(await drive()).toMatchObject({ state: 'completed', copied: 100, failed: 0 })
    })
  })

  it('waits no longer because many consumers have noticed that a source is down', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 800)
    await withBackfill([target, source], { maxConcurrency: 400 }, async ({ job, queue, clock }) => {
      await job.alarm()
      const down = { backend: 'legacy', error: 'unavailable', detail: 'is down' } as const
      for (const { page } of queue.sent) job.beginPage(page)
      for (const { page, names } of queue.sent)
        job.reportPage(page, { counts: {}, failures: [], left: [...names], down })
      expect(queue.sent.length).toBeGreaterThan(6)
      expect(Date.parse(status(job).waiting?.until ?? '') - clock.now).toBe(5000)
    })
  })

  it('ends even if everything that is left fails for ever', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 40)
    const source = faulty(legacy, (name) => name >= nameOf(20), 'unavailable')
    await withBackfill([target, source], {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({
        state: 'completed_with_failures',
        listed: 40,
        copied: 20,
        failed: 20,
      })
    })
  })

  it('skips objects that were deleted from the source after they were listed', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 10)
    await withBackfill([target, source], {}, async ({ job, drive }) => {
      await job.alarm()
      await source.delete(nameOf(3))
      expect(await drive()).toMatchObject({ state: 'completed', listed: 10, copied: 9, skipped: 1 })
    })
  })

  it('does not consider objects lost that the source lists but does not return', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 10)
    const source: Backend = {
      ...legacy,
      get: async (name, options) => (name === nameOf(3) ? null : legacy.get(name, options)),
    }
    await withBackfill([target, source], {}, async ({ job, drive }) => {
      expect(await drive()).toMatchObject({
        state: 'completed_with_failures',
        copied: 9,
        skipped: 0,
        failed: 1,
      })
      expect(failuresOf(job)).toMatchObject([{ name: nameOf(3), backend: 'legacy' }])
    })
  })
})

describe('a page that ends in the dead-letter queue', () => {
  it('is sent again name by name, and a single name in the dead-letter queue is a failure', async () => {
    const [target, source] = [memoryBackend('primary'), counting('legacy')]
    await fill(source, 8)
    const isDeadly = ({ names }: PageMessage): boolean => names.some(([name]) => name === nameOf(5))
    await withBackfill([target, source], {}, async (harness) => {
      const { job, queue } = harness
      for (let round = 0; round < 5; round++) {
        await job.alarm()
        for (const message of queue.sent.splice(0)) {
          if (isDeadly(message)) {
            for (let delivery = 0; delivery < 9; delivery++) job.beginPage(message.page)
            job.handleDeadPage(message.page, 9)
          } else await harness.deliver([message])
        }
      }
      expect(status(job)).toMatchObject({ state: 'completed_with_failures', listed: 8, copied: 7, failed: 1 })
      expect(failuresOf(job)).toMatchObject([
        {
          name: nameOf(5),
          backend: 'legacy',
          error: 'timeout',
          detail: expect.stringContaining('9 deliveries') as string,
        },
      ])
    })
    expect(source.counts['get']).toBe(7)
  })

  it('is sent again unchanged if no consumer started it, since the Worker was broken', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 8)
    await withBackfill([target, source], {}, async ({ job, queue, drive }) => {
      await job.alarm()
      for (const { page } of queue.sent.splice(0)) job.handleDeadPage(page, 9)
      await job.alarm()
      expect(queue.sent.map(({ names }) => names.length)).toEqual([8])
      expect(await drive()).toMatchObject({ state: 'completed', copied: 8, failed: 0 })
    })
  })

  it('changes nothing if it was already reported', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(source, 8)
    await withBackfill([target, source], {}, async ({ job, queue, deliver }) => {
      await job.alarm()
      const messages = queue.sent.splice(0)
      await deliver(messages)
      for (const { page } of messages) job.handleDeadPage(page, 9)
      await job.alarm()
      expect(status(job)).toMatchObject({ state: 'completed', copied: 8, failed: 0 })
    })
  })

  it.each([true, false])('ends even if no dead letter arrives (with a queue: %s)', async (queued) => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 3)
    let isDead = false
    const source: Backend = {
      ...legacy,
      get(name, options) {
        if (name === nameOf(1)) isDead = true
        return isDead ? new Promise(() => {}) : legacy.get(name, options)
      },
    }
    await withBackfill([target, source], { queued, maxConcurrency: 1 }, async (harness) => {
      for (let life = 0; life < 15 && status(harness.job).state !== 'completed_with_failures'; life++) {
        isDead = false
        for (let turn = 0; turn < 4; turn++) {
          const alarm = harness.job.alarm().then(() => harness.deliver(harness.queue.sent.splice(0)))
          await Promise.race([alarm, new Promise((resolve) => setTimeout(resolve, 20))])
        }
        harness.clock.now += 1_300_000
        harness.restart()
      }
      expect(status(harness.job)).toMatchObject({ copied: 2, failed: 1, listed: 3 })
      expect(failuresOf(harness.job)).toMatchObject([{ name: nameOf(1), error: 'timeout' }])
    })
  })

  it('counts as its own what a killed consumer had copied, even if the next one leaves it to another', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 6)
    await withBackfill([target, legacy], {}, async (harness) => {
      const { queue, clock, drive } = harness
      await harness.job.alarm()
      await harness.deliver(queue.sent, dyingRpcOf(harness))
      expect(target.objects.size).toBe(6)
      const [message] = queue.sent.splice(0)
      clock.now += 3_600_000
      if (!message || !harness.job.beginPage(message.page)) throw new Error('a page')
      harness.job.reportPage(message.page, { counts: {}, failures: [], left: [...message.names] })
      expect(await drive()).toMatchObject({ state: 'completed', copied: 6, present: 0 })
    })
  })

  it('counts as its own what was stored although the copy failed', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 1)
    let isLost = true
    const put: MemoryBackend['put'] = async (...given) => {
      const stored = await target.put(...given)
      if (!isLost) return stored
      isLost = false
      throw new StorageError('unavailable', 'the answer was lost', { backend: 'primary' })
    }
    await withBackfill([{ ...target, put }, legacy], {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed', copied: 1, present: 0, failed: 0 })
    })
  })

  it('sends a page of which nothing was tried again only after some time', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 2)
    const { list: _, ...mute } = legacy
    const source = {
      ...mute,
      get: async () => {
        throw new StorageError('skipped', 'was skipped', { backend: 'legacy' })
      },
    }
    const manifest = { from: 'client' } as const
    await withBackfill([target, source], { manifest }, async ({ job, queue, clock, deliver }) => {
      job.addNames({
        names: [
          [nameOf(0), null],
          [nameOf(1), null],
        ],
        failures: [],
      })
      job.endNames()
      await job.alarm()
      await deliver(queue.sent.splice(0))
      await job.alarm()
      expect(queue.sent).toEqual([])
      clock.now += 15_000
      await job.alarm()
      expect(queue.sent).toMatchObject([
        {
          names: [
            [nameOf(0), null],
            [nameOf(1), null],
          ],
        },
      ])
    })
  })

  it('sends a page again whole if no consumer has started it since its names failed', async () => {
    const [target, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 2)
    let isFailing = true
    const get: Backend['get'] = async (name, options) => {
      if (isFailing) throw new StorageError('unavailable', 'failed', { backend: 'legacy' })
      return legacy.get(name, options)
    }
    await withBackfill([target, { ...legacy, get }], {}, async ({ job, queue, clock, deliver, drive }) => {
      await job.alarm()
      await deliver(queue.sent.splice(0))
      isFailing = false
      clock.now += 15_000
      await job.alarm()
      const [message] = queue.sent.splice(0)
      job.handleDeadPage(message?.page ?? 0, 9)
      await job.alarm()
      expect(queue.sent.map(({ names }) => names.length)).toEqual([2])
      expect(await drive()).toMatchObject({ state: 'completed', copied: 2, failed: 0 })
    })
  })
})
