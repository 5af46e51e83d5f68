import { describe, expect, it } from 'vitest'
import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { apiApp, bytes, down, readOnly } from '../routes/api-app.ts'

/** A new primary in front of an old one, which keeps the tombstones of before; behind them what the old site holds. */
async function moved() {
  const [primary, before, legacy] = [memoryBackend('new'), memoryBackend('before'), memoryBackend('legacy')]
  const gone = async (backend: MemoryBackend, name: string) =>
    backend.put(name, bytes('marker'), { info: { deleted: new Date(1e12) } })
  for (const name of ['deleted', 'saved again', 'kept']) await legacy.put(name, bytes('legacy'))
  await gone(before, 'deleted')
  await gone(before, 'saved again')
  await gone(before, 'only a tombstone')
  await primary.put('saved again', bytes('new'))
  return { primary, before, legacy, ...apiApp([primary, before, readOnly(legacy)]) }
}

describe('a tombstone in a later backend that is writable', () => {
  it('ends reads, and everything else agrees', async () => {
    const { call, json } = await moved()
    expect((await call('/deleted')).status).toBe(404)
    expect((await json('/-/api/exists/deleted')).body).toMatchObject({ exists: false })
    expect((await json('/-/api/explain/deleted')).body).toMatchObject({
      would_serve: null,
      tombstone: { backend: 'before' },
      migration: { state: 'deleted' },
    })
    const listed = (await json('/-/api/list')).body['objects'] as { name: string; backend: string }[]
    expect(listed.map(({ name, backend }) => [name, backend])).toEqual([
      ['kept', 'legacy'],
      ['saved again', 'new'],
    ])
    expect((await json('/-/api/tombstones')).body).toMatchObject({
      tombstones: [{ name: 'deleted' }, { name: 'only a tombstone' }],
      cursor: null,
    })
  })

  it('is lifted by undelete', async () => {
    const { call, json } = await moved()
    expect((await json('/-/api/undelete/deleted', { method: 'POST' })).body).toEqual({
      name: 'deleted',
      restored: true,
      backend: 'legacy',
    })
    expect(await (await call('/deleted')).text()).toBe('legacy')
    expect((await json('/-/api/tombstones')).body).toMatchObject({
      tombstones: [{ name: 'only a tombstone' }],
    })
    expect((await call('/-/api/undelete/saved%20again', { method: 'POST' })).status).toBe(404)
  })

  it('is lifted together with the one before it', async () => {
    const { call, chain } = await moved()
    await chain.delete('deleted')
    expect((await call('/-/api/undelete/deleted', { method: 'POST' })).status).toBe(200)
    expect((await call('/deleted')).status).toBe(200)
  })

  it('is purged where no backend holds the name, and kept where a fallback does', async () => {
    const { json, before } = await moved()
    expect((await json('/-/api/tombstones/purge', { method: 'POST' })).body).toMatchObject({
      purged: 1,
      kept: 2,
      names: ['only a tombstone'],
    })
    expect([before.objects.has('only a tombstone'), before.objects.has('deleted')]).toEqual([false, true])
  })

  it('ends no read while a writable backend before it fails, which may hold a newer object', async () => {
    const { before, legacy } = await moved()
    for (const hedgeMs of [{}, { new: 5 }]) {
      const { chain } = apiApp([down('new'), before, readOnly(legacy)], { hedgeMs })
      await expect(chain.head('deleted')).rejects.toBeInstanceOf(StorageError)
    }
  })
})

describe('a tombstone of names that the first writable backend does not take', () => {
  it('hides in listings, too, what a read-only backend before it holds', async () => {
    const archive = memoryBackend('archive')
    await archive.put('big', bytes('archived'))
    const first: Backend = { ...memoryBackend('first'), accepts: (name) => name !== 'big' }
    const { call, json, chain } = apiApp([first, readOnly(archive), memoryBackend('second')])
    await chain.delete('big')
    expect((await call('/big')).status).toBe(404)
    expect((await json('/-/api/list')).body).toMatchObject({ objects: [] })
    expect((await json('/-/api/explain/big')).body).toMatchObject({ would_serve: null })
    expect((await json('/-/api/tombstones')).body).toMatchObject({ tombstones: [{ name: 'big' }] })
  })
})
