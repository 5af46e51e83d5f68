import { describe, expect, it } from 'vitest'
import { unstable_readConfig } from 'wrangler'
import { type BackfillSettings, capacities, limitOf } from '../../bench/scale/backfill.ts'
import { costOfReads, total } from '../../bench/scale/cost.ts'
import { ASSUMED, LIMITS, MEASURED, SETTINGS } from '../../bench/scale/figures.ts'
import { migrate } from '../../bench/scale/migrate.ts'
import { withTables } from '../../bench/scale/page.ts'
import { partsOf } from '../../bench/scale/parts.ts'
import { cachedShare, type Group, sumOf, zipf } from '../../bench/scale/popularity.ts'
import { TABLES } from '../../bench/scale/tables.ts'
import { readMarkdown } from '../../scripts/docs/markdown.ts'

const HOUR = 3600

describe('docs/scale.md', () => {
  const page = readMarkdown('docs/scale.md')

  it('shows what the simulation prints (otherwise: npm run bench:scale -- --write)', () => {
    expect(page).toBe(withTables(page))
  })

  it('has every table', () => {
    expect(Object.keys(TABLES).filter((name) => !page.includes(`<!-- table: ${name} -->`))).toEqual([])
  })
})

it('docs/scale.md has the same figures in its summary', () => {
  const page = readMarkdown('docs/scale.md')
  const [summary = ''] = page.split('## Reads\n')
  const backfills = [400, 1000].map((maxConcurrency) => limitOf({ jobs: 1, maxConcurrency }).rate)
  const hours = (objects: number): string[] =>
    backfills.map((rate) => String(Number((objects / rate / HOUR).toPrecision(2))))
  expect(summary).toContain(
    `takes ${hours(1e8)[0]} hours** with \`max_concurrency\` 400, and ${hours(1e8)[1]} with 1000`,
  )
  expect(summary).toContain(`40 million photos take ${hours(4e7)[0]} and ${hours(4e7)[1]} hours`)

  const serving = { reads: 10_000, cached: 0, requests: 1 }
  const [quiet, logged] = [0, 1].map((logLines) => total(costOfReads({ ...serving, logLines })) / 1000)
  expect(summary).toContain(`cost $${Math.round((logged ?? 0) - (quiet ?? 0))},000 a month for log lines`)
  expect(summary).toContain(`$${Math.round(quiet ?? 0)},000 for everything else`)
  // So a read is one line, the Worker's own.
  const { observability } = unstable_readConfig({ config: 'wrangler.toml' })
  expect(observability).toMatchObject({ enabled: true, logs: { enabled: true, invocation_logs: false } })

  const job = { copies: backfills[0] ?? 0, names: 1000 / ASSUMED.listSeconds.value }
  const groups = zipf(1e8, ASSUMED.zipf.value, 1e8 * ASSUMED.unread.value)
  const given = { groups, reads: 10_000, copying: true, job }
  const [before, after] = migrate(given, [9 * HOUR, 9.5 * HOUR])
  expect(summary).toContain('everything is copied after 9.5 hours')
  expect([(before?.copied ?? 0) / 1e8 < 0.999, (after?.copied ?? 0) / 1e8 > 0.999]).toEqual([true, true])

  const popular = 10_000 * (groups[0]?.share ?? 0) * ASSUMED.copySeconds.value
  expect(page).toContain(`is requested about ${Math.round(popular)} times before its first copy is stored`)
})

it('wrangler.toml gives a consumer as many pages as the simulation does', () => {
  const { queues } = unstable_readConfig({ config: 'wrangler.toml' })
  const copies = { queue: 'fallback-storage-copies', max_batch_size: SETTINGS.pagesPerConsumer }
  expect(queues.consumers).toContainEqual(expect.objectContaining(copies))
})

/** Objects that are all equally popular. */
const uniform = (count: number): Group[] => [{ count, share: 1 / count }]

describe('popularity', () => {
  it('is Zipf’s law, whose sum over groups differs little from that over single objects', () => {
    const exact = Array.from({ length: 100_000 }, (_, index) => (index + 1) ** -0.9)
    const sum = exact.reduce((all, share) => all + share, 0)
    const groups = zipf(100_000, 0.9)
    expect(sumOf(groups, () => 1)).toBe(100_000)
    expect(sumOf(groups, (share) => share)).toBeCloseTo(1, 9)
    expect(groups[0]?.share).toBeCloseTo(1 / sum, 3)
    expect(zipf(100, 0)[0]?.share).toBeCloseTo(0.01, 9)
  })

  it('leaves objects that nobody reads out of all reads', () => {
    const groups = zipf(1000, 0.9, 400)
    expect(sumOf(groups, () => 1)).toBe(1000)
    expect(sumOf(groups, (share) => (share === 0 ? 1 : 0))).toBe(400)
  })

  it('decides what a cache answers: rT ÷ (1 + rT) for an object that is read r times a second', () => {
    expect(cachedShare(uniform(100), 50, 10)).toBeCloseTo(5 / 6, 9)
    expect(cachedShare(zipf(1e6, 0.9), 1000, 3600)).toBeGreaterThan(cachedShare(zipf(1e6, 0.6), 1000, 3600))
  })
})

