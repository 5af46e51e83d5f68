import { describe, expect, it } from 'vitest'
import { httpBackend } from '../../src/backends/http/http.ts'
import type { ListOptions } from '../../src/storage/backend.ts'
import { compareNames } from '../../src/storage/order.ts'
import { backendOf } from '../kit/http-origin.ts'

/** Represents a byte that is not UTF-8, as in names encoded in Latin-1. */
const LATIN = '\u{e000}'
const MTIME = 'Wed, 01 May 2024 12:00:00 GMT'

/** A listing as nginx sends it: a line per entry, with the raw bytes of the names on its disk. */
function encode(entries: readonly object[]): Uint8Array<ArrayBuffer> {
  const text = `[\n${entries.map((entry) => JSON.stringify(entry)).join(',\n')}\n]`
  const latin = new TextEncoder().encode(LATIN)
  const bytes: number[] = [...new TextEncoder().encode(text)]
  for (let at = 0; at < bytes.length; at++)
    if (latin.every((byte, index) => bytes[at + index] === byte)) bytes.splice(at, latin.length, 0xe9)
  return Uint8Array.from(bytes)
}

/** An origin with these files that lists like nginx: directories first, each group in arbitrary order. It does not list `unlisted`. */
function originOf(names: readonly string[], unlisted?: string) {
  const paths: string[] = []
  const list = (directory: string): object[] | null => {
    const below = names
      .filter((name) => name.startsWith(directory))
      .map((name) => name.slice(directory.length))
    if (below.length === 0) return null
    const directories = new Set(below.filter((rest) => rest.includes('/')).map((rest) => rest.split('/')[0]))
    const files = below.filter((rest) => !rest.includes('/'))
    return [
      ...[...directories].map((name) => ({ name, type: 'directory', mtime: MTIME })),
      ...files.map((name) => ({ name, type: 'file', mtime: MTIME, size: name.length })),
    ]
  }
  const fetcher = {
    fetch: async (url: string) => {
      const path = decodeURIComponent(new URL(url).pathname.slice('/media/'.length))
      paths.push(path)
      const listing = path === unlisted ? null : list(path)
      return listing ? new Response(encode(listing)) : new Response(null, { status: 404 })
    },
  }
  const backend = httpBackend('old', {
    url: 'https://origin.example/media',
    fetcher,
    listing: 'autoindex-json',
  })
  return { backend, paths }
}

function listingFrom(response: () => Response) {
  return backendOf(response, { listing: 'autoindex-json' }).backend
}

const NAMES = [
  'a.jpg',
  'a/1.jpg',
  'a/b/2.jpg',
  'a/b/c/3.jpg',
  'a0.jpg',
  'a b/x?y#z%.jpg',
  'photos/2023/1.jpg',
  'photos/2024/1.jpg',
  'photos/2024/2.jpg',
  'photos/20.jpg',
  'ü/\u{1f600}.jpg',
  'ü/\ufb01.jpg',
]
const ORDERED = NAMES.toSorted(compareNames)

async function namesOf(names: readonly string[], options: ListOptions): Promise<string[]> {
  const { backend } = originOf(names)
  const found: string[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < 200; pages++) {
    const { after, ...rest } = options
    const position = cursor === undefined ? (after === undefined ? {} : { after }) : { cursor }
    const page = await backend.list?.({ ...rest, ...position })
    found.push(...(page?.objects ?? []).map(({ name }) => name), ...(page?.directories ?? []))
    cursor = page?.cursor
    if (cursor === undefined) return found
  }
  throw new Error('the listing never ends')
}

