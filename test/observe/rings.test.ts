import { reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Delta, intervalAt, RINGS } from '../../src/observe/rings.ts'

const MINUTE = 60_000
const DAY = 1440 * MINUTE
const START = Date.parse('2026-03-01T12:00:00Z')

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: START }))
afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

const object = () => env.TIME_SERIES.getByName('rings')
const reads = (count: number) => ({ 'reads/media/reads': count })
const NOTHING = { prefixes: {}, fallbackReads: [], mismatches: [] }
const add = (delta: Partial<Delta> = {}) =>
  object().report({
    isolate: crypto.randomUUID(),
    first: 1,
    deltas: [{ ...NOTHING, at: Date.now(), counts: reads(1), ...delta }],
  })
const kept = async (step: number, from = 0) =>
  (await object().intervals('reads', step, from)).map(({ at, counts }) => [at, counts['reads/media/reads']])
const rows = () =>
  runInDurableObject(object(), (_, { storage }) =>
    storage.sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM rings').one(),
  )

describe('the rings', () => {
  it('sum what arrives within one interval, in each ring', async () => {
    await add()
    vi.setSystemTime(START + MINUTE)
    await add({ counts: { ...reads(2), 'health/media/attempts': 7 } })
    const at = START / 1000
    expect(await kept(60)).toEqual([
      [at, 1],
      [at + 60, 2],
    ])
    expect(await kept(900)).toEqual([[at, 3]])
    expect(await kept(86_400)).toEqual([[at - 43_200, 3]])
    expect(await kept(60, at + 60)).toEqual([[at + 60, 2]])
    expect(await object().intervals('health', 60, 0)).toEqual([
      { at, counts: {} },
      { at: at + 60, counts: { 'health/media/attempts': 7 } },
    ])
  })

  it('use a slot again after a day, two weeks and 400 days', async () => {
    await add()
    vi.setSystemTime(START + DAY)
    await add()
    expect(await kept(60)).toEqual([[(START + DAY) / 1000, 1]])
    expect(await kept(900)).toHaveLength(2)
    vi.setSystemTime(START + 14 * DAY)
    await add()
    expect((await kept(900)).map(([at]) => at)).toEqual([(START + DAY) / 1000, (START + 14 * DAY) / 1000])
    expect(await kept(86_400)).toHaveLength(3)
    vi.setSystemTime(START + 400 * DAY)
    await add()
    expect((await kept(86_400)).map(([at]) => at)).toEqual(
      [1, 14, 400].map((days) => intervalAt(START + days * DAY, 86_400)),
    )
  })

  it('count what comes late in its own interval, unless that is not kept any more', async () => {
    vi.setSystemTime(START + DAY)
    await add()
    await add({ at: START })
    await add({ at: START + DAY - MINUTE })
    const at = (START + DAY) / 1000
    expect(await kept(60)).toEqual([
      [at - 60, 1],
      [at, 1],
    ])
    expect(await kept(900)).toHaveLength(3)
  })

  it('count nothing in the future, whatever the clock of an isolate says', async () => {
    await add({ at: START + DAY })
    expect(await kept(60)).toEqual([[START / 1000, 1]])
    expect(await object().summary()).toEqual({ countedSince: START, fallbackRead: null })
  })

  it(
    'have a row for each slot at most, and all counts that are not older than the ring',
    { timeout: 60_000 },
    async () => {
      const deltas = fc.array(fc.tuple(fc.nat(3 * 1440), fc.integer({ min: 1, max: 9 })), {
        minLength: 1,
        maxLength: 40,
      })
      await fc.assert(
        fc.asyncProperty(deltas, async (planned) => {
          await reset()
          const inTime = planned
            .toSorted(([a], [b]) => a - b)
            .map(([minute, n]) => [START + minute * MINUTE, n] as const)
          for (const [at, n] of inTime) {
            vi.setSystemTime(at)
            await add({ counts: reads(n) })
          }
          const now = Date.now()
          for (const { step, slots } of RINGS) {
            const oldest = intervalAt(now, step) - (slots - 1) * step
            const expected = new Map<number, number>()
            for (const [time, n] of inTime) {
              const at = intervalAt(time, step)
              if (at >= oldest) expected.set(at, (expected.get(at) ?? 0) + n)
            }
            expect(await kept(step, oldest)).toEqual([...expected])
          }
          expect((await rows()).n).toBeLessThanOrEqual(3 * new Set(inTime.map(([at]) => at)).size)
        }),
        { numRuns: 25 },
      )
    },
  )
})

describe('the latest read of a fallback', () => {
  it('is the latest of all isolates, in whatever order they report', async () => {
    const read = (minute: number) => ({ at: START - minute * MINUTE, name: `a/${minute}`, backend: 'legacy' })
    await add({ fallbackReads: [read(2)] })
    await add({ fallbackReads: [read(1)] })
    await add({ fallbackReads: [read(3)] })
    await add()
    expect((await object().summary()).fallbackRead).toEqual(read(1))
  })
})
