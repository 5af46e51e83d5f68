import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { inIntervals } from '../../src/dashboard/parts/intervals.ts'
import {
  drawable,
  isolatedPoints,
  sharesOf,
  stackColumns,
  timeLabels,
} from '../../src/dashboard/parts/plot-data.ts'

describe('plots', () => {
  it('stacks columns and leaves gaps where nothing is known', () => {
    expect(
      stackColumns([
        [1, null, null, 4],
        [10, 20, null, null],
        [null, 200, null, 0],
      ]),
    ).toEqual([
      [1, null, null, 4],
      [11, 20, null, 4],
      [11, 220, null, 4],
    ])
  })

  it('shows errors as shares, with gaps where no request was counted', () => {
    expect(sharesOf([null, 0, 5, 1], [null, 0, 10, 4])).toEqual([null, null, 0.5, 0.25])
    expect(sharesOf([], [4])).toEqual([0])
  })

  it('gives a single time an end, so that its axis is not one of years', () => {
    expect(drawable([100], [[5], [null]])).toEqual([
      [100, 160],
      [5, null],
      [null, null],
    ])
    expect(drawable([100, 105], [[5, 6]])).toEqual([
      [100, 105],
      [5, 6],
    ])
    expect(drawable([], [[]])).toEqual([[], []])
  })

  it('finds the points that a line cannot show', () => {
    expect(isolatedPoints([5, null, 1, 2, null, 0, null, 7])).toEqual([0, 5, 7])
    expect(isolatedPoints([1, 2, 3])).toEqual([])
    expect(isolatedPoints([])).toEqual([])
  })
})

describe('intervals of a plot', () => {
  const MIDNIGHT = 1_795_824_000
  const counted = (step: number, values: (number | null)[], from = MIDNIGHT) => ({
    step,
    at: values.map((_, index) => from + index * step),
    layers: [{ label: 'reads', values }],
  })
  const shown = ({ at, step, layers }: ReturnType<typeof counted>) => inIntervals({ at, step }, layers)

  it.each([
    [
      'the minute that is not over, and the one before, of which isolates still report',
      60,
      [7, 7, 7, 3, 0],
      3,
    ],
    ['the quarter of an hour that is not over', 900, [7, 7, 7, 3], 3],
    ['today', 86_400, [7, 7, 7, 3], 3],
  ])('leave out %s, so that no line falls at its end', (_, step, values, length) => {
    const { at, layers } = shown(counted(step, values))
    expect(layers[0]?.values).toEqual(Array.from({ length }, () => 7))
    expect(at).toHaveLength(length)
  })

  it('are never sums of fewer minutes than the others', () => {
    for (let minutes = 1440; minutes < 1460; minutes++) {
      const values = Array.from({ length: minutes }, (_, index) => (index < minutes - 2 ? 2 : 0))
      const { at, interval, layers } = shown(counted(60, values, MIDNIGHT + 120))
      expect(interval).toBe(300)
      expect(new Set(layers[0]?.values)).toEqual(new Set([10]))
      const latest = MIDNIGHT + 120 + minutes * 60
      // The end of the last one is never longer ago than the interval and the minutes that are left out.
      expect(latest - ((at.at(-1) ?? 0) + interval)).toBeLessThan(300 + 120)
    }
  })

  it('are empty while nothing is complete', () => {
    expect(shown(counted(60, [5])).at).toEqual([])
    expect(shown(counted(60, [])).at).toEqual([])
  })
})

describe('the time axis', () => {
  beforeAll(() => vi.stubEnv('TZ', 'Asia/Kolkata'))
  afterAll(() => vi.unstubAllEnvs())

  it.each([
    ['2026-11-28T18:20:30Z', 30, '23:50:30'],
    ['2026-11-28T18:20:00Z', 300, '23:50'],
    ['2026-11-28T18:30:00Z', 3600, '11-29'],
    ['2026-11-28T18:20:00Z', 86_400, '11-28'],
  ])('labels %s at steps of %i s in local time: %s', (time, increment, text) => {
    expect(timeLabels([Date.parse(time) / 1000], increment)).toEqual([text])
  })
})
