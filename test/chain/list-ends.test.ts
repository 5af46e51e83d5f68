import { expect, it } from 'vitest'
import { mergeList } from '../../src/chain/merge-list.ts'
import { filteredBackend } from './list-backends.ts'

it('a listing ends if two backends have tombstones that hide most of their objects', async () => {
  const backends = [
    await filteredBackend('first', [], 3),
    await filteredBackend('second', [{ name: 'a' }], 3),
  ]
  const names: string[] = []
  let cursor: string | null | undefined
  for (let pages = 0; cursor !== null; pages++) {
    expect(pages).toBeLessThan(50)
    const page = await mergeList(backends, {
      cursorKey: 'secret',
      tombstones: true,
      limit: 2,
      ...(cursor !== undefined && { cursor }),
    })
    names.push(...page.objects.map(({ name }) => name))
    cursor = page.cursor
  }
  expect(names).toEqual(['a'])
})
