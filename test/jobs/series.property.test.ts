import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createSeries, MAX_POINTS, SERIES_SCHEMA } from '../../src/jobs/backfill/series.ts'
import { sized } from '../kit/sample.ts'
import { inObject } from './jobs.ts'

const report = fc.record({
  // From a page a second to a job that is paused for weeks; a clock may also be set back.
  after: fc.oneof(
    { weight: 6, arbitrary: fc.nat(30) },
    { weight: 2, arbitrary: fc.nat(5_000) },
    { weight: 1, arbitrary: fc.nat(2_000_000) },
    { weight: 1, arbitrary: fc.integer({ min: -20, max: 0 }) },
  ),
  settled: fc.integer({ min: 1, max: 100 }),
  failed: fc.nat(100),
  bytes: fc.nat(5e9),
})
const START = 1_790_000_003

it('loses nothing and stays regular, whatever is reported when', async () => {
  const reports = fc.array(report, { maxLength: 400, size: 'max' })
  await inObject(async ({ storage }) => {
    storage.sql.exec(SERIES_SCHEMA)
    fc.assert(
      fc.property(reports, fc.nat(100_000), (all, idle) => {
        storage.sql.exec('DELETE FROM series')
        const series = createSeries(storage)
        const sums = { settled: 0, failed: 0, bytes: 0 }
        let second = 0
        for (const { after, ...point } of all) {
          second = Math.max(0, second + after)
          series.add(second, point)
          sums.settled += point.settled
          sums.failed += point.failed
          sums.bytes += point.bytes
        }
        const rows = storage.sql.exec('SELECT at FROM series').toArray().length
        expect(rows).toBeLessThanOrEqual(MAX_POINTS)
        const { step, at, ...columns } = series.read(START, second + idle)
        expect(Math.log2(step / 5) % 1).toBe(0)
        expect(at).toEqual(at.map((_, index) => START + index * step))
        expect(at.length).toBeLessThanOrEqual(MAX_POINTS)
        expect(START + second + idle).toBeLessThan((at.at(-1) ?? 0) + step)
        for (const [key, column] of Object.entries(columns)) {
          expect(column).toHaveLength(at.length)
          expect(column.reduce((sum, value) => sum + value, 0)).toBe(sums[key as keyof typeof sums])
        }
      }),
      { numRuns: sized(300, 40) },
    )
  })
})

it('keeps every report in the interval in which it came, and needs no finer intervals than it can keep', async () => {
  await inObject(async ({ storage }) => {
    storage.sql.exec(SERIES_SCHEMA)
    const series = createSeries(storage)
    const point = { settled: 1, failed: 0, bytes: 10 }
    for (let second = 0; second < 1200; second += 5) series.add(second, point)
    expect(series.read(START, 1199)).toMatchObject({ step: 5, settled: Array(240).fill(1) })
    series.add(1200, point)
    series.add(1209, point)
    expect(series.read(START, 1209)).toMatchObject({ step: 10, settled: [...Array(120).fill(2), 2] })
    // Nobody has reported anything for a day: reading changes nothing.
    expect(series.read(START, 86_400).step).toBe(640)
    expect(series.read(START, 1209).step).toBe(10)
  })
})
