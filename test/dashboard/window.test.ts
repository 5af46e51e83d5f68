import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { moveTo, renderedRows, ROW_HEIGHT, rowsInView } from '../../src/dashboard/views/browse/window.ts'

const viewports = fc.record({
  top: fc.integer({ min: -2000, max: 10_000_000 }),
  height: fc.integer({ min: 200, max: 2000 }),
})
const counts = fc.integer({ min: 0, max: 200_000 })

describe('the window of a long list', () => {
  it('contains every row in the viewport, and on screens of up to 2,000 pixels never more than 60 rows', () => {
    fc.assert(
      fc.property(
        viewports,
        counts,
        fc.nat(200_000),
        fc.constantFrom(0, 264),
        ({ top, height }, count, active, overscan) => {
          const range = rowsInView({ top, height }, count, overscan)
          const rows = renderedRows(range, active, count)
          expect(rows.length).toBeLessThanOrEqual(60)
          const first = Math.max(0, Math.floor(top / ROW_HEIGHT))
          const last = Math.min(count, Math.ceil((top + height) / ROW_HEIGHT))
          for (let row = first; row < last; row += 1) expect(rows).toContain(row)
        },
      ),
    )
  })

  it('contains the active row wherever it is, once, and in order', () => {
    fc.assert(
      fc.property(viewports, counts, fc.nat(200_000), (viewport, count, active) => {
        const rows = renderedRows(rowsInView(viewport, count), active, count)
        expect(rows.filter((row) => row === active)).toHaveLength(active < count ? 1 : 0)
        expect(rows).toEqual(rows.toSorted((a, b) => a - b))
      }),
    )
  })

  it('moves by several rows at once, so that most scrolled pixels render nothing', () => {
    const ranges = Array.from({ length: 44 * 60 }, (_, top) => rowsInView({ top, height: 800 }, 10_000))
    expect(new Set(ranges.map(({ start, end }) => `${start}-${end}`)).size).toBeLessThanOrEqual(20)
  })

  it.each([
    ['ArrowDown', 5, 6],
    ['ArrowUp', 0, 0],
    ['PageDown', 5, 25],
    ['PageDown', 95, 99],
    ['PageUp', 5, 0],
    ['Home', 50, 0],
    ['End', 50, 99],
    ['ArrowRight', 5, null],
    ['a', 5, null],
  ])('%s moves from row %i to %s', (key, from, to) => {
    expect(moveTo(key, from, { count: 100, perPage: 20 })).toBe(to)
  })

  it('moves by tiles and by lines of tiles in a grid', () => {
    const tiles = { count: 100, perPage: 3, columns: 5 }
    expect([
      moveTo('ArrowRight', 5, tiles),
      moveTo('ArrowDown', 5, tiles),
      moveTo('PageDown', 5, tiles),
    ]).toEqual([6, 10, 20])
  })

  it('is not moved in an empty list', () => {
    expect(moveTo('End', 0, { count: 0, perPage: 20 })).toBeNull()
  })
})
