import { expect, it } from 'vitest'
import type { PageJob, PageMessage } from '../../src/jobs/backfill/job-types.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'
import { createRandom } from '../kit/random.ts'
import { sized } from '../kit/sample.ts'
import { failuresOf, type JobHarness, nameOf, rpcOf, status, withBackfill } from './jobs.ts'

const SEED = 20_261_130
const CASES = sized(400, 30)
const STEPS = 30
const HALF_AN_HOUR = 1_800_000

/** What has become of a name since the job began, beside the job. */
type Touched = { saved: string } | 'deleted' | 'at the source'

/** A consumer that dies at some point, or not at all. */
function mortal(harness: Pick<JobHarness, 'job'>, dies: 'never' | 'begun' | 'copied' | 'reported'): PageJob {
  const job = rpcOf(harness)
  const killed = (): never => {
    throw new Error('killed')
  }
  return {
    async beginPage(page) {
      const start = await job.beginPage(page)
      return dies === 'begun' ? killed() : start
    },
    async reportPage(page, report) {
      if (dies === 'copied') killed()
      await job.reportPage(page, report)
      if (dies === 'reported') killed()
    },
  }
}

function fragile(backend: Backend, isDown: () => boolean): Backend {
  const guard =
    <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      await Promise.resolve()
      if (isDown()) throw new StorageError('unavailable', 'is down', { backend: backend.name })
      return call(...args)
    }
  const { get, head, put, list } = backend
  return {
    ...backend,
    get: guard(get),
    head: guard(head),
    ...(put && { put: guard(put) }),
    ...(list && { list: guard(list) }),
  }
}

