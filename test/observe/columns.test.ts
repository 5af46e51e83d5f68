import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnsOf, firstInterval } from '../../src/observe/columns.ts'
import { bucketOf, BUCKETS, quantile } from '../../src/observe/latencies.ts'

const NOW = Date.parse('2026-03-01T12:10:30Z')
const MINUTE = 60_000

describe('columns', () => {
  const at = (minute: number) => Date.parse('2026-03-01T12:00:00Z') / 1000 + minute * 60
  const range = { first: at(5), now: NOW, backends: ['media', 'legacy'] }

  it('are null before anything was counted, and 0 where nothing was', () => {
    const counts = { 'reads/media/reads': 4, 'reads/removed/reads': 1, 'reads//absent': 2 }
    const intervals = [{ at: at(8), counts }]
    const countedSince = at(7) * 1000 + 30_000
    const shown = columnsOf({ what: 'reads', step: 60, intervals, countedSince }, range)
    expect(shown).toEqual({
      at: [5, 6, 7, 8, 9, 10].map(at),
      columns: {
        edge: [null, null, 0, 0, 0, 0],
        absent: [null, null, 0, 2, 0, 0],
        failed: [null, null, 0, 0, 0, 0],
      },
      backends: {
        media: { reads: [null, null, 0, 4, 0, 0] },
        legacy: { reads: [null, null, 0, 0, 0, 0] },
        removed: { reads: [null, null, 0, 1, 0, 0] },
      },
    })
  })

  it('have no latency where no attempt was counted', () => {
    const counts = {
      'health/media/attempts': 4,
      'health/media/errors': 1,
      [`health/media/${bucketOf(8)}`]: 4,
    }
    const recorded = {
      what: 'health',
      step: 60,
      intervals: [{ at: at(9), counts }],
      countedSince: at(8) * 1000,
    } as const
    expect(columnsOf(recorded, { ...range, first: at(8), backends: [] })).toEqual({
      at: [8, 9, 10].map(at),
      columns: {},
      backends: {
        media: { attempts: [0, 4, 0], errors: [0, 1, 0], p50: [null, 7.5, null], p95: [null, 9.8, null] },
      },
    })
  })

  it('are all null if nothing was ever counted', () => {
    const { columns, backends } = columnsOf(
      { what: 'copies', step: 60, intervals: [], countedSince: null },
      range,
    )
    expect(Object.keys(columns)).toEqual(['copied', 'present', 'absent', 'failed', 'bytes'])
    expect(new Set(Object.values(columns).flat())).toEqual(new Set([null]))
    expect(backends).toEqual({})
  })

  it('begin with the oldest interval that the ring keeps, or later if asked', () => {
    expect(firstInterval(60, undefined, NOW)).toBe(at(10 - 1439))
    expect(firstInterval(60, 0, NOW)).toBe(at(10 - 1439))
    expect(firstInterval(60, NOW - MINUTE, NOW)).toBe(at(9))
    expect(
      columnsOf({ what: 'copies', step: 60, intervals: [], countedSince: 0 }, { ...range, first: at(11) }).at,
    ).toEqual([])
  })
})

describe('latencies', () => {
  const bucketsOf = (latencies: readonly number[]) => {
    const buckets = Array.from({ length: BUCKETS }, () => 0)
    for (const latency of latencies) buckets[bucketOf(latency)]! += 1
    return buckets
  }

  it.each([
    [0, 0],
    [2, 0],
    [2.1, 1],
    [5000, 10],
    [5001, 11],
    [60_000, 11],
  ])('of %d ms are counted in bucket %d', (ms, bucket) => {
    expect(bucketOf(ms)).toBe(bucket)
  })

  it('have no quantile if there are none', () => {
    expect(quantile(bucketsOf([]), 0.5)).toBeNull()
  })

  it('of more than the highest bound are shown as that', () => {
    expect(quantile(bucketsOf([30_000]), 0.95)).toBe(5000)
  })

  it('have a quantile in the bucket of the exact one, and never decreasing', () => {
    const latencies = fc.array(fc.nat(6000), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(latencies, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (values, q) => {
        const exact = values.toSorted((a, b) => a - b)[Math.ceil(q * values.length - 1e-9) - 1]!
        const estimate = quantile(bucketsOf(values), q)!
        const bucket = bucketOf(exact)
        // A rounded bound belongs to either side.
        expect([bucket, bucket - 1]).toContain(bucketOf(estimate))
        expect(quantile(bucketsOf(values), 0.995)).toBeGreaterThanOrEqual(estimate)
      }),
    )
  })
})
