import { describe, expect, it } from 'vitest'

import { listdir } from '../../src/methods/methods.ts'
import { afterBackend, cursorBackend } from '../chain/list-backends.ts'

const cursorKey = 'secret'

describe('listdir', () => {
  it.each(['photos', 'photos/'])('tells the local names in %s, each once', async (path) => {
    const held = ['photos/', 'photos/b.jpg', 'photos/2024/x.jpg', 'photos/2024-raw/y', 'photos2/z'].map(
      (name) => ({ name }),
    )
    const backends = [
      await afterBackend('a', held),
      await cursorBackend('b', [...held, { name: 'photos/2023/y' }, { name: 'photos/c.jpg', deleted: true }]),
    ]
    expect(await listdir(backends, path, { cursorKey })).toEqual({
      directories: ['2023', '2024', '2024-raw'],
      files: ['b.jpg'],
      cursor: null,
      degraded: [],
    })
  })

  it('begins at the root', async () => {
    const backends = [await afterBackend('a', [{ name: 'a/b' }, { name: 'c' }])]
    expect(await listdir(backends, '', { cursorKey })).toMatchObject({ directories: ['a'], files: ['c'] })
  })
})
