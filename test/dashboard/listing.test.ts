import { describe, expect, it } from 'vitest'
import type { ListPage } from '../../src/client/client.ts'
import { createListing, indexOf, keyOf, rowAt } from '../../src/dashboard/views/browse/listing.ts'

function page(names: string[], directories: string[] = [], cursor: string | null = null): ListPage {
  const objects = names.map((name) => ({ name, size: 1, etag: null, modified_time: null, backend: 'legacy' }))
  return { prefix: '', objects, directories, cursor, degraded: [] }
}

/** A listing of these pages, and the cursors that it asked for. */
function listingOf(...pages: ListPage[]) {
  const asked: (string | undefined)[] = []
  const listing = createListing(async (cursor) => {
    asked.push(cursor)
    const found = pages[cursor === undefined ? 0 : Number(cursor)]
    if (!found) throw new Error('no such page')
    return found
  })
  return { listing, asked }
}

describe('a listing', () => {
  it('appends page after page, folders first', async () => {
    const { listing, asked } = listingOf(page(['a', 'c'], ['b/'], '1'), page(['e'], ['d/']))
    await listing.loadMore()
    expect([listing.count.value, listing.hasMore.value]).toEqual([3, true])
    await listing.loadMore()
    expect([listing.count.value, listing.hasMore.value]).toEqual([5, false])
    const entries = listing.entries.value
    expect(
      entries && [0, 1, 2, 3, 4, 5].map((index) => rowAt(entries, index)).map((row) => row && keyOf(row)),
    ).toEqual(['b/', 'd/', 'a', 'c', 'e', undefined])
    expect(asked).toEqual([undefined, '1'])
  })

  it('keeps the active row when folders come in before it', async () => {
    const { listing } = listingOf(page(['a', 'c'], [], '1'), page([], ['d/']))
    await listing.loadMore()
    listing.active.value = 'c'
    expect(listing.activeIndex.value).toBe(1)
    await listing.loadMore()
    expect(listing.activeIndex.value).toBe(2)
  })

  it('tells a folder from an object whose name ends in a slash', async () => {
    const { listing } = listingOf(page(['a/', 'b'], ['c/']))
    await listing.loadMore()
    const entries = listing.entries.value
    expect(entries && [indexOf(entries, 'c/'), indexOf(entries, 'a/'), indexOf(entries, 'x')]).toEqual([
      0, 1, -1,
    ])
  })

  it('keeps what it has when a page fails, and tries that page again', async () => {
    const pages = [page(['a'], [], '1')]
    const { listing, asked } = listingOf(...pages)
    await listing.loadMore()
    await listing.loadMore()
    expect(listing.error.value).toEqual(new Error('no such page'))
    expect(listing.count.value).toBe(1)
    await listing.loadMore()
    expect(asked).toEqual([undefined, '1', '1'])
  })

  it('names each failed backend once', async () => {
    const backends = [{ name: 'legacy', error: 'timeout' as const, detail: 'late' }]
    const degraded = { degraded: ['legacy'], backends }
    const { listing } = listingOf({ ...page(['a'], [], '1'), ...degraded }, { ...page(['b']), ...degraded })
    await listing.loadMore()
    await listing.loadMore()
    expect(listing.entries.value?.degraded).toEqual(backends)
  })

  it('loads all that is shown again, and forgets the selection of what is gone', async () => {
    const pages = [page(['a', 'b'], [], '1'), page(['c'])]
    const { listing, asked } = listingOf(...pages)
    await listing.loadMore()
    await listing.loadMore()
    for (const name of ['a', 'c']) listing.toggle(name)
    listing.selectRange(0, 1)
    expect([...listing.selected.value].toSorted()).toEqual(['a', 'b', 'c'])
    asked.length = 0
    Object.assign(pages, [page(['b'], [], '1'), page(['c'])])
    const again = createListing(async (cursor) => pages[Number(cursor ?? 0)] ?? page([]))
    again.entries.value = listing.entries.value
    again.selected.value = listing.selected.value
    await again.reload()
    expect(again.count.value).toBe(2)
    expect([...again.selected.value].toSorted()).toEqual(['b', 'c'])
  })

  it('takes deleted objects out, and notes which backend answers for moved ones', async () => {
    const { listing } = listingOf(page(['a', 'b', 'c']))
    await listing.loadMore()
    listing.toggle('a')
    listing.toggle('b')
    listing.remove(new Set(['a']))
    listing.move(new Set(['b']), 'media')
    expect(listing.entries.value?.objects.map(({ name, backend }) => [name, backend])).toEqual([
      ['b', 'media'],
      ['c', 'legacy'],
    ])
    expect([...listing.selected.value]).toEqual(['b'])
  })

  it('goes on with the row after a deleted one, and with the last if there is none', async () => {
    const { listing } = listingOf(page(['a', 'b', 'c'], ['f/']))
    await listing.loadMore()
    listing.active.value = 'b'
    listing.remove(new Set(['b']))
    expect(listing.active.value).toBe('c')
    listing.remove(new Set(['c']))
    expect(listing.active.value).toBe('a')
    listing.remove(new Set(['a']))
    expect(listing.active.value).toBe('f/')
  })
})
