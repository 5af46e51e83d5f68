import { describe, expect, it } from 'vitest'
import { startUpload } from '../kit/uploads.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import { memoryBackend } from '../kit/memory.ts'
import { withPrefix } from '../../src/wrappers/prefix.ts'
import { withPublicUrl, withServedUrl } from '../../src/wrappers/public-url.ts'
import { withReadOnly } from '../../src/wrappers/read-only.ts'
import type { Backend, ListOptions } from '../../src/storage/backend.ts'
import { nameBytes } from '../../src/storage/name.ts'
import { describeBackend } from '../backends/conformance.ts'
import { DIGITS, textOf } from '../backends/conformance-fixtures.ts'

const traits = { writable: true, listable: true, conditional: true, multipart: true }
const base = 'https://media.example/'

describeBackend('a backend with a prefix', async () => withPrefix(memoryBackend('memory'), 'p/'), traits)
describeBackend(
  'a backend with a filter that lets all through',
  async () => withFilter(memoryBackend('memory', { pageSize: 3 }), { include: /^/, exclude: /^[^\s\S]/ }),
  traits,
)

async function filled(...names: string[]) {
  const backend = memoryBackend('memory', { pageSize: 2 })
  for (const name of names) await backend.put(name, DIGITS)
  return backend
}

async function listed(backend: Backend, options: ListOptions): Promise<string[]> {
  const names: string[] = []
  let cursor: string | undefined
  do {
    const page = await backend.list?.({ ...options, ...(cursor !== undefined && { cursor }) })
    names.push(...(page?.objects ?? []).map(({ name }) => name), ...(page?.directories ?? []))
    cursor = page?.cursor
  } while (cursor !== undefined)
  return names
}

describe('withPrefix()', () => {
  it('keeps objects under the prefix and shows them without', async () => {
    const inner = memoryBackend('memory')
    const backend = withPrefix(inner, 'site/media/')
    expect(await backend.put?.('a b.jpg', DIGITS)).toMatchObject({ name: 'a b.jpg' })
    expect([...inner.objects.keys()]).toEqual(['site/media/a b.jpg'])
    expect(backend.path?.('a b.jpg')).toBe('memory://memory/site/media/a b.jpg')
    const upload = await startUpload(backend, 'large')
    await upload.uploadPart(1, DIGITS, 10)
    expect(await upload.complete()).toMatchObject({ name: 'large' })
    await backend.delete?.('a b.jpg')
    expect([...inner.objects.keys()]).toEqual(['site/media/large'])
  })

  it('sees nothing outside the prefix, nor the folder that a console created for it', async () => {
    const backend = withPrefix(await filled('p/', 'p/a', 'p/d/b', 'q/c', 'pa'), 'p/')
    expect(await backend.get('c')).toBeNull()
    expect(await listed(backend, {})).toEqual(['a', 'd/b'])
    expect(await listed(backend, { delimiter: '/' })).toEqual(['a', 'd/'])
    expect(await listed(backend, { prefix: 'd', after: 'a' })).toEqual(['d/b'])
  })

  it('does not accept a name whose key is too long', () => {
    const backend = withPrefix(memoryBackend('memory'), 'p/')
    expect(backend.accepts?.('x'.repeat(1022))).toBe(true)
    expect(backend.accepts?.('x'.repeat(1023))).toBe(false)
    const short = withPrefix({ ...memoryBackend('memory'), accepts: (key) => nameBytes(key) <= 512 }, 'p/')
    expect(short.accepts?.('x'.repeat(511))).toBe(false)
  })
})

describe('the URL of an object', () => {
  it('is its public name if the Worker serves it', async () => {
    const backend = withServedUrl(withPrefix(memoryBackend('memory'), 'p/'))
    expect(await backend.url?.('a b', { base })).toBe('https://media.example/a%20b')
  })

  it.each([
    ['https://cdn.example', 'https://cdn.example/p/a%20b'],
    ['https://cdn.example/x/', 'https://cdn.example/x/p/a%20b'],
    ['/media/', 'https://media.example/media/p/a%20b'],
  ])('is its key below %s', async (publicUrl, expected) => {
    const backend = withPrefix(withPublicUrl(memoryBackend('memory'), publicUrl), 'p/')
    expect(await backend.url?.('a b', { base })).toBe(expected)
  })
})

describe('withReadOnly()', () => {
  it('leaves no method that writes', async () => {
    const backend = withReadOnly(await filled('a'))
    expect(backend.put).toBeUndefined()
    expect(backend.delete).toBeUndefined()
    expect(backend.createMultipartUpload).toBeUndefined()
    expect(await textOf(await backend.get('a'))).toBe('0123456789')
    expect(await listed(backend, {})).toEqual(['a'])
  })
})

describe('withFilter()', () => {
  const names = ['docs/1.pdf', 'photos/1.jpg', 'photos/2.jpg', 'photos/3.jpg', 'photos/raw/1.dng', 'top.jpg']

  it('has no name outside it', async () => {
    const backend = withFilter(await filled(...names), { include: /^photos\//, exclude: /\.dng$/ })
    expect(names.filter((name) => backend.accepts?.(name))).toEqual(names.slice(1, 4))
    expect(await backend.get('top.jpg')).toBeNull()
    expect(await backend.head('photos/raw/1.dng')).toBeNull()
    expect(await backend.head('photos/1.jpg')).toMatchObject({ size: 10 })
  })

  it('stores and deletes nothing outside it', async () => {
    const inner = await filled(...names)
    const backend = withFilter(inner, { exclude: /^docs\// })
    await expect(backend.put?.('docs/2.pdf', DIGITS)).rejects.toMatchObject({ code: 'unsupported' })
    await expect(backend.delete?.('docs/1.pdf')).rejects.toMatchObject({ code: 'unsupported' })
    await expect(backend.createMultipartUpload?.('docs/2.pdf')).rejects.toMatchObject({ code: 'unsupported' })
    expect([...inner.objects.keys()]).toEqual(names)
  })

  it('lists the names inside it, and only directories that contain some', async () => {
    const backend = withFilter(await filled(...names), { exclude: /\.(?:dng|pdf)$/ })
    expect(await listed(backend, {})).toEqual(['photos/1.jpg', 'photos/2.jpg', 'photos/3.jpg', 'top.jpg'])
    expect((await listed(backend, { delimiter: '/' })).toSorted()).toEqual(['photos/', 'top.jpg'])
    expect(await listed(backend, { prefix: 'photos/', delimiter: '/' })).toEqual(names.slice(1, 4))
    expect((await listed(backend, { delimiter: '/', limit: 1 })).toSorted()).toEqual(['photos/', 'top.jpg'])
  })

  it('lists a large directory with few pages of the backend', async () => {
    const inner = await filled(...Array.from({ length: 100 }, (_, index) => `big/${index}`), 'last')
    let pages = 0
    const list: typeof inner.list = (options) => {
      pages++
      return inner.list(options)
    }
    const backend = withFilter({ ...inner, list }, { exclude: /^x/ })
    expect((await listed(backend, { delimiter: '/' })).toSorted()).toEqual(['big/', 'last'])
    expect(pages).toBeLessThan(5)
  })
})
