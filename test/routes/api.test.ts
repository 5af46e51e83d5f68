import { reset } from 'cloudflare:test'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeName } from '../../src/storage/name.ts'
import {
  answering,
  BROKEN_ORIGIN,
  fill,
  media,
  mediaKv,
  MODIFIED,
  OLD,
  R2,
  SILENT_ORIGIN,
  SITE,
  startApp,
} from '../kit/app.ts'

beforeAll(async () => {
  await fill(media, { one: 'in first', both: 'first of both' })
  await fill(mediaKv, { two: 'in second', both: 'second of both!' })
})

afterAll(() => reset())

describe('the JSON API', () => {
  it('opens an object in any backend, like the media route', async () => {
    const { call } = startApp()
    const response = await call('/-/api/open/two', { headers: { Range: 'bytes=3-' } })
    expect(response.status).toBe(206)
    expect(await response.text()).toBe('second')
    expect((await call('/-/api/open/none')).status).toBe(404)
  })

  it('saves under the first available name and returns it', async () => {
    const { json } = startApp()
    const saved = await json('/-/api/save/dir/new.jpg', {
      method: 'POST',
      body: 'x',
      headers: { 'Content-Type': 'image/x' },
    })
    expect(saved).toEqual({ status: 201, body: { name: 'dir/new.jpg' } })
    expect((await media.head('dir/new.jpg'))?.contentType).toBe('image/x')
    const again = await json('/-/api/save/dir/new.jpg', { method: 'POST', body: 'y' })
    expect(again.body['name']).toMatch(/^dir\/new_[A-Za-z0-9]{7}\.jpg$/)
  })

  it('stores nothing if a save does not match the digests in its headers', async () => {
    const { json } = startApp()
    const headers = { 'Content-MD5': '1B2M2Y8AsgTpgAmY7PhCfg==' }
    expect((await json('/-/api/save/new', { method: 'POST', body: 'x', headers })).status).toBe(400)
    expect(await media.head('new')).toBeNull()
  })

  it('deletes permanently', async () => {
    for (const backend of [media, mediaKv]) await fill(backend, { old: 'x' })
    const { call, json } = startApp()
    const response = await call('/-/api/delete/old', { method: 'DELETE' })
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect((await json('/-/api/exists/old')).body).toEqual({ name: 'old', exists: false })
    expect((await call('/-/api/open/old')).status).toBe(404)
  })

  it.each([
    ['exists/one', { name: 'one', exists: true }],
    ['exists/two', { name: 'two', exists: true }],
    ['exists/none', { name: 'none', exists: false }],
    ['size/two', { name: 'two', size: 9 }],
    ['size/both', { name: 'both', size: 13 }],
    ['modified_time/one', { name: 'one', modified_time: MODIFIED }],
    ['url/one', { name: 'one', url: `${SITE}/one` }],
    ['url/a%20b%2Fc', { name: 'a b/c', url: `${SITE}/a%20b/c` }],
    ['get_valid_name/d/a%20b!.jpg', { name: 'd/a b!.jpg', valid_name: 'd/a_b.jpg' }],
    ['get_available_name/free.jpg', { name: 'free.jpg', available_name: 'free.jpg' }],
    ['path/a/b', { name: 'a/b', path: 'r2://media/a/b' }],
  ])('answers GET %s', async (path, body) => {
    expect(await startApp().json(`/-/api/${path}`)).toEqual({ status: 200, body })
  })

  it('returns an alternative to a name that is taken', async () => {
    const { body } = await startApp().json('/-/api/get_available_name/one')
    expect(body['available_name']).toMatch(/^one_[A-Za-z0-9]{7}$/)
  })

  it.each(['size/none', 'modified_time/none', 'created_time/none'])('answers 404 to GET %s', async (path) => {
    expect((await startApp().json(`/-/api/${path}`)).status).toBe(404)
  })

  it('answers 501 if no backend implements the method', async () => {
    const FALLBACK_STORAGES = [OLD]
    const { json } = startApp({ FALLBACK_STORAGES, OLD: answering(() => new Response('a')) })
    for (const path of ['accessed_time/a', 'path/a', 'get_available_name/a']) {
      expect([path, (await json(`/-/api/${path}`)).status]).toEqual([path, 501])
    }
    expect((await json('/-/api/save/a', { method: 'POST', body: 'x' })).status).toBe(501)
    expect((await json('/-/api/delete/a', { method: 'DELETE' })).status).toBe(501)
  })

  it.each([
    ['unavailable', 502, BROKEN_ORIGIN],
    ['timeout', 504, SILENT_ORIGIN],
  ] as const)('never treats a failure (%s) as absence', async (code, status, origin) => {
    const { json } = startApp({ FALLBACK_STORAGES: [R2, { ...OLD, timeout_ms: 50 }], OLD: origin })
    for (const path of ['exists/a', 'size/a', 'modified_time/a', 'url/a', 'open/a']) {
      const answer = await json(`/-/api/${path}`)
      expect([path, answer.status, answer.body['backends']]).toEqual([
        path,
        status,
        [{ name: 'old', error: code, detail: expect.any(String) }],
      ])
    }
  })

  it.each(['..%2Fa', 'a%00', '%FF', '%', `${'x'.repeat(1025)}`, 'a%0Ab', '-/a'])(
    'answers 400 to the name %j in every method',
    async (raw) => {
      const { app } = startApp()
      const get = (method: string) => app.request(new Request(`http://h/-/api/${method}/${raw}`))
      for (const method of ['exists', 'size', 'url', 'open', 'get_valid_name', 'get_available_name']) {
        // The URL parser removes `.`, which leaves an empty name.
        expect([method, (await get(method)).status]).toEqual([method, 400])
      }
    },
  )

  it.each([
    'a b+c.jpg',
    '100%.jpg',
    'a%2Fb',
    'a?b#c',
    '//x//',
    'é/日本/🐈.jpg',
    'e\u0301',
    '"\'<>&',
    'a\\b',
    'exists/a',
  ])('keeps the name %j as it is', async (name) => {
    const { call, json } = startApp()
    expect((await call(`/${encodeName(name)}`, { method: 'PUT', body: 'x' })).status).toBe(201)
    expect((await json(`/-/api/exists/${encodeName(name)}`)).body).toEqual({ name, exists: true })
    const { body } = await json(`/-/api/list/${encodeName(name)}`)
    expect(body['objects']).toMatchObject([{ name }])
  })

  it.each([
    ['POST', '/-/api/open/a', 'GET, HEAD'],
    ['DELETE', '/-/api/exists/a', 'GET, HEAD'],
    ['GET', '/-/api/save/a', 'POST'],
    ['PUT', '/-/api/save/a', 'POST'],
    ['GET', '/-/api/delete/a', 'DELETE'],
    ['GET', '/-/api/exists', 'POST'],
    ['POST', '/-/api/listdir/a', 'GET, HEAD'],
    ['POST', '/-/api/list', 'GET, HEAD'],
    ['DELETE', '/-/api/tombstones', 'GET, HEAD'],
    ['GET', '/-/api/tombstones/purge', 'POST'],
    ['GET', '/-/api/undelete/a', 'POST'],
    ['PUT', '/-/api/backends', 'GET, HEAD'],
  ])('answers %s %s with 405 and Allow: %s', async (method, path, allow) => {
    const response = await startApp().call(path, { method })
    expect([response.status, response.headers.get('Allow')]).toEqual([405, allow])
  })

  it.each([
    ['/-/api/save/a', 'POST'],
    ['/-/api/exists', 'POST'],
    ['/-/api/delete/a', 'DELETE'],
    ['/-/api/size/a', 'GET, HEAD'],
    ['/-/api/tombstones/purge', 'POST'],
  ])('answers OPTIONS %s with Allow: %s, without a token', async (path, allow) => {
    const response = await startApp().call(path, { method: 'OPTIONS', token: null })
    expect([response.status, response.headers.get('Allow')]).toEqual([204, `${allow}, OPTIONS`])
  })

  it.each(['/-/api/', '/-/api/none', '/-/api/none/a', '/-/api'])('answers 404 to %s', async (path) => {
    expect((await startApp().json(path)).status).toBe(404)
  })

  it('sends Cache-Control: no-store with its answers', async () => {
    const response = await startApp().call('/-/api/exists/one')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect((await startApp().call('/-/api/open/one')).headers.get('Cache-Control')).toBe(
      'public, max-age=3600',
    )
  })

  it('lives below MEDIA_PATH', async () => {
    await fill(media, { 'a b': 'x' })
    const { json } = startApp({ MEDIA_PATH: '/media/' })
    expect((await json('/media/-/api/exists/a%20b')).body).toEqual({ name: 'a b', exists: true })
    expect((await json('/media/-/api/url/a%20b')).body['url']).toBe(`${SITE}/media/a%20b`)
  })

  it('makes URLs of MEDIA_URL', async () => {
    const { json } = startApp({ MEDIA_URL: 'https://cdn.example/m/' })
    expect((await json('/-/api/url/a')).body['url']).toBe('https://cdn.example/m/a')
  })

  it.each(['0', '-1', '1.5', 'soon', '604801', ''])('refuses expires_in=%s', async (value) => {
    const { status, body } = await startApp().json(`/-/api/url/one?expires_in=${value}`)
    expect([status, body['detail']]).toEqual([400, 'expires_in: must be a whole number from 1 to 604800'])
  })
})

