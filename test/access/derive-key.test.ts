import { expect, it } from 'vitest'
import { deriveKey } from '../../src/access/derive-key.ts'

it('derives another key from other secrets, in another order, or for another purpose, and never shows a secret', async () => {
  const keys = await Promise.all([
    deriveKey(['first', 'second'], 'one'),
    deriveKey(['second', 'first'], 'one'),
    deriveKey(['firstsecond'], 'one'),
    deriveKey(['first', 'second'], 'other'),
    deriveKey([], 'one'),
  ])
  expect(new Set(keys).size).toBe(keys.length)
  expect(await deriveKey(['first', 'second'], 'one')).toBe(keys[0])
  for (const key of keys) expect(key).toMatch(/^[\w-]{43}$/)
})
