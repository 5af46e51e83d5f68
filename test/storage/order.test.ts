import { expect, it } from 'vitest'
import { compareNames } from '../../src/storage/order.ts'

const names = ['', 'a', 'a/b', 'ab', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '😀', '😀a', '😁']

it('orders names as their UTF-8 bytes', () => {
  const bytes = (name: string) =>
    Array.from(new TextEncoder().encode(name), (byte) => byte.toString(16).padStart(2, '0')).join('')
  const expected = names.toSorted((a, b) => (bytes(a) < bytes(b) ? -1 : 1))
  expect(names.toReversed().toSorted(compareNames)).toEqual(expected)
})

it('differs from the order of JavaScript where pairs meet U+E000–FFFF', () => {
  expect(['\ue000', '😀'].toSorted()).toEqual(['😀', '\ue000'])
  expect(compareNames('😀', '\ue000')).toBeGreaterThan(0)
  expect(compareNames('x😀', 'x😀')).toBe(0)
})
