import { env } from 'cloudflare:workers'
import { startUpload } from '../kit/uploads.ts'
import { describe, expect, it } from 'vitest'
import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import { r2Backend } from '../../src/backends/r2/r2.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import { withPrefix } from '../../src/wrappers/prefix.ts'
import { withStaging as staging } from '../../src/wrappers/staging.ts'
import { type OpenUpload, withRememberedUploads } from '../../src/migration/open-uploads.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { isStaged } from '../../src/storage/name.ts'
import { describeBackend } from '../backends/conformance.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'

const left: string[] = []
const withStaging = (backend: Backend) => staging(backend, (_, name) => left.push(name))
const STAGED = '-/staged/left-by-a-kill'

/** In memory, with small parts, and with access to its actual contents. */
function staged(options: { maxPutSize?: number; put?: MemoryBackend['put'] } = {}) {
  const memory = memoryBackend('m', { minPartSize: 1 })
  const backend = withStaging({ ...memory, ...options })
  return { memory, backend, keys: () => keysOf(memory) }
}

function keysOf({ objects }: MemoryBackend): string[] {
  return [...objects.keys()]
}

describeBackend('a backend that stages', async () => withStaging(memoryBackend('staging')), {
  writable: true,
  listable: true,
  conditional: true,
  multipart: true,
})