describe('a migration', () => {
  it('by reads alone leaves e^-rt of equally popular objects', () => {
    const [moment] = migrate({ groups: uniform(1e6), reads: 100, copying: true }, [20_000])
    expect(moment?.fallback).toBeCloseTo(Math.exp(-2), 9)
    expect(moment?.copied).toBeCloseTo(1e6 * (1 - Math.exp(-2)), 3)
    expect(moment?.byJob).toBe(0)
  })

  it('by a backfill alone takes objects ÷ rate, and the source gets its copies on top of the reads', () => {
    const job = { copies: 100, names: 5000 }
    const given = { groups: uniform(1e6), reads: 10, copying: false, job }
    const [half, end] = migrate(given, [5000, 10_000])
    expect(half?.fallback).toBeCloseTo(0.5, 9)
    expect(half?.jobGets).toBeCloseTo(100, 9)
    expect(half?.sourceGets).toBeCloseTo(100 + 10 * 0.5, 9)
    expect(end).toMatchObject({ fallback: 0, sourceGets: 0, byJob: expect.closeTo(1e6, 0) as number })
  })

  it('by both copies each object once, and faster than either', () => {
    const groups = zipf(1e6, 0.9, 3e5)
    const job = { copies: 100, names: 5000 }
    const times = [60, HOUR, 2 * HOUR, 4 * HOUR]
    const [reading, filling, both] = [
      migrate({ groups, reads: 100, copying: true }, times),
      migrate({ groups, reads: 100, copying: false, job }, times),
      migrate({ groups, reads: 100, copying: true, job }, times),
    ]
    for (const [index, { copied, byJob, byReads, fallback }] of both.entries()) {
      expect(byJob + byReads).toBeCloseTo(copied, 3)
      expect(copied).toBeLessThanOrEqual(1e6 + 1)
      expect(copied).toBeGreaterThan(Math.max(reading[index]?.copied ?? 0, filling[index]?.copied ?? 0) - 1)
      expect(fallback).toBeLessThanOrEqual(
        Math.min(reading[index]?.fallback ?? 0, filling[index]?.fallback ?? 0),
      )
    }
  })

  it('never takes the backfill through more names than it lists', () => {
    const given = { groups: uniform(1e6), reads: 1e6, copying: true, job: { copies: 100, names: 1000 } }
    const [moment] = migrate(given, [500])
    expect(moment?.jobGets).toBeLessThan(1)
    expect(moment?.copied).toBeCloseTo(1e6, 0)
  })
})

describe('a backfill', () => {
  const rateOf = (settings: BackfillSettings): number => limitOf(settings).rate

  it('of one consumer copies a hundred names, five at a time, and calls the job twice', () => {
    const seconds = 20 * ASSUMED.copySeconds.value + 2 * ASSUMED.objectSeconds.value
    expect(rateOf({ jobs: 1, maxConcurrency: 5 })).toBeCloseTo(100 / seconds, 9)
    expect(rateOf({ jobs: 1, maxConcurrency: 50 })).toBeCloseTo(1000 / seconds, 9)
  })

  it('is as fast as its slowest part', () => {
    const parts = capacities({ jobs: 1, maxConcurrency: 1000 })
    expect(parts.map(({ rate }) => rate)).toEqual(parts.map(({ rate }) => rate).toSorted((a, b) => a - b))
  })

  it.each([
    ['a longer copy', { copySeconds: 0.5 }],
    ['fewer copies at once', { maxConcurrency: 100 }],
    ['listing calls of a minute', { listSeconds: 60 }],
    ['a mirror', { mirror: true }],
  ])('is slower with %s', (_, change) => {
    const settings = { jobs: 1, maxConcurrency: 400 }
    expect(rateOf({ ...settings, ...change })).toBeLessThan(rateOf(settings))
  })

  it('is limited by the one log while a mirror follows, however many jobs there are', () => {
    const rate = LIMITS.objectRequests.value / MEASURED.mirrorRequests.value
    expect(limitOf({ jobs: 8, maxConcurrency: 400, mirror: true })).toEqual({ part: 'MirrorLog', rate })
  })

  it('sends no more than the source takes', () => {
    expect(rateOf({ jobs: 100, maxConcurrency: 1000, copySeconds: 0.01 })).toBe(LIMITS.sourceGets.value)
  })
})

describe('load', () => {
  it('grows with the reads, except for what each isolate has of its own', () => {
    const [one, two] = [1000, 2000].map((reads) => partsOf({ reads, fallback: 1 }))
    const factors = one?.map(([part, , load], index) => [part, (two?.[index]?.[2] ?? 0) / load])
    const own = ['memory of an isolate', 'connections of a read']
    expect(factors?.length).toBeGreaterThan(4)
    for (const [part, factor] of factors ?? [])
      expect([part, factor]).toEqual([part, expect.closeTo(own.includes(String(part)) ? 1 : 2, 9)])
  })

  it('of reports is one a minute for an isolate, whether fallbacks answer or not', () => {
    const reads = LIMITS.objectRequests.value * MEASURED.reportSeconds.value * ASSUMED.readsPerIsolate.value
    for (const fallback of [0, 1]) {
      const series = partsOf({ reads, fallback }).find(([part]) => part === 'TimeSeries')
      expect(series?.[2]).toBeCloseTo(LIMITS.objectRequests.value, 9)
    }
  })
})

it('a month costs what it costs for each read, and a cache saves reads of R2', () => {
  const serving = { reads: 1000, cached: 0, requests: 1, logLines: 0 }
  const cost = costOfReads(serving)
  expect(cost['R2: reads']).toBeCloseTo((1000 * 30 * 86_400 * 0.36) / 1e6, 6)
  expect(total(costOfReads({ ...serving, reads: 2000 }))).toBeCloseTo(2 * total(cost), 6)
  expect(costOfReads({ ...serving, cached: 0.75 })['R2: reads']).toBeCloseTo((cost['R2: reads'] ?? 0) / 4, 6)
})
