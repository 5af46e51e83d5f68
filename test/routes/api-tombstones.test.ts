import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { answering, BROKEN_ORIGIN, fill, media, mediaKv, OLD, R2, startApp } from '../kit/app.ts'
import { startFilled } from './filled.ts'

afterEach(() => reset())

describe('tombstones', () => {
  it('are listed, page by page', async () => {
    const { json, remove } = await startFilled()
    await remove('a/one', 'a/two', 'c')
    const first = await json('/-/api/tombstones?limit=2')
    expect(first.body).toMatchObject({ prefix: '', tombstones: [{ name: 'a/one' }, { name: 'a/two' }] })
    const [{ deleted_time: time }] = first.body['tombstones'] as [{ deleted_time: string }]
    expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000)
    const second = await json(`/-/api/tombstones?limit=2&cursor=${String(first.body['cursor'])}`)
    expect(second.body).toMatchObject({ tombstones: [{ name: 'c' }], cursor: null })
    expect((await json('/-/api/tombstones?prefix=c')).body).toMatchObject({ tombstones: [{ name: 'c' }] })
    const foreign = await json(`/-/api/tombstones?prefix=c&cursor=${String(first.body['cursor'])}`)
    expect(foreign.status).toBe(400)
  })

  it('are removed by undelete, which brings back a fallback’s object', async () => {
    const { json, remove } = await startFilled()
    await remove('a/two', 'b/x')
    const undelete = (name: string) => json(`/-/api/undelete/${name}`, { method: 'POST' })
    expect((await undelete('a/two')).body).toEqual({ name: 'a/two', restored: true, backend: 'media_kv' })
    expect((await json('/-/api/size/a/two')).body['size']).toBe(1)
    expect((await undelete('b/x')).body).toEqual({ name: 'b/x', restored: false, backend: null })
    expect((await undelete('a/two')).status).toBe(404)
    expect((await undelete('never')).status).toBe(404)
  })

  it('stay if undelete cannot find out whether a fallback has the name', async () => {
    const { json, remove } = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: BROKEN_ORIGIN })
    await remove('a')
    expect((await json('/-/api/undelete/a', { method: 'POST' })).status).toBe(502)
    expect((await media.head('a'))?.deleted).toBeInstanceOf(Date)
  })

  it('are purged once no fallback has the name, and only counted in a dry run', async () => {
    const { json, remove } = await startFilled()
    await remove('a/one', 'a/two', 'gone')
    await mediaKv.delete?.('a/two')
    const left = async () => (await media.list?.())?.objects.map(({ name }) => name)
    const purge = (body: object) =>
      json('/-/api/tombstones/purge', { method: 'POST', body: JSON.stringify(body) })
    const expected = { examined: 3, purged: 2, kept: 1, names: ['a/two', 'gone'], cursor: null }
    expect((await purge({ dry_run: true })).body).toEqual({ dry_run: true, ...expected })
    expect(await left()).toEqual(['a/one', 'a/two', 'b/x', 'gone'])
    expect((await purge({})).body).toEqual({ dry_run: false, ...expected })
    expect(await left()).toEqual(['a/one', 'b/x'])
    expect((await purge({ dry_run: 'yes' })).status).toBe(400)
  })

  it('are kept by a purge while a fallback fails', async () => {
    const { json, remove } = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: BROKEN_ORIGIN })
    await remove('a')
    const { body } = await json('/-/api/tombstones/purge', { method: 'POST' })
    expect(body).toMatchObject({ examined: 1, purged: 0, kept: 1 })
  })

  it('are not removed if a save has replaced them', async () => {
    const racing = answering(async () => {
      await fill(media, { a: 'saved' })
      return new Response(null, { status: 404 })
    })
    const { json, remove } = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: racing })
    await remove('a')
    expect((await json('/-/api/tombstones/purge', { method: 'POST' })).body).toMatchObject({
      purged: 0,
      kept: 1,
    })
    expect((await media.head('a'))?.size).toBe(5)
  })
})