it('says where the docs are below MEDIA_PATH', async () => {
  const { status, body } = await startApp({ MEDIA_PATH: '/media/' }).json('/media/-/api/nothing')
  expect([status, body['detail']]).toEqual([404, 'the API has no such route; /media/-/docs lists them all'])
})

describe('POST /-/api/exists', () => {
  const post = (names: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify({ names }) })

  it('answers up to 100 names at once', async () => {
    const names = ['one', 'two', ...Array.from({ length: 98 }, (_, index) => `none-${index}`)]
    const { status, body } = await startApp().json('/-/api/exists', post(names))
    expect(status).toBe(200)
    const answers = body['exists'] as Record<string, boolean>
    expect(Object.keys(answers)).toEqual(expect.arrayContaining(names))
    expect(names.filter((name) => answers[name])).toEqual(['one', 'two'])
  })

  it.each([
    [
      '101 names',
      post(Array.from({ length: 101 }, (_, index) => `${index}`)),
      'names: must contain at most 100 names',
    ],
    ['no array', post('a'), 'names: must be an array of names'],
    ['a number', post([1]), 'names.0: must be a string'],
    ['a name that cannot be one', post(['a', '../a']), 'names.1: the name holds a "." or ".." segment'],
    ['no names', { method: 'POST' }, 'names: is required'],
    ['no JSON', { method: 'POST', body: '{' }, 'the body is not JSON in UTF-8'],
    ['no object', { method: 'POST', body: '"a"' }, 'the body must be a JSON object'],
    [
      'an unknown key',
      { method: 'POST', body: '{"names":[],"name":"a"}' },
      'name: this route has no such field',
    ],
  ])('refuses %s and says why', async (_, init, detail) => {
    const { status, body } = await startApp().json('/-/api/exists', init)
    expect([status, body['detail']]).toEqual([400, detail])
  })

  it('says which parameter of a query is missing', async () => {
    const { status, body } = await startApp().json('/-/api/conflicts/a.jpg', { method: 'DELETE' })
    expect([status, body['detail']]).toEqual([400, 'backend: is required'])
  })

  it('refuses two megabytes', async () => {
    const init = { method: 'POST', body: ' '.repeat(2_000_000) }
    expect((await startApp().json('/-/api/exists', init)).status).toBe(413)
  })

  it('fails if one name cannot be decided', async () => {
    await fill(media, { a: 'a' })
    const { json } = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: BROKEN_ORIGIN })
    const { status, body } = await json('/-/api/exists', post(['a', 'b', 'c']))
    expect(status).toBe(502)
    expect(body['backends']).toEqual([
      { name: 'old', error: 'unavailable', detail: 'the origin answered 503' },
    ])
  })
})
