import { describe, expect, it } from 'vitest'
import type {
  Backends,
  Backfill,
  Counters,
  Dependence,
  Estimate,
  Series,
  Verification,
} from '../../src/client/client.ts'
import { layoutTreemap } from '../../src/dashboard/parts/treemap-data.ts'
import {
  costsOf,
  describeMonthly,
  describeSize,
  formatUsd,
} from '../../src/dashboard/views/migration/estimate.ts'
import {
  announcement,
  chooseJob,
  chooseResync,
  failureReasons,
  fractionOf,
  progressParts,
  ratesOf,
  skippedReasons,
} from '../../src/dashboard/views/migration/jobs.ts'
import {
  describeReads,
  describeShadows,
  quietOf,
  readsByBackend,
} from '../../src/dashboard/views/migration/reads.ts'
import {
  chooseVerification,
  describeComparison,
  fallbackUse,
  kindCounts,
  resultsOf,
  verdictOf,
} from '../../src/dashboard/views/migration/verifications.ts'
import { placesOf } from '../../src/schemas/compared-with.ts'

const NOW = Date.parse('2026-11-28T12:00:00.000Z')
const at = (secondsFromNow: number): string => new Date(NOW + secondsFromNow * 1000).toISOString()

const COUNTERS: Counters = {
  listed: 0,
  copied: 0,
  present: 0,
  skipped: 0,
  skipped_by: {},
  failed: 0,
  bytes: 0,
}

function backfill(change: Partial<Backfill> = {}): Backfill {
  return {
    id: 'a',
    state: 'running',
    ...COUNTERS,
    rate: 0,
    bytes_rate: 0,
    total: null,
    eta: null,
    started: at(-100),
    started_by: null,
    updated: at(0),
    finished: null,
    prefix: '',
    dry_run: false,
    manifest: null,
    mirror: null,
    max_concurrency: 4,
    max_per_second: null,
    waiting: null,
    backends: { legacy: COUNTERS },
    ...change,
  }
}

describe('a backfill’s progress', () => {
  it('is counts, bytes, rates and the time that is left', () => {
    const job = backfill({
      copied: 58_011,
      present: 3100,
      skipped: 93,
      total: { objects: 62_310, bytes: 418e9, exact: true },
      bytes: 410e9,
      rate: 84.2,
      bytes_rate: 31e6,
      eta: at(780),
    })
    expect(progressParts(job, NOW)).toEqual([
      '61,204 of 62,310 objects',
      '410 GB of 418 GB copied',
      '84 objects/s',
      '31.0 MB/s',
      '13 min left',
    ])
    expect(fractionOf(job)).toBeCloseTo(0.98225, 5)
    expect(announcement(job)).toBe('90 % of the objects are done.')
  })

  it('has no percentage and says “at least” while the sources are being listed', () => {
    const job = backfill({ state: 'listing', copied: 5, total: { objects: 1000, bytes: 2e6, exact: false } })
    expect(progressParts(job, NOW)).toEqual(['5 of at least 1,000 objects', '0 B of at least 2.0 MB copied'])
    expect(fractionOf(job)).toBeNull()
    expect(announcement(job)).toBe('The backfill is listing.')
  })

  it('names no total and no rate that are unknown', () => {
    expect(progressParts(backfill(), NOW)).toEqual(['0 objects', '0 B copied'])
  })

  it('is an average for a job that has ended', () => {
    const job = backfill({ state: 'completed', copied: 50, rate: 0.51, finished: at(0) })
    expect(progressParts(job, NOW)).toEqual([
      '50 objects',
      '0 B copied',
      '0.5 objects/s on average',
      'took 1 min 40 s',
    ])
  })

  it('is complete if there was nothing to do', () => {
    expect(fractionOf(backfill({ total: { objects: 0, bytes: 0, exact: true } }))).toBe(1)
  })

  it('says why objects were skipped', () => {
    const counters = { ...COUNTERS, skipped_by: { gone: 1, tombstoned: 93 } }
    expect(skippedReasons(counters)).toEqual([
      '93 deleted, and stay deleted',
      '1 deleted from the source meanwhile',
    ])
  })

  it('is divided by the time that the last interval has had', () => {
    const series = {
      step: 10,
      at: [100, 110, 120],
      settled: [50, 0, 20],
      failed: [0, 0, 0],
      bytes: [1000, 0, 40],
    }
    expect(ratesOf(series, 124)).toEqual({ objects: [5, 0, 5], bytes: [100, 0, 10] })
  })

  it('groups failures by reason, the most frequent first', () => {
    expect(
      failureReasons([
        { error: 'denied', backend: 'legacy', count: 2, example: 'a' },
        { error: 'timeout', backend: 'legacy', count: 1, example: 'b' },
        { error: 'timeout', backend: 'media', count: 8, example: 'c' },
      ]),
    ).toEqual([
      { error: 'timeout', count: 9, backends: ['legacy', 'media'], example: 'b' },
      { error: 'denied', count: 2, backends: ['legacy'], example: 'a' },
    ])
  })
})

