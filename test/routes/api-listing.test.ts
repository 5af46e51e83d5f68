import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { BROKEN_ORIGIN, fill, media, MODIFIED, OLD, R2, startApp } from '../kit/app.ts'
import { startFilled } from './filled.ts'

afterEach(() => reset())

describe('GET /-/api/listdir/{path}', () => {
  it('is the union over all backends, each entry once', async () => {
    const { json } = await startFilled()
    const rest = { cursor: null, degraded: [] }
    expect(await json('/-/api/listdir/')).toEqual({
      status: 200,
      body: { path: '', directories: ['a', 'b'], files: ['c'], ...rest },
    })
    const inside = { path: 'a', directories: [], files: ['one', 'two'], ...rest }
    expect((await json('/-/api/listdir/a')).body).toEqual(inside)
    expect((await json('/-/api/listdir/a/')).body).toEqual({ ...inside, path: 'a/' })
    expect((await json('/-/api/listdir')).body).toMatchObject({ directories: ['a', 'b'] })
    expect((await json('/-/api/listdir/none')).body).toEqual({
      path: 'none',
      directories: [],
      files: [],
      ...rest,
    })
  })

  it('leaves deleted names out', async () => {
    const { json, remove } = await startFilled()
    await remove('a/two', 'a/one')
    expect((await json('/-/api/listdir/a')).body['files']).toEqual([])
  })

  it('pages', async () => {
    const { json } = await startFilled()
    const { body } = await json('/-/api/listdir/a?limit=1')
    expect(body['files']).toEqual(['one'])
    const next = await json(`/-/api/listdir/a?limit=1&cursor=${String(body['cursor'])}`)
    expect(next.body).toMatchObject({ files: ['two'] })
  })

  it.each(['limit=0', 'limit=1001', 'limit=x', 'cursor=x', 'strict=maybe'])(
    'answers 400 to ?%s',
    async (query) => {
      expect((await (await startFilled()).json(`/-/api/listdir/a?${query}`)).status).toBe(400)
    },
  )
})

describe('GET /-/api/list/{prefix}', () => {
  it('returns the metadata of every name, from the earliest backend that has it', async () => {
    const { json } = await startFilled()
    const { body } = await json('/-/api/list/a/')
    expect(body).toEqual({
      prefix: 'a/',
      objects: [
        {
          name: 'a/one',
          size: 1,
          etag: expect.any(String),
          modified_time: MODIFIED,
          backend: 'media',
        },
        {
          name: 'a/two',
          size: 1,
          etag: expect.any(String),
          modified_time: MODIFIED,
          backend: 'media_kv',
        },
      ],
      directories: [],
      cursor: null,
      degraded: [],
    })
  })

  it('rolls directories up by the delimiter', async () => {
    const { json } = await startFilled()
    expect((await json('/-/api/list?delimiter=/')).body).toMatchObject({
      objects: [{ name: 'c' }],
      directories: ['a/', 'b/'],
    })
    expect((await json('/-/api/list?delimiter=-')).status).toBe(400)
  })

  it('lists one backend alone', async () => {
    const { json } = await startFilled()
    const namesIn = async (query: string) => {
      const { body } = await json(`/-/api/list/a/?${query}`)
      return (body['objects'] as { name: string; backend: string }[]).map(({ name, backend }) => [
        name,
        backend,
      ])
    }
    expect(await namesIn('backend=media')).toEqual([['a/one', 'media']])
    expect(await namesIn('backend=media_kv')).toEqual([
      ['a/one', 'media_kv'],
      ['a/two', 'media_kv'],
    ])
  })

  it('answers 400 to a backend that does not exist, and to the cursor of another one', async () => {
    const { json } = await startFilled()
    expect(await json('/-/api/list?backend=nowhere')).toMatchObject({
      status: 400,
      body: { detail: 'there is no backend "nowhere"' },
    })
    const { body } = await json('/-/api/list?backend=media_kv&limit=1')
    const next = await json(`/-/api/list?backend=media&cursor=${String(body['cursor'])}`)
    expect(next.status).toBe(400)
  })

  it('answers 501 to a backend that cannot list', async () => {
    const { json } = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: BROKEN_ORIGIN })
    expect((await json('/-/api/list?backend=old')).status).toBe(501)
  })

  it('names a backend that fails as degraded, or fails if the listing is strict', async () => {
    await fill(media, { a: '1' })
    const listing = { ...OLD, listing: 'autoindex-json' }
    const { json } = startApp({ FALLBACK_STORAGES: [R2, listing], OLD: BROKEN_ORIGIN })
    const { status, body } = await json('/-/api/list')
    expect([status, body['degraded'], body['backends']]).toEqual([
      200,
      ['old'],
      [{ name: 'old', error: 'unavailable', detail: 'the origin answered 503' }],
    ])
    for (const path of ['list', 'listdir']) {
      const strict = await json(`/-/api/${path}?strict=1`)
      expect([strict.status, strict.body['backends']]).toEqual([502, body['backends']])
    }
  })
})
