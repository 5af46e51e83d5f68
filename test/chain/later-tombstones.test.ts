import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { StorageError } from '../../src/storage/errors.ts'
import { answering, bucketWith, fill, media, mediaKv, R2, startApp } from '../kit/app.ts'
import { bytesOf } from '../kit/fakes.ts'

afterEach(() => reset())

const NEW = { ...R2, name: 'new' }
const BEFORE = { type: 'kv', binding: 'MEDIA_KV', name: 'before' }
const LEGACY = { type: 'http', binding: 'LEGACY', name: 'legacy', listing: 'autoindex-json' }
const CHAIN = { FALLBACK_STORAGES: [NEW, BEFORE, LEGACY], LEGACY: site('deleted', 'saved again', 'kept') }

/** A web server that has and lists these names. */
function site(...names: string[]) {
  return answering(({ url }) => {
    const name = decodeURIComponent(new URL(url).pathname.slice(1))
    if (name === '') return Response.json(names.map((file) => ({ name: file, type: 'file', size: 6 })))
    return names.includes(name) ? new Response('legacy') : new Response(null, { status: 404 })
  })
}

/** A new primary before an old one, which has the earlier tombstones; behind them, the old site. */
async function moved() {
  const info = { deleted: new Date(1e12) }
  for (const name of ['deleted', 'saved again', 'only a tombstone'])
    await mediaKv.put?.(name, bytesOf('marker'), { info })
  await fill(media, { 'saved again': 'new' })
  return startApp(CHAIN)
}

describe('a tombstone in a later backend that is writable', () => {
  it('ends reads and all other methods', async () => {
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
    const { call, remove } = await moved()
    await remove('deleted')
    expect((await call('/-/api/undelete/deleted', { method: 'POST' })).status).toBe(200)
    expect((await call('/deleted')).status).toBe(200)
  })

  it('is purged if no backend has the name, and kept if a fallback does', async () => {
    const { json } = await moved()
    expect((await json('/-/api/tombstones/purge', { method: 'POST' })).body).toMatchObject({
      purged: 1,
      kept: 2,
      names: ['only a tombstone'],
    })
    expect(await mediaKv.head('only a tombstone')).toBeNull()
    expect(await mediaKv.head('deleted')).not.toBeNull()
  })

  it('ends no read while a writable backend before it fails, which may have a newer object', async () => {
    await moved()
    const down = async (): Promise<never> => {
      throw new Error('head: We encountered an internal error. (10001)')
    }
    for (const table of [NEW, { ...NEW, hedge_ms: 5 }]) {
      const settings = { ...CHAIN, FALLBACK_STORAGES: [table, BEFORE, LEGACY] }
      const { chain } = startApp({ ...settings, MEDIA: bucketWith({ get: down, head: down }) })
      await expect(chain.head('deleted')).rejects.toBeInstanceOf(StorageError)
    }
  })
})

describe('a tombstone of names that the first writable backend does not accept', () => {
  it('hides the objects of a read-only backend before it in listings, too', async () => {
    const { call, json, remove } = startApp({
      FALLBACK_STORAGES: [{ ...NEW, exclude: '^big$' }, LEGACY, BEFORE],
      LEGACY: site('big'),
    })
    await remove('big')
    expect((await call('/big')).status).toBe(404)
    expect((await json('/-/api/list')).body).toMatchObject({ objects: [] })
    expect((await json('/-/api/explain/big')).body).toMatchObject({ would_serve: null })
    expect((await json('/-/api/tombstones')).body).toMatchObject({ tombstones: [{ name: 'big' }] })
  })
})
