import { reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RequestEvent } from '../../src/observe/counts.ts'
import { dependenceOf } from '../../src/observe/dependence.ts'
import { type Delta, MAX_PREFIXES, type Report } from '../../src/observe/rings.ts'
import { createTally, type Tally } from '../../src/observe/tally.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const START = Date.parse('2026-03-01T12:00:00Z')
/** The end of the scripted day: not at the beginning of a minute. */
const END = Date.parse('2026-03-10T17:23:41.250Z')

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: START }))
afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

const object = () => env.TIME_SERIES.getByName('series')
const CHAIN = {
  backends: [
    { name: 'media' },
    { name: 'legacy' },
    { name: 'archive' },
    { name: 'copy', mirror: 'all' as const },
  ],
  shadowPercent: 1,
}
const dependence = async () => dependenceOf(await object().dependence(), CHAIN)
const fallback = async (name: string) => (await dependence()).fallbacks.find((one) => one.name === name)

const read = (outcome: RequestEvent['outcome'], backend: string | undefined, name: string): RequestEvent => ({
  method: 'GET',
  name,
  route: 'media',
  status: 200,
  outcome,
  ...(backend !== undefined && { backend }),
  attempts: [],
  stored: false,
  duration: 1,
})

/** `before`: the report does not arrive; `after`: its answer does not. */
type Fault = 'before' | 'after' | undefined

/** An isolate that reports to the object. */
function startIsolate(faultOf: () => Fault = () => undefined) {
  const work: Promise<unknown>[] = []
  const tally = createTally({
    send: async (report) => {
      const fault = faultOf()
      if (fault === 'before') throw new Error('the object is overloaded')
      await object().report(report)
      if (fault === 'after') throw new Error('the answer is lost')
    },
    keepAlive: (report) => void work.push(report),
  })
  return { tally, quiet: () => Promise.all(work.splice(0)) }
}

