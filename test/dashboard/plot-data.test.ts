import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { drawable, isolatedPoints, stackColumns, timeLabels } from '../../src/dashboard/parts/plot-data.ts'

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
