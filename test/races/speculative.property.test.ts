import { expect, it } from 'vitest'
import { r2Backend } from '../../src/backends/r2/r2.ts'
import { createMemoryBudget } from '../../src/bodies/memory-budget.ts'
import { createChain } from '../../src/chain/fallback.ts'
import { createSpeculation, type Speculation } from '../../src/chain/speculation.ts'
import { createWriteBack } from '../../src/migration/migration.ts'
import type { Backend } from '../../src/storage/backend.ts'
import type { Trace } from '../../src/storage/trace.ts'
import { withCoalescing } from '../../src/wrappers/coalesce.ts'
import { withHeldBodies } from '../../src/wrappers/hold.ts'
import { bytesOf } from '../kit/fakes.ts'
import { createRandom, type Random } from '../kit/random.ts'
import { sized } from '../kit/sample.ts'
import { stateOf } from './harness/check-schedules.ts'
import { fakeR2 } from './harness/fake-r2.ts'
import type { Event, State } from './harness/linearizable.ts'
import { NAME, OPERATIONS, SOURCE } from './harness/operations.ts'
import { type Bucket, createBucket, tagOf } from './harness/store.ts'

/** Only the world with this seed, as printed by a failure. */
const REPLAY: number | undefined = undefined
const READS = 10
/** A world in which nothing has waited for a turn so often hangs. */
const MAX_EMPTY_ROUNDS = 10_000
const WRITES = { put: 3, save: 2, delete: 4, undelete: 1, 'queued copy': 1 }

/** A read that found this; `undefined` if the primary failed, so that it may be out of date and says so. */
interface Read {
  began: number
  ended: number
  found: string | null | undefined
  fromSource: boolean
}

interface World {
  random: Random
  bucket: Bucket
  /** Calls of storages, and tasks that have not begun: one at a time is let through, in any order. */
  waiting: (() => void)[]
  clock: number
  writes: (Event & { summary: string })[]
  reads: Read[]
  /** What tasks have left to do. */
  work: Promise<unknown>[]
  counts: { used: number; notNeeded: number }
}

it(
  'whatever order storages answer in, a read finds what was current while it ran, and no delete is undone',
  { timeout: 300_000 },
  async () => {
    // Different ones each time if there are many, the same ones if there are few.
    const first = sized(Date.now() % 1_000_000, 0)
    const worlds = sized(100_000, 2000) / READS
    const seeds =
      REPLAY === undefined ? Array.from({ length: worlds }, (_, index) => first + index) : [REPLAY]
    const seen = { reads: 0, fromSource: 0, stale: 0, used: 0, notNeeded: 0 }
    for (const seed of seeds) {
      const { reads, counts } = await check(seed)
      seen.reads += reads.length
      seen.fromSource += reads.filter(({ fromSource }) => fromSource).length
      seen.stale += reads.filter(({ found }) => found === undefined).length
      seen.used += counts.used
      seen.notNeeded += counts.notNeeded
    }
    if (REPLAY !== undefined) return
    // Without these, it would prove nothing.
    for (const count of [seen.fromSource, seen.stale, seen.used, seen.notNeeded])
      expect(count).toBeGreaterThan(seen.reads / 100)
  },
)

async function check(seed: number): Promise<World> {
  const random = createRandom(seed)
  const world: World = {
    random,
    bucket: createBucket(),
    waiting: [],
    clock: 0,
    writes: [],
    reads: [],
    work: [],
    counts: { used: 0, notNeeded: 0 },
  }
  const isolates = [isolate(world), isolate(world)]
  const tasks = Array.from({ length: READS + 2 + random.below(4) }, (_, index) => {
    const { chain, read } = isolates[random.below(2)] ?? isolate(world)
    return turn(world).then(() => (index < READS ? read() : write(world, chain, `what ${index} sent`)))
  })
  let isOver = false
  const all = (async () => {
    await Promise.all(tasks)
    // Copies begin more work.
    for (let done = 0; done < world.work.length; done++) await world.work[done]
    isOver = true
  })()
  let emptyRounds = 0
  while (!isOver) {
    const [next] = world.waiting.splice(random.below(world.waiting.length), 1)
    if (next) next()
    else {
      if (++emptyRounds > MAX_EMPTY_ROUNDS) throw new Error(`nothing goes on; seed ${seed}`)
      await scheduler.wait(0)
    }
    for (let tick = 0; tick < 12; tick++) await Promise.resolve()
  }
  await all
  const wrong = whatIsWrong(world)
  if (wrong === undefined) return world
  const times = ({ began, ended }: { began: number; ended: number }): string => `${began}–${ended}`
  const lines = [
    ...world.writes.map((event) => `  ${times(event)} ${event.summary}`),
    ...world.reads.map((read) => `  ${times(read)} read ${read.found}`),
  ]
  throw new Error(
    [`${wrong}; seed ${seed}`, ...lines, `  in the end: ${JSON.stringify(stateOf(world.bucket))}`].join('\n'),
  )
}

const turn = ({ waiting }: World): Promise<void> => new Promise((resolve) => void waiting.push(resolve))

/** A backend whose answers take effect at one time and arrive at another. */
function distant(world: World, backend: Backend): Backend {
  return {
    ...backend,
    async get(name, options) {
      await turn(world)
      const found = await backend.get(name, options)
      await turn(world)
      return found
    },
    async head(name, options) {
      await turn(world)
      const found = await backend.head(name, options)
      await turn(world)
      return found
    },
  }
}