describe('a listing', () => {
  it.each([1, 2, 3, 1000])('of the tree comes in UTF-8 byte order, in pages of %i', async (limit) => {
    expect(await namesOf(NAMES, { limit })).toEqual(ORDERED)
  })

  it.each(['a', 'a/', 'a/b', 'a/b/', 'photos/20', 'photos/2024/', 'ü/', 'zzz', 'none/'])(
    'below %s has the names with this prefix',
    async (prefix) => {
      const expected = ORDERED.filter((name) => name.startsWith(prefix))
      expect(await namesOf(NAMES, { prefix, limit: 2 })).toEqual(expected)
    },
  )

  it.each(['../', './', 'a/../', 'a/./b', '../../other/'])(
    'below %s is empty: the URL would be that of another directory',
    async (prefix) => {
      const { backend, paths } = originOf(NAMES)
      expect(await backend.list?.({ prefix })).toEqual({ objects: [], directories: [] })
      expect(paths).toEqual([])
    },
  )

  it.each([
    '',
    'a',
    'a.jpg',
    'a/',
    'a/1.jpg',
    'a/b/2.jpg',
    'a/b/zz',
    'a/zz',
    'a0',
    'photos/2024/1.jpg',
    'ü/',
    'zz',
  ])('after %j holds what follows', async (after) => {
    const expected = ORDERED.filter((name) => compareNames(name, after) > 0)
    expect(await namesOf(NAMES, { after, limit: 2 })).toEqual(expected)
  })

  it('of one level has its directories', async () => {
    const page = await originOf(NAMES).backend.list?.({ delimiter: '/', prefix: 'photos/' })
    expect(page).toEqual({
      objects: [{ name: 'photos/20.jpg', backend: 'old', size: 6, modified: new Date(MTIME) }],
      directories: ['photos/2023/', 'photos/2024/'],
    })
  })

  it.each([1, 2, 1000])('of one level comes whole in pages of %i', async (limit) => {
    const names = await namesOf(NAMES, { delimiter: '/', limit })
    const expected = ['a.jpg', 'a0.jpg', 'a b/', 'a/', 'photos/', 'ü/']
    expect(names.toSorted(compareNames)).toEqual(expected.toSorted(compareNames))
  })

  it('of one level is one request, and omits directories that were already returned', async () => {
    const { backend, paths } = originOf(NAMES)
    const page = await backend.list?.({ delimiter: '/', after: 'a/1.jpg' })
    expect(page?.directories).toEqual(['a/', 'photos/', 'ü/'])
    expect(paths).toEqual([''])
    expect((await backend.list?.({ delimiter: '/', cursor: 'a/' }))?.directories).toEqual(['photos/', 'ü/'])
  })

  it('of many directories is spread over pages that open a bounded number of them', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `${String(index).padStart(3, '0')}/x/y.jpg`)
    const { backend, paths } = originOf(names)
    const page = await backend.list?.({})
    expect(page?.cursor).toBeDefined()
    expect(paths.length).toBeLessThan(25)
    expect(await namesOf(names, {})).toEqual(names)
  })

  it('opens only the directories on the path to its start', async () => {
    const { backend, paths } = originOf(NAMES)
    await backend.list?.({ after: 'photos/2024/1.jpg', limit: 1 })
    expect(paths).toEqual(['', 'photos/', 'photos/2024/', 'ü/'].slice(0, paths.length))
  })

  it('ends if directories link to themselves', async () => {
    const loop = listingFrom(() => Response.json([{ name: 'again', type: 'directory' }]))
    let pages = 0
    for (let cursor: string | undefined = ''; cursor !== undefined && pages < 100; pages++)
      cursor = (await loop.list?.(cursor === '' ? {} : { cursor }))?.cursor
    expect(pages).toBeLessThan(20)
  })

  it('omits entries without a valid name', async () => {
    const names = ['..', '', 'a/b', `bad${LATIN}`, 'tab\t', 'ok']
    const entries = names.map((name) => ({ name, type: 'file' }))
    const odd = [{ name: 'socket', type: 'other' }, { name: 1, type: 'file' }, { type: 'file' }]
    const page = await listingFrom(() => new Response(encode([...entries, ...odd]))).list?.({})
    expect(page).toEqual({ objects: [{ name: 'ok', backend: 'old' }], directories: [] })
  })

  it('of a directory that is not there is empty', async () => {
    expect(await originOf(NAMES).backend.list?.({ prefix: 'none/' })).toEqual({
      objects: [],
      directories: [],
    })
  })

  it('fails if it has a directory that cannot be listed, whose names would be missing', async () => {
    const { backend } = originOf(NAMES, 'photos/2023/')
    await expect(backend.list?.({})).rejects.toMatchObject({
      backend: 'old',
      message: expect.stringContaining('"photos/2023/"'),
    })
    expect((await backend.list?.({ prefix: 'photos/', delimiter: '/' }))?.directories).toHaveLength(2)
  })

  it.each<[string, () => Response]>([
    ['nothing at its root', () => new Response(null, { status: 404 })],
    ['an HTML listing', () => new Response('<html><h1>Index of /</h1></html>')],
    ['JSON that is no listing', () => Response.json({ error: 'no' })],
    ['an array of something else', () => Response.json([1, null])],
    ['a refusal', () => new Response(null, { status: 403 })],
    ['an error', () => new Response(null, { status: 500 })],
  ])('fails if the origin answers %s', async (_, response) => {
    await expect(listingFrom(response).list?.({})).rejects.toMatchObject({ backend: 'old' })
  })
})