describe('the job that is shown', () => {
  const done = backfill({ id: 'done', state: 'completed' })
  const dry = backfill({ id: 'dry', dry_run: true })
  it('is the open one, else the newest that copied', () => {
    expect(chooseJob([dry, done, backfill({ id: 'open', state: 'paused' })])?.id).toBe('open')
    expect(chooseJob([dry, done])?.id).toBe('done')
    expect(chooseJob([dry])).toBeUndefined()
  })

  it('is no resync of a mirror, which is on the way back', () => {
    const resync = backfill({ id: 'resync', mirror: 'old' })
    const earlier = backfill({ id: 'earlier', mirror: 'old', state: 'completed' })
    expect(chooseJob([resync, done])?.id).toBe('done')
    expect(chooseResync([done, earlier, resync])?.id).toBe('resync')
    expect(chooseResync([earlier, done])?.id).toBe('earlier')
    expect(announcement(earlier)).toBe('The resync is completed.')
  })
})

describe('an estimate', () => {
  const estimate: Estimate = {
    objects: 10,
    bytes: 5e6,
    objects_of_unknown_size: 0,
    operations: {},
    cost_usd: { r2_class_a: 0.05, queue: 0, egress: 1.5, total: 1.55 },
    egress_usd: 1.5,
    egress_unknown: [],
    egress_prices: { legacy: 'Amazon S3' },
    storage_usd_per_month: 0.08,
    prices: { date: '2026-11-23', sources: [] },
  }

  it('has a cost by service', () => {
    expect(costsOf(estimate)).toEqual({
      total: '$1.55',
      services: [
        { label: 'R2 class A operations', amount: '$0.05' },
        { label: 'queue', amount: '$0.00' },
        { label: 'reading from the sources', amount: '$1.50' },
      ],
      unknown: null,
    })
    expect(describeSize(estimate)).toBe('5.0 MB')
    expect(describeMonthly(estimate)).toBe('$0.08')
  })

  it('never shows an unknown price or size as a number', () => {
    const unknown: Estimate = {
      ...estimate,
      objects_of_unknown_size: 4,
      cost_usd: { r2_class_a: 0.05, total: null },
      egress_usd: null,
      egress_unknown: ['legacy'],
      storage_usd_per_month: null,
    }
    const { total, unknown: sentence } = costsOf(unknown)
    expect(total).toBe('at least $0.05')
    expect(sentence).toContain('legacy')
    expect(describeSize(unknown)).toBe('5.0 MB, and 4 of unknown size')
    expect(describeSize({ ...unknown, objects_of_unknown_size: 10 })).toBe('of unknown size')
    expect(describeMonthly(unknown)).toContain('unknown')
  })

  it('does not round a cost to nothing', () => {
    expect(formatUsd(0.004)).toBe('under $0.01')
    expect(formatUsd(0)).toBe('$0.00')
  })
})

