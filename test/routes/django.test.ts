import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { type DjangoChain, djangoChain, type Kinds } from './django-chains.ts'

// The behaviours of the Django original's own test suite, over HTTP, for each pair of backends and in both modes.

const PAIRS: Record<string, Kinds> = {
  'R2 over HTTP': ['r2', 'http'],
  'R2 over KV': ['r2', 'kv'],
  'KV over R2': ['kv', 'r2'],
}
const CASES = Object.entries(PAIRS).flatMap(([title, kinds]) => [
  { title, kinds, mode: 'not migrating', migration: false },
  { title, kinds, mode: 'migrating', migration: true },
])

afterEach(async () => {
  await reset()
})

describe.each(CASES)('$title, $mode', ({ kinds, migration }) => {
  it('answers that an object in neither is absent', async () => {
    const { request } = djangoChain(kinds, { migration })
    expect((await request('/-/api/open/none.txt')).status).toBe(404)
  })

  it('opens an object in both from the first', async () => {
    const { first, second, request } = djangoChain(kinds, { migration })
    await first.put('a.txt', 'from the first')
    await second.put('a.txt', 'from the second')
    expect(await (await request('/-/api/open/a.txt')).text()).toBe('from the first')
  })

  it('saves to the first only', async () => {
    const { first, second, json } = djangoChain(kinds, { migration })
    expect(await json('save/a.txt', { method: 'POST', body: 'saved' })).toEqual({ name: 'a.txt' })
    expect([await first.read('a.txt'), await second.read('a.txt')]).toEqual(['saved', null])
  })

  it('reports that a name exists if any backend has it', async () => {
    const { first, second, json } = djangoChain(kinds, { migration })
    await first.put('1.txt', '1')
    await second.put('2.txt', '2')
    const exists = async (name: string) => (await json(`exists/${name}`))['exists']
    expect([await exists('1.txt'), await exists('2.txt'), await exists('3.txt')]).toEqual([true, true, false])
  })

  it('deletes from the first and leaves the second alone', async () => {
    const { first, second, request } = djangoChain(kinds, { migration, deletes: 'first' })
    await first.put('a.txt', '1')
    await second.put('a.txt', '2')
    expect((await request('/-/api/delete/a.txt', { method: 'DELETE' })).status).toBe(204)
    expect([await first.read('a.txt'), await second.read('a.txt')]).toEqual([null, '2'])
    expect((await request('/-/api/size/a.txt')).status).toBe(200)
  })

  it('keeps objects deleted with tombstones, even if the second still has them', async () => {
    const { first, second, request, json } = djangoChain(kinds, { migration, deletes: 'tombstone' })
    await first.put('a.txt', '1')
    await second.put('a.txt', '2')
    await request('/-/api/delete/a.txt', { method: 'DELETE' })
    expect((await request('/-/api/open/a.txt')).status).toBe(404)
    expect((await json('exists/a.txt'))['exists']).toBe(false)
    expect((await json('listdir/'))['files']).toEqual([])
    expect(await first.read('a.txt')).toContain('this name is deleted')
    expect(await second.read('a.txt')).toBe('2')
  })

  it('lists the union of both', async () => {
    const { first, second, json } = djangoChain(kinds, { migration })
    for (const name of ['both.txt', 'first.txt', 'd/1.txt', 'shared/1.txt']) await first.put(name, '1')
    for (const name of ['both.txt', 'second.txt', 'e/2.txt', 'shared/2.txt']) await second.put(name, '2')
    expect(await json('listdir/')).toMatchObject({
      directories: ['d', 'e', 'shared'],
      files: ['both.txt', 'first.txt', 'second.txt'],
      degraded: [],
    })
    expect((await json('listdir/shared'))['files']).toEqual(['1.txt', '2.txt'])
  })

  it('returns the size from the first that has it', async () => {
    const { first, second, json } = djangoChain(kinds, { migration })
    await first.put('both.txt', '1')
    await second.put('both.txt', '22')
    await second.put('second.txt', '333')
    expect([(await json('size/both.txt'))['size'], (await json('size/second.txt'))['size']]).toEqual([1, 3])
  })
})

describe.each(Object.entries(PAIRS))('%s, not migrating', (_, kinds) => {
  it('opens an object that only the second has, and copies nothing', async () => {
    const { first, second, request } = djangoChain(kinds, { migration: false })
    await second.put('a.txt', 'stays')
    expect(await (await request('/-/api/open/a.txt')).text()).toBe('stays')
    await scheduler.wait(50)
    expect(await first.read('a.txt')).toBeNull()
  })

  it('makes the URL in the file’s backend, and in the second one for a missing file', async () => {
    expect(await urlsOf(djangoChain(kinds, { migration: false }))).toEqual([
      'https://first.example/first.txt',
      'https://second.example/second.txt',
      'https://first.example/saved.txt',
      'https://second.example/missing.txt',
    ])
  })
})

describe.each(Object.entries(PAIRS))('%s, migrating', (_, kinds) => {
  it('opens an object that only the second has, copies it to the first and does not change the second', async () => {
    const { first, second, request } = djangoChain(kinds, { migration: true })
    await second.put('d/a.txt', 'to be copied')
    expect(await (await request('/-/api/open/d/a.txt')).text()).toBe('to be copied')
    await expect.poll(() => first.read('d/a.txt')).toBe('to be copied')
    expect(await second.read('d/a.txt')).toBe('to be copied')
  })

  it('makes every URL in the first', async () => {
    expect(await urlsOf(djangoChain(kinds, { migration: true }))).toEqual([
      'https://first.example/first.txt',
      'https://first.example/second.txt',
      'https://first.example/saved.txt',
      'https://first.example/missing.txt',
    ])
  })
})

/** The URLs of a file in the first, one in the second, one just saved, and a missing one. */
async function urlsOf({ first, second, json }: DjangoChain): Promise<unknown[]> {
  await first.put('first.txt', '1')
  await second.put('second.txt', '2')
  await json('save/saved.txt', { method: 'POST', body: 'saved' })
  const urls: unknown[] = []
  for (const name of ['first', 'second', 'saved', 'missing'])
    urls.push((await json(`url/${name}.txt`))['url'])
  return urls
}
