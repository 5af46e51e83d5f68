import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeWords, encodeWord } from '../../src/http/encoded-word.ts'
import { anyCharacter } from '../kit/any-character.ts'
import { NASTY_VALUES } from './tables/nasty-values.ts'

describe('encodeWord()', () => {
  it.each(NASTY_VALUES.map((value) => [value]))('encodes %j as ASCII and decodes it', (value) => {
    expect(encodeWord(value)).toMatch(/^[\t\x20-\x7e]*$/)
    expect(decodeWords(encodeWord(value))).toBe(value)
  })

  it('encodes and decodes every Unicode string', () => {
    const any = fc.oneof(fc.string({ unit: anyCharacter }), fc.string())
    fc.assert(
      fc.property(any, (value) => {
        const headers = new Headers({ 'x-amz-meta-v': encodeWord(value) })
        expect(decodeWords(headers.get('x-amz-meta-v') ?? '')).toBe(value)
      }),
    )
  })

  it('leaves plain ASCII unchanged', () => {
    expect(encodeWord('A picture, "taken" in 2024; 100 %')).toBe('A picture, "taken" in 2024; 100 %')
  })
})

describe('decodeWords()', () => {
  it.each([
    ['=?UTF-8?B?w6k=?=', 'é'],
    ['=?utf-8?b?w6k=?=', 'é'],
    ['=?UTF-8?Q?caf=C3=A9_au_lait?=', 'café au lait'],
    ['=?ISO-8859-1?Q?caf=E9?=', 'café'],
    ['=?UTF-8?B?w6k=?= =?UTF-8?Q?=C3=A9?=', 'éé'],
    ['a =?UTF-8?B?w6k=?= b', 'a é b'],
    ['=?UTF-8?B?w6k=?= b =?UTF-8?B?w6k=?=', 'é b é'],
    ['=?UTF-8?B?not base64?=', '=?UTF-8?B?not base64?='],
    ['=?UTF-8?B?/w==?=', '=?UTF-8?B?/w==?='],
    ['=?klingon?B?w6k=?=', '=?klingon?B?w6k=?='],
    ['=?UTF-8?X?w6k=?=', '=?UTF-8?X?w6k=?='],
    ['plain', 'plain'],
  ])('reads %j as S3 does', (header, value) => {
    expect(decodeWords(header)).toBe(value)
  })
})
