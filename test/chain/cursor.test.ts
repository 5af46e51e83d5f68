import { describe, expect, it } from 'vitest'

import { openCursor, sealCursor } from '../../src/chain/cursor.ts'
import type { CursorBinding, ListState } from '../../src/chain/cursor.ts'

const binding: CursorBinding = { key: 'a secret', query: '["photos/","/"]', chain: '["media","legacy"]' }
const state: ListState = {
  last: 'photos/😀/"é".jpg',
  positions: [
    { state: 'open' },
    { state: 'open', cursor: 'ünd', skip: 3, ahead: 'photos/z' },
    { state: 'done' },
  ],
}

describe('a cursor', () => {
  it('contains the state that was put in', async () => {
    const cursor = await sealCursor(state, binding)
    expect(cursor).toMatch(/^[\w-]+$/)
    expect(await openCursor(cursor, binding)).toEqual(state)
  })

  it('is refused when any one character is changed', async () => {
    const cursor = await sealCursor(state, binding)
    for (let index = 0; index < cursor.length; index++) {
      const other = cursor[index] === 'A' ? 'B' : 'A'
      const changed = cursor.slice(0, index) + other + cursor.slice(index + 1)
      await expect(openCursor(changed, binding)).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringContaining('changed'),
      })
    }
  })

  it('is refused wherever it is cut', async () => {
    const cursor = await sealCursor(state, binding)
    for (let length = 0; length < cursor.length; length++) {
      await expect(openCursor(cursor.slice(0, length), binding)).rejects.toMatchObject({ code: 'invalid' })
    }
    await expect(openCursor(cursor.slice(0, 40), binding)).rejects.toThrow('cut short')
  })

  it('has one spelling: unused bits of its last character cannot be changed', async () => {
    const spellings = await Promise.all(
      ['', 'a', 'ab'].map(async (last) => sealCursor({ last, positions: [] }, binding)),
    )
    for (const cursor of spellings.filter(({ length }) => length % 4 !== 0)) {
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
      const next = alphabet[(alphabet.indexOf(cursor.at(-1) ?? '') + 1) % 64]
      await expect(openCursor(cursor.slice(0, -1) + next, binding)).rejects.toMatchObject({ code: 'invalid' })
    }
  })

  it.each([
    ['another deployment', { key: 'another secret' }, 'comes from another deployment'],
    ['another query', { query: '["photos/",null]' }, 'belongs to another listing'],
    ['a chain that has changed since', { chain: '["media"]' }, 'outdated: the backends have changed'],
  ])('of %s is refused and says so', async (_, other, message) => {
    const cursor = await sealCursor(state, { ...binding, ...other })
    await expect(openCursor(cursor, binding)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(message),
    })
  })

  it.each(['', ' ', '0', 'null', 'AAAA', '💥', 'a/b+c=', '%00', 'eyJsYXN0IjoiYSJ9'])(
    'is not %j',
    async (text) => {
      await expect(openCursor(text, binding)).rejects.toMatchObject({ code: 'invalid' })
    },
  )
})