async function tryOne(seed: number): Promise<Set<string>> {
  const random = createRandom(seed)
  const { below, pick } = random
  const chance = (part: number): boolean => random.next() < part
  const [primary, legacy, older] = ['primary', 'legacy', 'older'].map((name) => memoryBackend(name)) as [
    ReturnType<typeof memoryBackend>,
    ReturnType<typeof memoryBackend>,
    ReturnType<typeof memoryBackend>,
  ]
  const count = 1 + below(260)
  const first = new Map<string, string>()
  for (let index = 0; index < count; index++) {
    const name = nameOf(index)
    const holders = [legacy, older].filter(() => chance(0.6))
    for (const holder of holders) await holder.put(name, bytesOf(`${holder.name} ${index}`))
    if (holders[0]) first.set(name, `${holders[0].name} ${index}`)
  }
  const down = new Set<string>()
  const backends = [primary, legacy, older].map((one) => fragile(one, () => down.has(one.name)))
  const touched = new Map<string, Touched>()
  const isManifest = chance(0.3)
  const seen = new Set<string>()
  const options = { maxConcurrency: pick({ 1: 1, 4: 1, 12: 2 }), manifest: { from: 'client' } } as const
  await withBackfill(
    backends,
    { maxConcurrency: Number(options.maxConcurrency), ...(isManifest && { manifest: options.manifest }) },
    async (harness) => {
      const { queue, clock, chain } = harness
      if (isManifest) {
        harness.job.addNames({ names: [...first.keys()].map((name) => [name, null] as const), failures: [] })
        harness.job.endNames()
      }
      const delivered: Promise<void>[] = []
      const took: PageMessage[] = []
      const one = (): string => nameOf(below(count))
      const steps: Record<string, () => unknown> = {
        alarm: () => harness.job.alarm(),
        deliver() {
          const [message] = queue.sent.splice(below(queue.sent.length), 1)
          if (!message) return
          took.push(message)
          const dies = pick({ never: 5, begun: 1, copied: 2, reported: 1 })
          delivered.push(harness.deliver([message], mortal(harness, dies)))
          if (dies !== 'never' && chance(0.5)) queue.sent.push(message)
        },
        repeat() {
          const message = took[below(took.length)]
          if (message)
            delivered.push(harness.deliver([message], mortal(harness, pick({ never: 3, copied: 1 }))))
        },
        lose: () => queue.sent.splice(below(queue.sent.length), 1),
        async bury() {
          await Promise.all(delivered)
          const [message] = queue.sent.splice(below(queue.sent.length), 1)
          if (message) harness.job.handleDeadPage(message.page, 9)
        },
        restart: () => harness.restart(),
        wait: () => void (clock.now += pick({ 1000: 1, 20_000: 2 }) === '1000' ? 1000 : 20_000),
        late: () => void (clock.now += HALF_AN_HOUR),
        back: () => void (clock.now -= 5_000),
        pause: () => harness.job.act('pause'),
        resume: () => harness.job.act('resume'),
        retry: () => harness.job.act('retry_failed'),
        fail: () => down.add(pick({ primary: 1, legacy: 2, older: 1 })),
        heal: () => down.clear(),
        async save() {
          const name = one()
          touched.set(name, { saved: `saved ${name}` })
          await primary.put(name, bytesOf(`saved ${name}`))
        },
        async delete() {
          const name = one()
          if (down.has('primary')) return
          touched.set(name, 'deleted')
          await chain.delete(name)
        },
        async change() {
          const name = one()
          if (touched.has(name)) return
          touched.set(name, 'at the source')
          const source = chance(0.5) ? legacy : older
          await (chance(0.5) ? source.delete(name) : source.put(name, bytesOf(`new ${name}`)))
        },
        async tick() {
          for (let turn = below(20); turn > 0; turn--) await Promise.resolve()
        },
      }
      const weights = {
        alarm: 4,
        deliver: 6,
        repeat: 2,
        lose: 1,
        bury: 1,
        restart: 1,
        wait: 2,
        late: 1,
        back: 1,
      }
      const others = {
        pause: 1,
        resume: 1,
        retry: 1,
        fail: 1,
        heal: 2,
        save: 2,
        delete: 2,
        change: 2,
        tick: 3,
      }
      for (let step = 0; step < STEPS; step++) await steps[pick({ ...weights, ...others })]?.()
      await Promise.all(delivered)
      down.clear()
      seen.add(await finish(harness))
      const ended = status(harness.job)
      const label = `seed ${seed}: ${JSON.stringify(ended)} ${JSON.stringify(failuresOf(harness.job))}`
      const failed = failuresOf(harness.job)
      expect(failed.length, label).toBe(ended.failed)
      // What a source has deleted meanwhile.
      for (const { name, error } of failed)
        expect([isManifest, error, touched.get(name)], label).toEqual([true, 'absent', 'at the source'])
      for (const counters of [ended, ...Object.values(ended.backends)])
        expect(counters.listed, label).toBe(
          counters.copied + counters.present + counters.skipped + counters.failed,
        )
      const sum = Object.values(ended.backends).reduce((all, { listed }) => all + listed, 0)
      expect(ended.listed, label).toBe(sum)
      for (const [name, text] of first) {
        const was = touched.get(name)
        const stored = await textOf(await chain.get(name))
        const own = await textOf(await primary.get(name))
        const where = `${name} ${JSON.stringify(was)} ${label}`
        if (was === 'deleted') expect(stored, where).toBeNull()
        else if (was === undefined) expect(own, where).toBe(text)
        else if (was !== 'at the source') expect(own, where).toBe(was.saved)
      }
    },
  )
  return seen
}

/** Everything works again: the job ends, and what failed can be repeated. */
async function finish(harness: JobHarness): Promise<string> {
  harness.job.act('resume')
  for (let round = 0; round < 20; round++) {
    const { state } = await harness.drive(50)
    if (state === 'completed') return state
    if (state === 'completed_with_failures' && round > 10) return state
    if (state === 'completed_with_failures') harness.job.act('retry_failed')
    // What is lost is sent again.
    harness.clock.now += HALF_AN_HOUR
  }
  throw new Error(`the job does not end: ${JSON.stringify(status(harness.job))}`)
}

it('copies everything, counts everything once and brings nothing back, whatever happens meanwhile', async () => {
  const states = new Set<string>()
  for (let index = 0; index < CASES; index++)
    for (const state of await tryOne(SEED + index)) states.add(state)
  expect(states).toContain('completed')
}, 400_000)