/** The same numbers every time. */
function createRandom(seed: number) {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

interface Step {
  at: number
  isolate: number
  kind: 'hit' | 'edge' | 'absent' | 'failed' | 'refused' | 'legacy' | 'copy' | 'shadow'
  name: string
  matched: boolean
}

const DIRECTORIES = ['photos/', 'videos/', '', 'docs/2024/', `${'long'.repeat(40)}/`]
const KINDS = [
  'hit',
  'hit',
  'hit',
  'edge',
  'absent',
  'failed',
  'refused',
  'legacy',
  'copy',
  'shadow',
] as const

/** Sparse over nine days, dense over the last day and hour, and at the seams of intervals. */
function script(): Step[] {
  const random = createRandom(17)
  const midnight = Date.parse('2026-03-10T00:00:00Z')
  const seams = [midnight - DAY, midnight, midnight + 15 * MINUTE, END - HOUR, END - DAY, END - 7 * DAY]
  const times = [
    ...Array.from({ length: 60 }, () => START + random(END - START)),
    ...Array.from({ length: 100 }, () => END - random(DAY)),
    ...Array.from({ length: 100 }, () => END - random(HOUR)),
    ...seams.flatMap((seam) => [-MINUTE, -1, 0, 1, MINUTE].map((offset) => seam + offset)),
    ...seams.flatMap((seam) => [-2, -1, 0, 1].map((minutes) => seam - (seam % MINUTE) + minutes * MINUTE)),
  ]
  return times
    .filter((at) => at >= START && at <= END)
    .toSorted((one, other) => one - other)
    .map((at, index) => ({
      at,
      isolate: random(3),
      kind: KINDS[random(KINDS.length)] ?? 'hit',
      name: `${DIRECTORIES[random(DIRECTORIES.length)]}${index}.jpg`,
      matched: random(4) > 0,
    }))
}

function play(tally: Tally, { kind, name, matched }: Step): void {
  if (kind === 'shadow') tally.addShadow({ backend: 'legacy', name, matched, detail: 'another size' })
  else if (kind === 'legacy' || kind === 'copy') tally.addRead(read('fallback', kind, name))
  else tally.addRead(read(kind, kind === 'hit' || kind === 'edge' ? 'media' : undefined, name))
}

/** When the window begins: with the interval that is so many before the current one. */
const since = (step: number, intervals: number) => END - (END % step) - (intervals - 1) * step
const WINDOWS = { hour: since(MINUTE, 60), day: since(MINUTE, 1440), week: since(15 * MINUTE, 672) }

function countIn(steps: readonly Step[], kinds: readonly string[]) {
  const from = (start: number) => steps.filter(({ at, kind }) => at >= start && kinds.includes(kind)).length
  return { hour: from(WINDOWS.hour), day: from(WINDOWS.day), week: from(WINDOWS.week) }
}

function expectedPrefixes(steps: readonly Step[], backend: string) {
  const own = steps.filter(({ at, kind }) => kind === backend && at >= WINDOWS.week)
  const groups = Map.groupBy(own, ({ name }) => {
    const directory = name.includes('/') ? `${name.split('/')[0]}/` : ''
    return directory.length > 128 ? '…' : directory
  })
  return Array.from(groups, ([prefix, reads]) => ({
    prefix,
    reads: reads.length,
    last_read: new Date(reads.at(-1)?.at ?? 0).toISOString(),
  }))
}

describe('a scripted week', () => {
  it.each<[string, (random: (below: number) => number) => Fault]>([
    ['', () => undefined],
    [
      ' of which a third of the reports fails or loses its answer',
      (random) => [undefined, undefined, 'before', 'after', undefined, undefined][random(6)] as Fault,
    ],
  ])('is counted exactly, by three isolates%s', async (_, faultOf) => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const random = createRandom(5)
    let isUp = false
    const isolates = [0, 1, 2].map(() => startIsolate(() => (isUp ? undefined : faultOf(random))))
    const steps = script()
    for (const step of steps) {
      vi.setSystemTime(step.at)
      const { tally, quiet } = isolates[step.isolate] ?? startIsolate()
      play(tally, step)
      await quiet()
    }
    vi.setSystemTime(END)
    isUp = true
    for (const { tally } of isolates) await tally.settle()

    const answer = await dependence()
    const legacy = steps.filter(({ kind }) => kind === 'legacy')
    const copy = steps.filter(({ kind }) => kind === 'copy')
    const all = countIn(steps, ['hit', 'legacy', 'copy', 'edge'])
    const shadows = steps.filter(({ kind, at }) => kind === 'shadow' && at >= WINDOWS.week)
    const counted = steps.find(({ kind }) => kind !== 'refused')
    expect(answer.counted_since).toBe(new Date(counted?.at ?? 0).toISOString())
    expect(answer.reads).toEqual(all)
    expect(answer.fallbacks.map(({ prefixes: __, ...rest }) => rest)).toEqual([
      {
        name: 'legacy',
        role: 'fallback',
        reads: countIn(steps, ['legacy']),
        share: countIn(steps, ['legacy']).day / all.day,
        last_read: { at: new Date(legacy.at(-1)?.at ?? 0).toISOString(), name: legacy.at(-1)?.name },
        quiet_days: 0,
      },
      {
        name: 'archive',
        role: 'fallback',
        reads: { hour: 0, day: 0, week: 0 },
        share: 0,
        last_read: null,
        quiet_days: Math.floor((END - (counted?.at ?? 0)) / DAY),
      },
      {
        name: 'copy',
        role: 'mirror',
        reads: countIn(steps, ['copy']),
        share: countIn(steps, ['copy']).day / all.day,
        last_read: { at: new Date(copy.at(-1)?.at ?? 0).toISOString(), name: copy.at(-1)?.name },
        quiet_days: 0,
      },
    ])
    for (const { name, prefixes, reads } of answer.fallbacks) {
      expect(new Set(prefixes)).toEqual(new Set(expectedPrefixes(steps, name)))
      expect(prefixes.reduce((sum, one) => sum + one.reads, 0)).toBe(reads.week)
    }
    expect([answer.shadowed, answer.mismatched]).toEqual([
      shadows.length,
      shadows.filter(({ matched }) => !matched).length,
    ])
    expect(answer.mismatches).toEqual(
      steps
        .filter(({ kind, matched }) => kind === 'shadow' && !matched)
        .toReversed()
        .slice(0, 20)
        .map(({ at, name }) => ({
          name,
          backend: 'legacy',
          detail: 'another size',
          at: new Date(at).toISOString(),
        })),
    )
    for (const step of [60, 900, 86_400]) {
      const intervals = await object().intervals('reads', step, WINDOWS.day / SECOND - 60)
      const groups = Map.groupBy(
        steps.filter(({ kind }) => kind === 'legacy'),
        ({ at }) => Math.floor(at / SECOND / step) * step,
      )
      const shown = intervals.flatMap(({ at, counts }) => {
        const count = counts['reads/legacy/reads']
        return count === undefined ? [] : [[at, count]]
      })
      const first = intervals[0]?.at ?? 0
      expect(shown).toEqual(
        Array.from(groups, ([at, those]) => [at, those.length]).filter(([at = 0]) => at >= first),
      )
    }
  })
})