describe('a verification', () => {
  const job: Verification = {
    id: 'v',
    direction: 'detach',
    state: 'completed',
    compared: 100,
    equal: 90,
    missing: 2,
    different: 0,
    extra: 0,
    changed: 0,
    damaged: 0,
    repaired: 0,
    unrecorded: 0,
    conditions: [],
    certificate: null,
    tombstoned: 5,
    equal_by_size: 1,
    left_out: { excluded: 3, prefix: 1, unlistable: 1 },
    prefix: 'photos/',
    deep: false,
    check_copies: false,
    repair: false,
    max_per_second: null,
    accepted: [],
    primary: 'media',
    fallbacks: ['media_kv', 'legacy'],
    passes: 2,
    as_of: null,
    coverage: 0.95,
    prefixes: [],
    safe_to_detach: false,
    reasons: ['2 objects are missing from media'],
    waiting: null,
    started: at(-60),
    started_by: 'ops',
    updated: at(0),
    finished: at(0),
  }

  it('is watched while it runs, and else is the last that was completed', () => {
    const cancelled = { ...job, id: 'cancelled', state: 'cancelled' } as const
    const running = { ...job, id: 'running', state: 'running' } as const
    expect(chooseVerification([cancelled, job, running])?.id).toBe('running')
    expect(chooseVerification([cancelled, job])?.id).toBe('v')
    expect(chooseVerification([cancelled])).toBeUndefined()
  })

  it('has a verdict only when it has ended', () => {
    expect(verdictOf(job).title).toBe('Not safe to detach media_kv and legacy')
    expect(verdictOf({ ...job, safe_to_detach: true }).title).toBe('Safe to detach media_kv and legacy')
    expect(verdictOf({ ...job, state: 'running' }).tone).toBe('accent')
    expect(verdictOf({ ...job, state: 'cancelled', safe_to_detach: true }).title).toContain('cancelled')
  })

  it('counts the kinds of differences', () => {
    expect(kindCounts(job)).toEqual([
      { kind: 'missing', count: 2 },
      { kind: 'left_out', count: 3 },
      { kind: 'equal_by_size', count: 1 },
    ])
  })

  it('says what was compared', () => {
    expect(describeComparison(job)).toBe(
      'The names that begin with “photos/” of media_kv and legacy were compared with media, by size and known digests.',
    )
    expect(describeComparison({ ...job, deep: true, prefix: '', as_of: at(0) })).toMatch(
      /^All names .* by their bytes\. .* when the last of 2 passes began\.$/,
    )
  })

  it.each(['detach', 'rollback'] as const)('says where objects are on paper, too: %s', (direction) => {
    for (const [, meaning] of resultsOf({ ...job, direction })) expect(meaning).not.toMatch(/\bhere\b/)
  })

  const kv = { name: 'kv', type: 'kv', read_only: false }
  const r2 = { name: 'r2', type: 'r2', read_only: false }
  const legacy = { name: 'legacy', type: 's3', read_only: true }
  const old = { name: 'old', type: 'http', read_only: true }
  const mirror = { name: 'mirror', type: 's3', read_only: false, mirror: true }
  const spare = { name: 'spare', type: 's3', read_only: false, mirror: 'keep-deleted' }

  it.each([
    // What was compared, not what the chain is now: with another fallback behind it, `r2` would store what is too large.
    [[kv, r2], 'kv', ['r2'], 'detach', ['kv']],
    [[kv, r2, legacy], 'kv', ['legacy'], 'detach', ['kv', 'r2']],
    [[r2, kv, legacy], 'r2', ['kv', 'legacy'], 'detach', ['r2']],
    [[old, r2, legacy], 'r2', ['legacy'], 'detach', ['old', 'r2']],
    [[kv, r2, mirror, spare, legacy], 'kv', ['spare'], 'rollback', ['kv', 'r2']],
    [[], 'kv', ['r2'], 'detach', ['kv']],
  ] as const)('says with what: case %#', (backends, primary, fallbacks, direction, places) => {
    const configuration = { backends: [...backends], migration: true, deletes: 'tombstone' }
    const signed = {
      issued: at(0),
      deployment: 'd',
      current: false,
      algorithm: null,
      key_id: null,
      signature: null,
    }
    const compared = { ...job, primary, fallbacks: [...fallbacks], direction }
    const certificate = backends.length > 0 ? { ...signed, configuration } : null
    expect(placesOf({ ...compared, certificate })).toEqual(places)
  })
})

describe('the last use of a fallback', () => {
  const chain = { migration: true, deletes: 'tombstone', warnings: [], backends: [] } satisfies Backends

  it.each([
    [{}, null],
    [{ last_fallback_read: null, counted_since: null }, '–'],
    [{ last_fallback_read: null, counted_since: at(-86_400) }, '1 d'],
    [{ last_fallback_read: { at: at(-3 * 86_400), name: 'a', backend: 'legacy' } }, '3 d'],
  ])('of %j is %s', (known: Partial<Backends>, figure) => {
    expect(fallbackUse({ ...chain, ...known }, NOW)?.figure ?? null).toBe(figure)
  })
})

describe('reads by backend', () => {
  const reads = (known: number, length = 1440): Series => ({
    what: 'reads',
    step: 60,
    counted_since: null,
    at: Array.from({ length }, (_, index) => 1_795_806_180 + index * 60),
    columns: { edge: Array.from({ length }, () => 0), absent: [], failed: [] },
    backends: {
      legacy: { reads: Array.from({ length }, (_, index) => (index < length - known ? null : 1)) },
      media: { reads: Array.from({ length }, (_, index) => (index < length - known ? null : 10)) },
      removed: { reads: Array.from({ length }, () => 0) },
    },
  })

  it('puts the primary at the bottom, and leaves out what nothing was read from', () => {
    const { series } = readsByBackend(reads(1440), ['media', 'legacy'])
    expect(series.map(({ label }) => label)).toEqual(['media', 'legacy'])
  })

  it('sums intervals that begin at multiples of their length', () => {
    const { at, interval, series } = readsByBackend(reads(1440), ['media', 'legacy'])
    expect(interval).toBe(300)
    expect(at.every((time) => time % 300 === 0)).toBe(true)
    expect(series[0]?.values.every((value) => value === 50)).toBe(true)
    expect(series[0]?.values).toHaveLength(at.length)
  })

  it('begins when counting began, by the minute while that is recent', () => {
    const { at, interval, series } = readsByBackend(reads(5), ['media', 'legacy'])
    expect(interval).toBe(60)
    expect(at).toHaveLength(15)
    expect(series[1]?.values).toEqual([...Array.from({ length: 12 }, () => null), 1, 1, 1])
  })
})

