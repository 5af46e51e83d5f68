import { env } from 'cloudflare:workers'
import { startUpload } from '../kit/uploads.ts'
import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { withRememberedUploads } from '../../src/migration/open-uploads.ts'
import type { Backend, PutOptions } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { bytesOf } from '../kit/fakes.ts'

const DAY_MS = 24 * 60 * 60_000
const index = () => env.JOB_INDEX.getByName('index')
const COPIED = { info: { provenance: { backend: 'old', copied: new Date() } }, onlyIf: 'absent' as const }

/** A backend with its own name, which starts uploads of copies and of clients. */
function target(name: string) {
  const memory = memoryBackend(name)
  const backend = withRememberedUploads(memory, index)
  const begin = async (key: string, options: PutOptions = {}) => {
    const upload = await startUpload(backend, key, options)
    await upload.uploadPart(1, bytesOf('part'), 4)
    return upload
  }
  const resume = (key: string, id: string) => backend.resumeMultipartUpload?.(key, id)
  return { memory, begin, resume, copy: (key: string) => begin(key, COPIED) }
}

describe('withRememberedUploads()', () => {
  it('aborts the open uploads of earlier copies as soon as one of the same name completes', async () => {
    const { memory, copy } = target('killed')
    await copy('a')
    await copy('a')
    const other = await copy('b')
    const last = await copy('a')
    expect(memory.uploads.size).toBe(4)
    expect(await last.complete()).toMatchObject({ name: 'a' })
    expect([...memory.uploads].map(({ id }) => id)).toEqual([other.id])
  })

  it('aborts them too when a copy comes too late', async () => {
    const { memory, copy } = target('late')
    await copy('a')
    const last = await copy('a')
    await memory.put('a', bytesOf('saved'))
    expect(await last.complete()).toBeNull()
    expect(memory.uploads.size).toBe(0)
  })

  it('aborts the others even if a lock keeps what one of them has staged', async () => {
    const memory = memoryBackend('locking')
    const kept: string[] = []
    const locking: Backend = {
      ...memory,
      resumeMultipartUpload(name, id) {
        const upload = memory.resumeMultipartUpload(name, id)
        return {
          ...upload,
          async abort() {
            kept.push(id)
            if (kept.length === 1)
              throw new StorageError('locked', 'a lock protects it', { backend: 'locking' })
            await upload.abort()
          },
        }
      },
    }
    const backend = withRememberedUploads(locking, index)
    for (let time = 0; time < 3; time++) await startUpload(backend, 'a', COPIED)
    const last = await startUpload(backend, 'a', COPIED)
    await last.uploadPart(1, bytesOf('part'), 4)
    expect(await last.complete()).toMatchObject({ name: 'a' })
    expect([...memory.uploads].map(({ id }) => id)).toEqual([kept[0]])
  })

  it('does not abort others if a copy fails, since none has won yet', async () => {
    const { memory, copy } = target('failed')
    const first = await copy('a')
    const second = await copy('a')
    await second.abort()
    expect([...memory.uploads].map(({ id }) => id)).toEqual([first.id])
  })

  it('aborts once more what may have been joined after its completion had failed', async () => {
    const memory = memoryBackend('slow')
    const aborted: string[] = []
    let isSlow = true
    const slow: Backend = {
      ...memory,
      async createMultipartUpload(name, options) {
        const upload = await memory.createMultipartUpload(name, options)
        const complete: typeof upload.complete = (...args) =>
          isSlow
            ? Promise.reject(new StorageError('timeout', 'too late', { backend: 'slow' }))
            : upload.complete(...args)
        return { ...upload, complete }
      },
      resumeMultipartUpload: (name, id) => {
        const upload = memory.resumeMultipartUpload(name, id)
        return { ...upload, abort: async () => void aborted.push(id) }
      },
    }
    const copy = () => startUpload(withRememberedUploads(slow, index), 'a', COPIED)
    const first = await copy()
    await first.uploadPart(1, bytesOf('part'), 4)
    await expect(first.complete()).rejects.toMatchObject({ code: 'timeout' })
    await first.abort()
    isSlow = false
    for (let time = 0; time < 2; time++) {
      const next = await copy()
      await next.uploadPart(1, bytesOf('part'), 4)
      await next.complete()
    }
    expect(aborted).toEqual([first.id])
  })

  it('never aborts the upload of a client', async () => {
    const { memory, begin, copy } = target('clients')
    const upload = await begin('a')
    await (await copy('a')).complete()
    expect([...memory.uploads].map(({ id }) => id)).toEqual([upload.id])
  })

  it('forgets the upload of a client that ends in another request', async () => {
    const { begin, resume } = target('resumed')
    const listed = () =>
      runInDurableObject(index(), (_, { storage }) =>
        storage.sql.exec("SELECT name FROM uploads WHERE backend = 'resumed'").toArray(),
      )
    for (const name of ['completed', 'aborted']) {
      const { id } = await begin(name)
      expect(await listed()).toEqual([{ name }])
      const upload = resume(name, id)
      await (name === 'aborted'
        ? upload?.abort()
        : upload?.complete([await upload.uploadPart(1, bytesOf('part'), 4)]))
      expect(await listed()).toEqual([])
    }
  })

  it('copies even if nothing can be remembered', async () => {
    const memory = memoryBackend('deaf')
    const fail = () => Promise.reject(new Error('no such object'))
    const backend = withRememberedUploads(memory, () => ({ openUpload: fail, closeUpload: fail }))
    const upload = await startUpload(backend, 'a', COPIED)
    await upload.uploadPart(1, bytesOf('part'), 4)
    expect(await upload.complete()).toMatchObject({ name: 'a' })
  })
})

it('the index keeps the uploads of clients for as long as it was told', async () => {
  const age = (ms: number) =>
    runInDurableObject(index(), (_, { storage }) => {
      storage.sql.exec('UPDATE uploads SET at = at - ? WHERE backend = ?', ms, 'kept')
    })
  await index().openUpload({ backend: 'kept', name: 'a', id: '1' }, 7 * DAY_MS)
  await age(6 * DAY_MS)
  const close = () => index().closeUpload({ backend: 'kept', name: 'a', id: '2' })
  expect(await close()).toEqual([])
  await age(DAY_MS + 1000)
  expect(await close()).toEqual([{ backend: 'kept', name: 'a', id: '1' }])
})

it('the index finds uploads that were abandoned, whatever their name', async () => {
  await index().openUpload({ backend: 'r2', name: 'old', id: '1' })
  await index().openUpload({ backend: 'elsewhere', name: 'old', id: '2' })
  await runInDurableObject(index(), (_, { storage }) => {
    storage.sql.exec('UPDATE uploads SET at = at - ?', DAY_MS + 1000)
  })
  await index().openUpload({ backend: 'r2', name: 'young', id: '3' })
  const closed = await index().closeUpload({ backend: 'r2', name: 'a', id: '4' })
  expect(closed).toEqual([{ backend: 'r2', name: 'old', id: '1' }])
})