/** The chain as one isolate has it, and its reads, which copy what they find in the source. */
function isolate(world: World) {
  const { random, bucket } = world
  const gate = async (call: string): Promise<void> => {
    await turn(world)
    if (call.startsWith('get ') && random.below(20) === 0) throw new Error('fails on purpose')
  }
  const info = { name: NAME, backend: 'old', etag: '"source"', size: SOURCE.length }
  const source: Backend = {
    name: 'old',
    type: 'memory',
    head: async () => info,
    get: async () => ({ ...info, body: new Blob([SOURCE]).stream() }),
  }
  const empty: Backend = { name: 'middle', type: 'memory', head: async () => null, get: async () => null }
  const fallbacks = (random.below(2) === 0 ? [source] : [empty, source]).map((backend) =>
    withCoalescing(withHeldBodies(distant(world, backend)), {
      maxBytes: 1000,
      budget: createMemoryBudget(100_000),
      leave: 0,
      stallMs: 60_000,
      keepAlive: (work) => void world.work.push(work),
    }),
  )
  const primary = distant(world, r2Backend('primary', fakeR2(bucket, gate)))
  const speculation = eager(world)
  const chain = createChain([primary, ...fallbacks], { deletes: 'tombstone', speculation })
  const writeBack = createWriteBack({
    chain,
    copyLater: () => false,
    keepAlive: (work) => void world.work.push(work),
    track(_, copy) {
      const began = world.clock++
      void copy.then(
        ({ outcome }) => {
          const copies = (state: State): State | null => (state === 'nothing' ? { text: SOURCE } : null)
          if (outcome === 'copied')
            world.writes.push({ began, ended: world.clock++, step: copies, summary: 'copied on read' })
        },
        () => {},
      )
      return copy
    },
  })
  const read = async (): Promise<void> => {
    const began = world.clock++
    const trace: Trace = []
    const options = { trace, speculative: true }
    let found: string | null = null
    if (random.below(4) === 0) {
      const head = await chain.head(NAME, options)
      found = head && textOfTag(head.etag)
    } else {
      const object = await chain.get(NAME, options)
      if (object) writeBack(object, trace)
      found = object && (await new Response(object.body).text())
    }
    // A copy in the primary has the same text.
    const fromSource = trace.some(({ backend, outcome }) => backend === 'old' && outcome === 'hit')
    world.reads.push({
      began,
      ended: world.clock++,
      found: hasFailure(trace) ? undefined : found,
      fromSource,
    })
  }
  return { chain, read }
}

function hasFailure(trace: Trace): boolean {
  return trace.some(({ outcome }) => outcome === 'error')
}

/** Starts others early in most reads, whatever it has learned. */
function eager({ random, counts }: World): Speculation {
  return {
    ...createSpeculation({ percent: 100 }),
    missRates: { of: () => 1, learn: () => {} },
    allows: () => random.below(5) > 0,
    begin: () => (needed) => void (counts[needed ? 'used' : 'notNeeded'] += 1),
  }
}

async function write(world: World, chain: ReturnType<typeof createChain>, text: string): Promise<void> {
  const name = world.random.pick(WRITES)
  const began = world.clock++
  const done = await OPERATIONS[name]?.run({ chain, text, hasSource: true })
  if (!done) return
  texts.set(`"${tagOf(bytesOf(text))}"`, text)
  world.writes.push({
    began,
    ended: world.clock++,
    step: done.did,
    summary: `${name}: ${done.summary}`,
  })
}

const texts = new Map([
  ['"source"', SOURCE],
  ...Array.from({ length: 20 }, (_, index) => `what ${index} sent`).map(
    (text) => [`"${tagOf(bytesOf(text))}"`, text] as const,
  ),
])
const textOfTag = (tag: string | undefined): string => texts.get(tag ?? '') ?? `unknown: ${tag}`

/**
 * Whether no order of the writes explains the state in the end and what the reads found: in which none comes before what had
 * ended when it began, and each read finds what is current.
 */
function whatIsWrong({ bucket, writes, reads }: World): string | undefined {
  const final = JSON.stringify(stateOf(bucket))
  const fresh = reads.filter(({ found }) => found !== undefined)
  const seen = new Set<string>()
  const explains = (state: State, doneWrites: ReadonlySet<Event>, doneReads: ReadonlySet<Read>): boolean => {
    const left = writes.filter((event) => !doneWrites.has(event))
    const visible = visibleOf(state)
    const earliestWrite = Math.min(...left.map(({ ended }) => ended))
    // A read changes nothing, so one that fits comes first.
    const nowDone = new Set(doneReads)
    for (const read of fresh) if (read.found === visible && read.began < earliestWrite) nowDone.add(read)
    const open = fresh.filter((read) => !nowDone.has(read))
    if (left.length === 0) return open.length === 0 && JSON.stringify(state) === final
    const key = JSON.stringify([
      state,
      left.map((event) => writes.indexOf(event)),
      open.map((read) => reads.indexOf(read)),
    ])
    if (seen.has(key)) return false
    seen.add(key)
    const earliestEnd = Math.min(earliestWrite, ...open.map(({ ended }) => ended))
    return left.some((event) => {
      const after = event.began < earliestEnd ? event.step(state) : null
      return after !== null && explains(after, new Set([...doneWrites, event]), nowDone)
    })
  }
  return explains('nothing', new Set(), new Set())
    ? undefined
    : 'no order of the writes explains what was read'
}

function visibleOf(state: State): string | null {
  if (state === 'deleted') return null
  return state === 'nothing' ? SOURCE : state.text
}
