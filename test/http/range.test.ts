import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  contentRange,
  parseContentRange,
  parseRange,
  resolveRange,
  unsatisfiedRange,
} from '../../src/http/range.ts'

const position = fc.nat({ max: 5000 })
const size = fc.integer({ min: 1, max: 5000 })

describe('parseRange()', () => {
  it('reads a first and last byte', () => {
    fc.assert(
      fc.property(position, position, (offset, more) => {
        expect(parseRange(`bytes=${offset}-${offset + more}`)).toEqual({ offset, length: more + 1 })
      }),
    )
  })

  it('reads a first byte, and a number of last bytes', () => {
    expect(parseRange('bytes=7-')).toEqual({ offset: 7 })
    expect(parseRange('bytes=-7')).toEqual({ suffix: 7 })
  })

  it('ignores a header that is not there, or whose last byte comes before its first', () => {
    expect(parseRange(null)).toBeNull()
    expect(parseRange('')).toBeNull()
    expect(parseRange('bytes=2-1')).toBeNull()
  })

  it('returns safe integers, whatever the header', () => {
    const digits = fc.stringMatching(/^\d{0,40}$/)
    const header = fc.oneof(
      fc.string(),
      fc.tuple(digits, digits).map(([first, last]) => `bytes=${first}-${last}`),
    )
    fc.assert(
      fc.property(header, (text) => {
        for (const value of Object.values(parseRange(text) ?? {}))
          expect(Number.isSafeInteger(value) && value >= 0).toBe(true)
      }),
    )
  })

  it('decides on a header of 100,000 blanks or digits at once', () => {
    const started = performance.now()
    for (const filler of [' ', ',', '9', '0', '-', ', ']) parseRange(`bytes=0-${filler.repeat(100_000)}x`)
    expect(performance.now() - started).toBeLessThan(1000)
  })
})

describe('resolveRange()', () => {
  it('returns the bytes that slice() returns', () => {
    fc.assert(
      fc.property(size, position, fc.option(fc.integer({ min: 1, max: 5000 })), (total, offset, length) => {
        const bytes = Array.from({ length: total }, (_, index) => index)
        const wanted = bytes.slice(offset, length === null ? undefined : offset + length)
        const range = resolveRange(length === null ? { offset } : { offset, length }, total)
        const resolved = range === 'unsatisfiable' ? [] : bytes.slice(range.start, range.end + 1)
        expect(resolved).toEqual(wanted)
        expect(range === 'unsatisfiable').toBe(wanted.length === 0)
      }),
    )
  })

  it('returns as many last bytes as there are, and no more', () => {
    fc.assert(
      fc.property(size, fc.integer({ min: 1, max: 9000 }), (total, suffix) => {
        const range = resolveRange({ suffix }, total)
        expect(range).toEqual({ start: Math.max(0, total - suffix), end: total - 1 })
      }),
    )
  })

  it('is the same for a range as for its own Content-Range', () => {
    fc.assert(
      fc.property(size, position, (total, offset) => {
        const range = resolveRange({ offset }, total)
        fc.pre(range !== 'unsatisfiable')
        expect(parseContentRange(contentRange(range, total))).toEqual({ range, size: total })
        expect(resolveRange(parseRange(`bytes=${range.start}-${range.end}`) ?? { suffix: 0 }, total)).toEqual(
          range,
        )
      }),
    )
  })

  it.each([
    [{ suffix: 0 }, 10],
    [{ suffix: 5 }, 0],
    [{ offset: 0 }, 0],
    [{ offset: 10 }, 10],
    [{ offset: 0, length: 0 }, 10],
    [{ offset: Number.MAX_SAFE_INTEGER }, 10],
  ])('finds nothing for %o in %i bytes', (range, total) => {
    expect(resolveRange(range, total)).toBe('unsatisfiable')
  })
})

describe('parseContentRange()', () => {
  it.each([
    ['bytes 0-4/10', { range: { start: 0, end: 4 }, size: 10 }],
    ['bytes 0-4/*', { range: { start: 0, end: 4 } }],
    ['bytes */10', { size: 10 }],
    ['bytes 0-9/10', { range: { start: 0, end: 9 }, size: 10 }],
    ['bytes 0-10/10', null],
    ['bytes 4-0/10', null],
    ['bytes 0-4', null],
    ['items 0-4/10', null],
    ['bytes=0-4/10', null],
    ['', null],
    [null, null],
  ])('reads %o', (header, outcome) => {
    expect(parseContentRange(header)).toEqual(outcome)
  })
})

it('names the size in a 416 if it is known', () => {
  expect(unsatisfiedRange(10)).toBe('bytes */10')
  expect(unsatisfiedRange(undefined)).toBe('bytes */*')
})