it('treats a name that ends in a slash as absent, without a request', async () => {
  const { backend, paths } = originOf(NAMES)
  expect(await backend.get('photos/')).toBeNull()
  expect(paths).toEqual([])
})

it('lists nothing if no listing is configured', () => {
  expect(httpBackend('old', { url: 'https://origin.example/' })).not.toHaveProperty('list')
})

describe('a listing of everything', () => {
  const odd = ['a/bell\u0007.jpg', 'a/ok.jpg', `bad${LATIN}.jpg`, `bad${LATIN}/x.jpg`, '-/api/y']

  it('also has names that cannot be requested, and does not open such directories', async () => {
    const { backend, paths } = originOf(odd)
    const page = await backend.list?.({ everything: true })
    expect(page?.objects.map(({ name }) => name)).toEqual([
      '-/',
      'a/bell\u0007.jpg',
      'a/ok.jpg',
      'bad\ufffd.jpg',
      'bad\ufffd/',
    ])
    expect(page?.objects.filter(({ invalid }) => invalid).map(({ name }) => name)).toEqual([
      'bad\ufffd.jpg',
      'bad\ufffd/',
    ])
    expect(paths).toEqual(['', 'a/'])
    expect(await namesOf(odd, { everything: true, limit: 1 })).toHaveLength(5)
    expect(await namesOf(odd, {})).toEqual(['a/ok.jpg'])
  })

  it('distinguishes a name with a replacement character from one that is not valid UTF-8', async () => {
    const names = ['fine\ufffd.jpg', `bad${LATIN}.jpg`, 'ü\ufffd/x.jpg']
    const { backend } = originOf(names)
    const page = await backend.list?.({ everything: true })
    expect(page?.objects.map(({ name, invalid }) => [name, invalid])).toEqual([
      ['bad\ufffd.jpg', 'the name is not valid UTF-8'],
      ['fine\ufffd.jpg', undefined],
      ['ü\ufffd/x.jpg', undefined],
    ])
    expect(await namesOf(names, {})).toEqual(['fine\ufffd.jpg', 'ü\ufffd/x.jpg'])
  })

  it('lists a directory that leads back to itself only until its names get too long', async () => {
    const fetcher = {
      fetch: async () => Response.json([{ name: 'l'.repeat(100), type: 'directory' }]),
    }
    const backend = httpBackend('old', { url: 'https://origin.example/', fetcher, listing: 'autoindex-json' })
    const page = await backend.list?.({ everything: true })
    expect(page?.objects.map(({ name }) => name.length)).toEqual([11 * 101])
  })

  it.each([
    ['', 'photos/2023/'],
    ['photos/2', 'photos/2023/'],
    ['photos/2023/', 'photos/2023/'],
    ['photos/2023/1', 'photos/2023/1'],
    ['photos/2023/05/', 'photos/2023/05/'],
    ['photos/2023/05/x', 'photos/2023/05/x'],
  ])('below %j has one entry for a directory that cannot be listed', async (prefix, name) => {
    const { backend } = originOf(NAMES, 'photos/2023/')
    const page = await backend.list?.({ prefix, everything: true })
    expect(page?.objects.filter(({ unlistable }) => unlistable)).toEqual([
      { name, backend: 'old', unlistable: true },
    ])
    const listed = ORDERED.filter((other) => other.startsWith(prefix) && !other.startsWith('photos/2023/'))
    expect(page?.objects.filter(({ unlistable }) => !unlistable).map((object) => object.name)).toEqual(listed)
    expect(await backend.list?.({ prefix: 'none/', everything: true })).toEqual({
      objects: [],
      directories: [],
    })
    const after = await backend.list?.({ prefix, everything: true, after: name })
    expect(after?.objects.filter(({ unlistable }) => unlistable)).toEqual([])
  })
})