describe('withStaging()', () => {
  it('gives the object its name only when it is complete, and leaves nothing behind', async () => {
    const { backend, memory, keys } = staged()
    const upload = await startUpload(backend, 'a', { onlyIf: 'absent' })
    await upload.uploadPart(1, bytesOf('one '), 4)
    await upload.uploadPart(2, bytesOf('two'), 3)
    expect(keys()).toEqual([])
    expect(await upload.complete()).toMatchObject({ name: 'a', size: 7 })
    expect(await textOf(await backend.get('a'))).toBe('one two')
    expect([keys(), memory.uploads.size]).toEqual([['a'], 0])
  })

  it.each([
    ['absent', 'absent' as const],
    ['still the version that was seen', { version: 'another' }],
  ])('stores nothing, and leaves nothing behind, where the name is not %s', async (_, onlyIf) => {
    const { backend, memory, keys } = staged()
    const upload = await startUpload(backend, 'a', { onlyIf })
    await upload.uploadPart(1, bytesOf('late'), 4)
    await backend.put?.('a', bytesOf('first'))
    expect(await upload.complete()).toBeNull()
    expect(await textOf(await backend.get('a'))).toBe('first')
    expect([keys(), memory.uploads.size]).toEqual([['a'], 0])
  })

  it('joins the parts directly without a condition, since the last one wins anyway', async () => {
    const { backend, keys } = staged({ put: () => Promise.reject(new Error('a second write')) })
    const upload = await startUpload(backend, 'a', {})
    await upload.uploadPart(1, bytesOf('x'), 1)
    expect(await upload.complete()).toMatchObject({ size: 1 })
    expect(keys()).toEqual(['a'])
  })

  it('leaves nothing behind when it is aborted, whether or not its parts were joined', async () => {
    const { backend, memory, keys } = staged({ put: () => Promise.reject(new Error('out of order')) })
    const early = await startUpload(backend, 'a', { onlyIf: 'absent' })
    await early.uploadPart(1, bytesOf('x'), 1)
    await early.abort()
    const late = await startUpload(backend, 'a', { onlyIf: 'absent' })
    await late.uploadPart(1, bytesOf('x'), 1)
    await expect(late.complete()).rejects.toThrow('out of order')
    expect(keys()).toHaveLength(1)
    await late.abort()
    expect([keys(), memory.uploads.size]).toEqual([[], 0])
  })

  it('is aborted by its id alone, including its staged object', async () => {
    const { backend, keys } = staged({ put: () => Promise.reject(new Error('killed')) })
    const upload = await startUpload(backend, 'a', { onlyIf: 'absent' })
    await upload.uploadPart(1, bytesOf('x'), 1)
    await upload.complete().catch(() => {})
    await backend.resumeMultipartUpload?.('a', upload.id).abort()
    await backend.resumeMultipartUpload?.('a', upload.id).abort()
    expect(keys()).toEqual([])
  })

  it('does not fail when what was staged cannot be removed: the object is stored', async () => {
    const memory = memoryBackend('m', { minPartSize: 1 })
    const backend = withStaging({ ...memory, delete: () => Promise.reject(new Error('not now')) })
    const upload = await startUpload(backend, 'a', { onlyIf: 'absent' })
    await upload.uploadPart(1, bytesOf('x'), 1)
    expect(await upload.complete()).toMatchObject({ name: 'a' })
    expect(keysOf(memory)).toEqual([...left, 'a'])
    expect(left.filter(isStaged)).toHaveLength(1)
  })

  it('leaves objects that are known to be too large for one put to the backend', async () => {
    const { backend, memory } = staged({ maxPutSize: 4 })
    const upload = await startUpload(backend, 'a', { onlyIf: 'absent', size: 5 })
    expect([...memory.uploads].map(({ id }) => id)).toEqual([upload.id])
  })

  it('joins the parts again, conditionally, if the object turns out to be too large for one put', async () => {
    const { backend, memory, keys } = staged({ maxPutSize: 4 })
    for (const [name, expected] of [
      ['free', 'abcdefghij'],
      ['taken', 'first'],
    ] as const) {
      const upload = await startUpload(backend, name, { onlyIf: 'absent' })
      for (const [index, part] of ['abcd', 'efgh', 'ij'].entries())
        await upload.uploadPart(index + 1, bytesOf(part), part.length)
      if (name === 'taken') await memory.put(name, bytesOf('first'))
      await upload.complete()
      expect(await textOf(await backend.get(name))).toBe(expected)
    }
    expect([keys(), memory.uploads.size]).toEqual([['free', 'taken'], 0])
  })

  it('hides staged objects and their directory', async () => {
    const { backend, memory } = staged()
    await memory.put(STAGED, bytesOf('x'))
    await memory.put('a/b', bytesOf('x'))
    expect(await backend.get(STAGED)).toBeNull()
    expect(await backend.head(STAGED)).toBeNull()
    expect((await backend.list?.())?.objects.map(({ name }) => name)).toEqual(['a/b'])
    expect((await backend.list?.({ delimiter: '/' }))?.directories).toEqual(['a/'])
    expect(await backend.list?.({ prefix: '-/', delimiter: '/' })).toEqual({ objects: [], directories: [] })
  })

  it('stages below the prefix, and for names that a filter includes', async () => {
    const memory = memoryBackend('m', { minPartSize: 1 })
    const backend = withStaging(withFilter(withPrefix(memory, 'media/'), { include: /^photos\// }))
    const upload = await startUpload(backend, 'photos/a', { onlyIf: 'absent' })
    await upload.uploadPart(1, bytesOf('x'), 1)
    expect(upload.id).toMatch(/^-\/staged\//)
    expect(await upload.complete()).toMatchObject({ name: 'photos/a' })
    expect(keysOf(memory)).toEqual(['media/photos/a'])
    await expect(startUpload(backend, 'docs/a', { onlyIf: 'absent' })).rejects.toMatchObject({
      code: 'unsupported',
    })
  })

  it('keeps everything that belongs to a copy in R2, and its digest', async () => {
    const backend = withStaging(r2Backend('r2', env.MEDIA))
    const bytes = bytesOf('bytes of a copy')
    const sha256 = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).toHex()
    const info = {
      contentType: 'video/mp4',
      cacheControl: 'max-age=7',
      metadata: { by: 'someone' },
      etag: '"source"',
      modified: new Date(1e12),
      provenance: { backend: 'old', etag: '"source"', copied: new Date(2e12) },
    }
    const upload = await startUpload(backend, 'kept', { info, onlyIf: 'absent', digests: { sha256 } })
    await upload.uploadPart(1, bytes, bytes.length)
    await upload.complete()
    const found = await backend.head('kept')
    expect(found).toMatchObject({ ...info, size: bytes.length })
    expect(found?.digests).toMatchObject({ sha256 })
  })
})

describe('staged objects of a killed isolate', () => {
  /** An index in memory, like that of the Durable Object. */
  function site(now = Date.now) {
    const uploads: (OpenUpload & { at: number })[] = []
    const memory = memoryBackend('m', { minPartSize: 1 })
    const index = {
      openUpload: async (upload: OpenUpload) => void uploads.push({ ...upload, at: now() }),
      async closeUpload(closed: OpenUpload) {
        const position = uploads.findIndex(({ id }) => id === closed.id)
        if (position >= 0) uploads.splice(position, 1)
        return uploads.filter(({ name }) => name === closed.name)
      },
    }
    const of = (backend: Backend) => withRememberedUploads(withStaging(backend), () => index)
    return { memory, uploads, of }
  }

  it('is removed by the next copy that settles the name', async () => {
    const { memory, uploads, of } = site()
    const copy = { info: { provenance: { backend: 'old', copied: new Date() } }, onlyIf: 'absent' as const }
    const dying = await startUpload(of({ ...memory, put: () => new Promise(() => {}) }), 'a', copy)
    await dying.uploadPart(1, bytesOf('x'), 1)
    void dying.complete()
    await scheduler.wait(10)
    expect(keysOf(memory).every(isStaged)).toBe(true)
    const next = await startUpload(of(memory), 'a', copy)
    await next.uploadPart(1, bytesOf('y'), 1)
    expect(await next.complete()).toMatchObject({ name: 'a' })
    expect([keysOf(memory), uploads]).toEqual([['a'], []])
  })

  it('is also remembered for clients, under a name that no copy settles', async () => {
    const { memory, uploads, of } = site()
    const upload = await startUpload(of(memory), 'a', { onlyIf: 'absent' })
    expect(uploads).toMatchObject([{ name: upload.id, id: upload.id }])
    await upload.abort()
    expect(uploads).toEqual([])
  })
})
