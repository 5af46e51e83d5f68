import { describe, expect, it } from 'vitest'
import type { ListableBackend, ListOptions } from '../../src/storage/backend.ts'
import { compareNames } from '../../src/storage/order.ts'
import { listable, seed } from './conformance-fixtures.ts'
import type { Create, Traits } from './conformance.ts'

const NAMES = [
  'list/a.jpg',
  'list/a/1.jpg',
  'list/a/2.jpg',
  'list/a/b/3.jpg',
  'list/a0',
  'list/b.jpg',
  'list/é.jpg',
  'list/\uffff.jpg',
  'list/😀.jpg',
  'list/😀/4.jpg',
  'other.jpg',
]

export function describeListing(create: Create, traits: Traits): void {
  const filled = async () => {
    const backend = await listable(create)
    for (const name of NAMES) await seed(backend, traits, name)
    return backend
  }

  describe('listing', () => {
    it('is empty if there are no objects', async () => {
      const backend = await listable(create)
      expect(await all(backend, { prefix: 'list/none/' })).toEqual({ objects: [], directories: [] })
    })

    it('gives every name that begins so, in the order of its bytes', async () => {
      const backend = await filled()
      const names = NAMES.filter((name) => name.startsWith('list/')).toSorted(compareNames)
      expect(names.slice(-4)).toEqual(['list/é.jpg', 'list/\uffff.jpg', 'list/😀.jpg', 'list/😀/4.jpg'])
      expect(await all(backend, { prefix: 'list/' })).toEqual({ objects: names, directories: [] })
      expect((await all(backend, { prefix: 'list/a/' })).objects).toEqual([
        'list/a/1.jpg',
        'list/a/2.jpg',
        'list/a/b/3.jpg',
      ])
      expect((await all(backend, { prefix: 'list/a' })).objects.length).toBe(5)
      expect((await all(backend, {})).objects).toContain('other.jpg')
    })

    it.each([1, 2, 3, 1000])('gives each entry once in pages of %i', async (limit) => {
      const backend = await filled()
      const whole = await all(backend, { prefix: 'list/' })
      expect(await all(backend, { prefix: 'list/', limit })).toEqual(whole)
      const rolled = await all(backend, { prefix: 'list/', delimiter: '/' })
      expect(await all(backend, { prefix: 'list/', delimiter: '/', limit })).toEqual(rolled)
    })

    it('rolls directories up', async () => {
      const backend = await filled()
      expect(await all(backend, { prefix: 'list/', delimiter: '/' })).toEqual({
        objects: ['list/a.jpg', 'list/a0', 'list/b.jpg', 'list/é.jpg', 'list/\uffff.jpg', 'list/😀.jpg'],
        directories: ['list/a/', 'list/😀/'],
      })
      expect(await all(backend, { prefix: 'list/a/', delimiter: '/' })).toEqual({
        objects: ['list/a/1.jpg', 'list/a/2.jpg'],
        directories: ['list/a/b/'],
      })
      expect((await all(backend, { delimiter: '/' })).directories).toContain('list/')
    })

    it('has the size of each object', async () => {
      const backend = await filled()
      const page = await backend.list({ prefix: 'list/a.jpg' })
      expect(page.objects).toMatchObject([{ name: 'list/a.jpg', backend: backend.name, size: 10 }])
    })

    describeAfter(filled)
    if (traits.writable && (traits.attributes ?? true)) describeKept(create, traits)
  })
}

function describeAfter(filled: () => Promise<ListableBackend>): void {
  it('begins after a name, if it supports that', async () => {
    const backend = await filled()
    if (!backend.listsAfter) return
    const { objects } = await all(backend, { prefix: 'list/' })
    for (const after of ['list/', 'list/a/2.jpg', 'list/a/zzz', 'list/\uffff.jpg', 'list/😀/4.jpg', 'zzz']) {
      const expected = objects.filter((name) => compareNames(name, after) > 0)
      expect((await all(backend, { prefix: 'list/', after })).objects).toEqual(expected)
      expect((await all(backend, { prefix: 'list/', after, limit: 2 })).objects).toEqual(expected)
    }
  })
}

function describeKept(create: Create, traits: Traits): void {
  it('shows tombstones as deleted, and the validators of copies', async () => {
    const backend = await listable(create)
    const deleted = new Date('2026-02-03T04:05:06.789Z')
    const modified = new Date('2001-02-03T04:05:06.000Z')
    await backend.put?.('kept/1-gone', new Uint8Array(), { info: { deleted } })
    await backend.put?.('kept/2-copy', new Uint8Array(3), {
      info: { etag: '"old"', modified, contentType: 'image/png' },
    })
    const { objects } = await backend.list({ prefix: 'kept/' })
    const kept = { etag: '"old"', modified, contentType: 'image/png' }
    expect(objects).toMatchObject([
      { name: 'kept/1-gone', deleted },
      { name: 'kept/2-copy', size: 3, ...((traits.listsAttributes ?? true) && kept) },
    ])
    expect(objects[1]?.deleted).toBeUndefined()
  })
}

/** Every entry, page by page; fails if a page is longer than requested or a cursor returns nothing new. */
async function all(
  backend: ListableBackend,
  options: ListOptions,
): Promise<{ objects: string[]; directories: string[] }> {
  const objects: string[] = []
  const directories: string[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < 200; pages++) {
    const page = await backend.list({ ...options, ...(cursor !== undefined && { cursor }) })
    expect(page.objects.length + page.directories.length).toBeLessThanOrEqual(options.limit ?? 1000)
    objects.push(...page.objects.map((object) => object.name))
    directories.push(...page.directories)
    cursor = page.cursor
    if (cursor === undefined) return { objects, directories }
  }
  throw new Error('the listing does not end')
}
