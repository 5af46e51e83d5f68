import { describe, expect, it } from 'vitest'
import { mergeList } from '../../src/chain/merge-list.ts'
import type { ListableBackend, ListOptions, ListPage } from '../../src/storage/backend.ts'
import { rollUp } from '../../src/storage/roll-up.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import { asR2, memoryBackend } from '../kit/memory.ts'
import { afterBackend, cursorBackend, failing } from './list-backends.ts'
import { entries, names, walk } from './list-walk.ts'

const cursorKey = 'secret'
const WARNING = { name: 'other', error: 'unavailable', detail: expect.stringContaining('not the order of') }

/** A server that ignores case, and by default compares also what it lists after in its own order. */
function ignoringCase(
  held: readonly string[],
  isAfter = (name: string, after: string): boolean => folded(name) > folded(after),
): ListableBackend {
  const backend = memoryBackend('other')
  return {
    ...backend,
    type: 's3',
    async list({ limit = 1000, after, cursor }: ListOptions = {}): Promise<ListPage> {
      const start = cursor ?? after
      const left = held
        .toSorted((a, b) => (folded(a) < folded(b) ? -1 : 1))
        .filter((name) => start === undefined || isAfter(name, start))
      const page = left.slice(0, limit)
      return {
        objects: page.map((name) => ({ name, backend: 'other', size: 1 })),
        directories: [],
        ...(left.length > limit && { cursor: page.at(-1) ?? '' }),
      }
    },
  }
}

function folded(name: string): string {
  return name.toLowerCase()
}

describe('a backend that does not list in the order of bytes', () => {
  const held = ['a', 'B', 'c', 'D', 'e', 'F']

  it('is sorted while one page has all of it', async () => {
    const page = await mergeList([ignoringCase(held), await afterBackend('b', [{ name: 'C' }])], {
      cursorKey,
    })
    expect(entries(page)).toEqual(['B', 'C', 'D', 'F', 'a', 'c', 'e'])
    expect(page).toMatchObject({ cursor: null, degraded: [], failures: [] })
  })

  it('is named in the page where a name comes too late', async () => {
    const pages = await walk([ignoringCase(held)], { cursorKey, limit: 3 })
    const listed = pages.flatMap(entries)
    expect(listed.length).toBeLessThan(held.length)
    expect(pages.flatMap(({ degraded }) => degraded)).toContainEqual(WARNING)
    expect(pages.flatMap(({ failures }) => failures)).toContainEqual(
      expect.objectContaining({ backend: 'other' }),
    )
  })

  it('is named if it would never list the names that it leaves out', async () => {
    const inBytes = (name: string, after: string): boolean => name > after
    const pages = await walk([ignoringCase(held, inBytes)], { cursorKey, limit: 4 })
    expect(pages.flatMap(entries)).not.toContain('F')
    expect(pages[0]?.degraded).toEqual([WARNING])
  })

  it('names R2 where it lists another spelling than the one it sorts by', async () => {
    const r2 = asR2({ ...memoryBackend('r2'), name: 'other' })
    for (const name of ['x', 'y', 'z', 'e\u0301']) await r2.put(name, new Uint8Array())
    expect(entries(await mergeList([r2], { cursorKey }))).toEqual(['e\u0301', 'x', 'y', 'z'])
    const pages = await walk([r2], { cursorKey, limit: 3 })
    expect(pages.flatMap(entries)).toEqual(['x', 'y', 'z'])
    expect(pages.flatMap(({ degraded }) => degraded)).toEqual([
      { ...WARNING, detail: expect.stringContaining('lists "e\u0301" after "z"') },
    ])
  })

  it('does not name R2 where such a name is the last of a page', async () => {
    const r2 = asR2(memoryBackend('r2'))
    for (const name of ['x', 'y', 'z', 'e\u0301', '\u00e9z']) await r2.put(name, new Uint8Array())
    const pages = await walk([r2], { cursorKey, limit: 4 })
    expect(pages.map(entries)).toEqual([['e\u0301', 'x', 'y', 'z'], ['\u00e9z']])
    expect(pages.flatMap(({ degraded }) => degraded)).toEqual([])
  })

  it('does not name R2 where it lists such a name again after it was listed in its place', async () => {
    const r2 = asR2(memoryBackend('r2'))
    for (const name of ['x', 'y', 'z', 'e\u0301']) await r2.put(name, new Uint8Array())
    const backends = [r2, await afterBackend('b', [{ name: 'f' }, { name: 'g' }, { name: 'zz' }])]
    for (const tombstones of [false, true])
      for (const limit of [1, 2, 3, 4, 5]) {
        const pages = await walk(backends, { cursorKey, limit, tombstones })
        const isComplete = pages.flatMap(entries).includes('e\u0301')
        const isNamed = pages.some(({ degraded }) => degraded.length > 0)
        expect({ limit, tombstones, isNamed }).toEqual({ limit, tombstones, isNamed: !isComplete })
      }
  })

  it('does not name R2 in a part of the bucket that was listed before such a name', async () => {
    const r2 = asR2(memoryBackend('r2'))
    for (const name of ['x', 'y', 'z', 'e\u0301']) await r2.put(name, new Uint8Array())
    const backends = [withFilter(r2, { exclude: /^none/ }), await afterBackend('b', [{ name: 'f' }])]
    const page = await mergeList(backends, { cursorKey, delimiter: '/' })
    expect(entries(page)).toEqual(['e\u0301', 'f', 'x', 'y', 'z'])
    expect(page.degraded).toEqual([])
  })

  it('loses nothing of a page that is rolled up for it', async () => {
    const list = (): Promise<ListPage> =>
      Promise.resolve({
        objects: ['a/1', 'a-b', 'a/2'].map((name) => ({ name, backend: 'other' })),
        directories: [],
      })
    expect(await rollUp(list, { delimiter: '/' })).toMatchObject({
      objects: [{ name: 'a-b' }],
      directories: ['a/'],
    })
  })

  it('is named where it is rolled up, and a page begins before the one before it ended', async () => {
    const other = ignoringCase(held)
    const byThree: ListableBackend = { ...other, list: (options) => other.list({ ...options, limit: 3 }) }
    const page = await mergeList([withFilter(byThree, { exclude: /^none/ })], { cursorKey, delimiter: '/' })
    expect(entries(page)).toContain('B')
    expect(page.degraded).toEqual([WARNING])
  })

  it('is asked for the page after an empty one, where it is rolled up', async () => {
    const asked: ListOptions[] = []
    const list = async (options: ListOptions): Promise<ListPage> => {
      asked.push(options)
      const number = asked.length
      const objects = number === 1 || number === 4 ? [{ name: `a${number}/1`, backend: 'other' }] : []
      return { objects, directories: [], ...(number < 4 && { cursor: `page ${number + 1}` }) }
    }
    const page = await rollUp(list, { delimiter: '/', jumps: true })
    expect(page.directories).toEqual(['a1/', 'a4/'])
    expect(asked.slice(2).map(({ cursor }) => cursor)).toEqual(['page 3', 'page 4'])
  })
})

it('a backend that failed, and is listed where it stopped, is not taken for one out of order', async () => {
  const backends = [
    failing(await cursorBackend('a', names(4, 'a'), 2), (call) => call === 1),
    await cursorBackend('b', names(9, 'a'), 2),
  ]
  const pages = await walk(backends, { cursorKey, limit: 2 })
  expect(pages.flatMap(({ degraded }) => degraded.map(({ detail }) => detail))).toEqual(['answered 503'])
})