describe('reads over longer times', () => {
  const quarters = (step: number, length: number): Series => ({
    what: 'reads',
    step,
    counted_since: null,
    at: Array.from({ length }, (_, index) => 1_795_824_000 + index * step),
    columns: { edge: [], absent: [], failed: [] },
    backends: { media: { reads: Array.from({ length }, () => 1) } },
  })

  it.each([
    ['a week in hours', 900, 672, 3600, 4],
    ['a year in days', 86_400, 365, 86_400, 1],
  ])('are shown for %s', (_, step, length, shown, sum) => {
    const { interval, series, at } = readsByBackend(quarters(step, length), ['media'])
    expect([interval, series[0]?.values[0]]).toEqual([shown, sum])
    // Without the last one, which is not over.
    expect(at).toHaveLength((length * step) / shown - 1)
  })
})

describe('what still needs a fallback', () => {
  const fallback = (change: Partial<Dependence['fallbacks'][number]>): Dependence['fallbacks'][number] => ({
    name: 'legacy',
    role: 'fallback',
    reads: { hour: 0, day: 0, week: 0 },
    share: 0,
    last_read: null,
    quiet_days: 0,
    prefixes: [],
    ...change,
  })
  const last = { at: at(-100), name: 'a' }

  it.each([
    [{ quiet_days: null }, '–', 'nothing was counted yet', 'idle'],
    [{ quiet_days: 0, last_read: last }, '0 days', 'without a read', 'warn'],
    [{ quiet_days: 1, last_read: last }, '1 day', 'without a read', 'idle'],
    [{ quiet_days: 30 }, '30 days', 'of counting, without a read', 'good'],
  ] as const)('is a number of days: %j', (change, figure, text, tone) => {
    expect(quietOf(fallback(change))).toEqual({ figure, text, tone })
  })

  it.each([
    [{}, 'No read in the last week.'],
    [
      { reads: { hour: 1, day: 1, week: 2310 }, share: 0.0001 },
      '1 read in the last hour, 1 in a day (less than 0.1 % of all), 2,310 in a week',
    ],
    [{ reads: { hour: 0, day: 0, week: 3 } }, '0 reads in the last hour, 0 in a day, 3 in a week'],
  ])('is a number of reads: %j', (change, text) => {
    expect(describeReads(fallback(change))).toBe(text)
  })

  it.each([
    [0, 0, 0, 'idle', 'FALLBACK_SHADOW_PERCENT is 0'],
    [1, 0, 0, 'idle', 'No copy was compared'],
    [1, 1, 0, 'good', '1 copy of the last week was compared with the source on read: all are the same.'],
    [0, 20, 3, 'bad', '20 copies of the last week were compared with the source on read: 3 differed.'],
  ])(
    'is what shadow reads found: %d %%, %d compared, %d differed',
    (percent, shadowed, mismatched, tone, text) => {
      const answer = { shadow_percent: percent, shadowed, mismatched } as Dependence
      expect(describeShadows(answer)).toMatchObject({ tone, text: expect.stringContaining(text) as string })
    },
  )
})

describe('the treemap', () => {
  const part = (index: number, objects: number) => ({ prefix: `p${index}/`, objects, covered: objects / 2 })

  it('has areas in proportion to the objects', () => {
    const tiles = layoutTreemap([part(0, 25), part(1, 75), part(2, 0)])
    expect(tiles.map(({ prefix }) => prefix)).toEqual(['p1/', 'p0/'])
    const [large, small] = tiles.map(({ width, height }) => width * height)
    expect(large).toBeCloseTo(7500)
    expect(small).toBeCloseTo(2500)
  })

  it('gathers the smallest prefixes in one tile', () => {
    const tiles = layoutTreemap(Array.from({ length: 100 }, (_, index) => part(index, index + 1)))
    // Those with less than 1 % of 5,050.
    expect(tiles.find(({ prefixes }) => prefixes > 1)).toMatchObject({ prefixes: 50, objects: (50 * 51) / 2 })
    expect(tiles).toHaveLength(51)
    expect(tiles.reduce((sum, { objects }) => sum + objects, 0)).toBe(5050)
  })

  it('keeps apart what was counted for all further folders', () => {
    const few = { prefix: '…', objects: 1, covered: 1 }
    const tiles = layoutTreemap([few, ...Array.from({ length: 100 }, (_, index) => part(index, 2))])
    expect(tiles.find(({ prefix }) => prefix === '…')).toMatchObject({ prefixes: 1, objects: 1 })
  })

  it('is empty without objects', () => {
    expect(layoutTreemap([])).toEqual([])
  })
})