describe('an isolate that is evicted', () => {
  it('takes with it what it has counted since its last report, which a read of a fallback brings forward', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { tally, quiet } = startIsolate()
    const at = (seconds: number, event: RequestEvent) => {
      vi.setSystemTime(START + seconds * SECOND)
      tally.addRead(event)
      return quiet()
    }
    await at(0, read('hit', 'media', 'a'))
    for (let second = 1; second <= 30; second++) await at(second, read('hit', 'media', 'a'))
    await at(31, read('fallback', 'legacy', 'b/1'))
    await at(35, read('fallback', 'legacy', 'c/2'))
    expect((await dependence()).reads.hour).toBe(32)
    await at(36, read('fallback', 'legacy', 'c/3'))
    for (let second = 37; second <= 85; second++) await at(second, read('hit', 'media', 'a'))
    // It is evicted.
    expect((await dependence()).reads.hour).toBe(39)
    expect(await fallback('legacy')).toMatchObject({
      reads: { hour: 3 },
      last_read: { at: new Date(START + 36 * SECOND).toISOString(), name: 'c/3' },
      prefixes: [
        { prefix: 'c/', reads: 2 },
        { prefix: 'b/', reads: 1 },
      ],
    })
  })
})

describe('quiet_days', () => {
  it('is null until something is counted, and then counts whole days since the last read', async () => {
    const { tally } = startIsolate()
    expect(await fallback('legacy')).toMatchObject({ quiet_days: null, last_read: null, share: null })
    tally.addRead(read('fallback', 'legacy', 'a'))
    await tally.settle()
    const days = async () =>
      Object.fromEntries((await dependence()).fallbacks.map(({ name, quiet_days }) => [name, quiet_days]))
    vi.setSystemTime(START + DAY - 1)
    expect(await days()).toEqual({ legacy: 0, archive: 0, copy: 0 })
    vi.setSystemTime(START + DAY)
    expect(await days()).toEqual({ legacy: 1, archive: 1, copy: 1 })
    vi.setSystemTime(START + 500 * DAY)
    tally.addRead(read('fallback', 'copy', 'a'))
    await tally.settle()
    expect(await days()).toEqual({ legacy: 500, archive: 500, copy: 0 })
    expect(await fallback('legacy')).toMatchObject({
      reads: { hour: 0, day: 0, week: 0 },
      prefixes: [],
      last_read: { at: new Date(START).toISOString(), name: 'a' },
    })
  })

  it('is 0 after a read by an isolate whose clock is ahead of the object’s', async () => {
    const { tally } = startIsolate()
    vi.setSystemTime(START + 5)
    tally.addRead(read('fallback', 'legacy', 'a'))
    vi.setSystemTime(START)
    await tally.settle()
    expect(await fallback('legacy')).toMatchObject({ reads: { hour: 1 }, quiet_days: 0 })
  })

  it('takes into account what isolates of earlier versions reported, even before the update', async () => {
    const counts = { 'reads/legacy/reads': 2, 'reads/archive/reads': 1, 'reads/media/reads': 5 }
    await object().add({ at: START, counts, fallbackRead: { at: START, name: 'a', backend: 'legacy' } })
    await runInDurableObject(object(), (_, { storage }) => {
      const [read] = storage.kv.get<unknown[]>('fallbackReads') ?? []
      storage.kv.put('fallbackRead', read)
      storage.kv.delete('fallbackReads')
    })
    vi.setSystemTime(START + HOUR)
    const last = async (name: string) => (await fallback(name))?.last_read
    expect(await last('legacy')).toEqual({ at: new Date(START).toISOString(), name: 'a' })
    expect(await last('archive')).toEqual({ at: new Date(START + 15 * MINUTE).toISOString(), name: null })
    expect(await last('copy')).toBeNull()
    expect(await fallback('legacy')).toMatchObject({ reads: { hour: 0, day: 2, week: 2 } })
    vi.setSystemTime(START + 100 * DAY)
    expect(await fallback('archive')).toMatchObject({ quiet_days: 99 })
    expect(await object().summary()).toMatchObject({ fallbackRead: { name: 'a' } })
  })
})

