import { describe, expect, it } from 'vitest'
import { formatAgo, formatBytes, formatDuration, formatPercent, plural } from '../../src/dashboard/format.ts'

describe('formats', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KB'],
    [31_400, '31.4 KB'],
    [999_499, '999 KB'],
    [999_500, '1.0 MB'],
    [418e9, '418 GB'],
  ])('%s bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  it.each([
    [0, '0 s'],
    [59.6, '1 min'],
    [61, '1 min 1 s'],
    [3600, '1 h'],
    [4800, '1 h 20 min'],
    [200_000, '2 d 7 h'],
  ])('%s seconds as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text)
  })

  it.each([
    [1, '100 %'],
    [0.99999, '99.9 %'],
    [0, '0.0 %'],
  ])('a fraction of %s as %s', (fraction, text) => {
    expect(formatPercent(fraction)).toBe(text)
  })

  it('times that have passed', () => {
    expect([0, 4, 61, 7200, 3 * 86_400].map((seconds) => formatAgo(1e12 - seconds * 1000, 1e12))).toEqual([
      'just now',
      'just now',
      '1 min ago',
      '2 h ago',
      '3 d ago',
    ])
  })

  it('counts with their nouns', () => {
    expect([plural(1, 'object'), plural(1234, 'object'), plural(0, 'copy', 'copies')]).toEqual([
      '1 object',
      '1,234 objects',
      '0 copies',
    ])
  })
})
