import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseHttpDate, wholeSeconds } from '../../src/http/date.ts'

describe('parseHttpDate()', () => {
  it('reads what toUTCString() writes, to the second', () => {
    const date = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    fc.assert(
      fc.property(date, (written) => {
        const read = parseHttpDate(written.toUTCString())
        expect(read && wholeSeconds(read)).toBe(wholeSeconds(written))
      }),
    )
  })

  it.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', '1994-11-06T08:49:37.000Z'],
    ['Sunday, 06-Nov-94 08:49:37 GMT', '1994-11-06T08:49:37.000Z'],
    ['Sun Nov  6 08:49:37 1994', '1994-11-06T08:49:37.000Z'],
    ['Friday, 01-Jan-27 00:00:00 GMT', '2027-01-01T00:00:00.000Z'],
    ['Thu, 29 Feb 2024 00:00:00 GMT', '2024-02-29T00:00:00.000Z'],
    // A leap second.
    ['Sat, 31 Dec 2016 23:59:60 GMT', '2017-01-01T00:00:00.000Z'],
  ])('reads %s', (text, iso) => {
    expect(parseHttpDate(text)?.toISOString()).toBe(iso)
  })

  it.each([
    '',
    '0',
    '-1',
    'now',
    '2024-05-01T12:00:00Z',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Thu, 29 Feb 2023 00:00:00 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'sun, 06 nov 1994 08:49:37 gmt',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
  ])('does not accept %o as a date', (text) => {
    expect(parseHttpDate(text)).toBeUndefined()
  })
})