describe('the prefixes', () => {
  it('are at most a hundred for each backend, however many are read: the others are summed', async () => {
    const { tally, quiet } = startIsolate()
    for (let number = 0; number < 350; number++) {
      vi.setSystemTime(START + number * 2 * SECOND)
      tally.addRead(read('fallback', 'legacy', `${number % 300}/a`))
      if (number % 50 === 0) tally.addRead(read('fallback', 'copy', 'only/a'))
      await quiet()
    }
    await tally.settle()
    const { prefixes = [] } = (await fallback('legacy')) ?? {}
    expect(prefixes).toHaveLength(MAX_PREFIXES + 1)
    expect(prefixes[0]?.reads).toBe(2)
    expect(prefixes.at(-1)).toMatchObject({
      prefix: '…',
      last_read: new Date(START + 299 * 2 * SECOND).toISOString(),
    })
    expect(prefixes.reduce((sum, { reads }) => sum + reads, 0)).toBe(350)
    expect(await fallback('copy')).toMatchObject({ prefixes: [{ prefix: 'only/', reads: 7 }] })
  })

  it('are kept in one row for each quarter of an hour of a week', async () => {
    const { tally, quiet } = startIsolate()
    for (let hour = 0; hour < 24 * 15; hour += 4) {
      vi.setSystemTime(START + hour * HOUR)
      tally.addRead(read('fallback', 'legacy', 'a/b'))
      await quiet()
    }
    const rows = await runInDurableObject(object(), (_, { storage }) =>
      storage.sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM prefixes').one(),
    )
    expect(rows.n).toBe(6 * 7)
    expect(await fallback('legacy')).toMatchObject({ prefixes: [{ prefix: 'a/', reads: 6 * 7 }] })
  })
})

describe('a report', () => {
  const delta = (at: number): Delta => ({
    at,
    counts: { 'reads/media/reads': 1 },
    prefixes: {},
    fallbackReads: [],
    mismatches: [],
  })
  const report = (first: number, count: number, isolate = 'one'): Report => ({
    isolate,
    first,
    deltas: Array.from({ length: count }, () => delta(Date.now())),
  })
  const total = async () => (await dependence()).reads.week

  it('is counted once, however often and in whatever order it arrives', async () => {
    await object().report(report(1, 2))
    await object().report(report(1, 2))
    await object().report(report(1, 3))
    await object().report(report(2, 1))
    expect(await total()).toBe(3)
    await object().report(report(4, 1))
    await object().report(report(1, 1, 'two'))
    expect(await total()).toBe(5)
  })

  it('is remembered for a day, and then no more', async () => {
    const rows = () =>
      runInDurableObject(object(), (_, { storage }) =>
        storage.sql
          .exec<{ id: string }>('SELECT id FROM isolates ORDER BY id')
          .toArray()
          .map(({ id }) => id),
      )
    await object().report(report(1, 1))
    vi.setSystemTime(START + 23 * HOUR)
    await object().report(report(1, 1, 'two'))
    expect(await rows()).toEqual(['one', 'two'])
    vi.setSystemTime(START + 25 * HOUR)
    await object().report(report(1, 1, 'three'))
    expect(await rows()).toEqual(['three', 'two'])
  })

  it('has what the isolate counted in each minute, even if it was idle since', async () => {
    const { tally, quiet } = startIsolate()
    tally.addRead(read('hit', 'media', 'a'))
    await quiet()
    tally.addRead(read('hit', 'media', 'a'))
    vi.setSystemTime(START + 3 * HOUR)
    tally.addRead(read('hit', 'media', 'a'))
    await quiet()
    const intervals = await object().intervals('reads', 60, 0)
    expect(intervals.map(({ at, counts }) => [at * SECOND - START, counts['reads/media/reads']])).toEqual([
      [0, 2],
      [3 * HOUR, 1],
    ])
  })
})
