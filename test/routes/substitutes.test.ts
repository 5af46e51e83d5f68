import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import {
  answering,
  BROKEN_ORIGIN,
  EMPTY_ORIGIN,
  fill,
  KV,
  media,
  mediaKv,
  OLD,
  R2,
  startApp,
} from '../kit/app.ts'
import { BUCKET, startS3 } from '../kit/s3-client.ts'

afterEach(async () => {
  const { objects } = await env.MEDIA.list()
  await env.MEDIA.delete(objects.map(({ key }) => key))
})
afterAll(() => reset())

const REWRITE = [['^(.+)-\\d+x\\d+(\\.\\w+)$', '$1$2']]
const PLACEHOLDER = { type: 'placeholder' }

/** An origin that has these objects, each with its ETag. */
function holding(texts: Record<string, string>) {
  return answering(({ url, method }) => {
    const text = texts[decodeURIComponent(new URL(url).pathname.slice(1))]
    if (text === undefined) return new Response(null, { status: 404 })
    const headers = {
      'Content-Type': 'image/jpeg',
      'Content-Length': `${text.length}`,
      ETag: `"${text}"`,
      'Last-Modified': 'Sun, 09 Sep 2001 01:46:40 GMT',
    }
    return new Response(method === 'HEAD' ? null : text, { headers })
  })
}

describe('rewrite', () => {
  const start = (texts: Record<string, string>, settings: Record<string, unknown> = {}) => {
    const origin = holding(texts)
    const worker = startApp({
      FALLBACK_STORAGES: [R2, { ...OLD, rewrite: REWRITE }],
      COPY_QUEUE: undefined,
      OLD: origin,
      ...settings,
    })
    const asked = () => origin.requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`)
    return { ...worker, asked }
  }

  it('answers a missing derivative with its original', async () => {
    const { call } = start({ 'a.jpg': 'original' })
    const response = await call('/a-300x200.jpg')
    expect([response.status, await response.text()]).toEqual([200, 'original'])
    expect(Object.fromEntries(response.headers)).toMatchObject({
      etag: '"original"',
      'last-modified': 'Sun, 09 Sep 2001 01:46:40 GMT',
      'content-type': 'image/jpeg',
      'cache-status': 'fallback-storage; fwd=uri-miss; detail=old',
    })
  })

  it('prefers the derivative itself, and looks for the original only where it is missing', async () => {
    const { call, asked } = start({ 'a.jpg': 'original', 'a-300x200.jpg': 'small' })
    expect(await (await call('/a-300x200.jpg')).text()).toBe('small')
    expect(asked()).toEqual(['GET /a-300x200.jpg'])
  })

  it('answers HEAD, ranges and conditions as for the original', async () => {
    const { call } = start({ 'a.jpg': 'original' })
    const head = await call('/a-300x200.jpg', { method: 'HEAD' })
    expect([head.status, head.headers.get('ETag'), head.headers.get('Content-Length')]).toEqual([
      200,
      '"original"',
      '8',
    ])
    const part = await call('/a-300x200.jpg', { headers: { Range: 'bytes=0-3' } })
    expect([part.status, await part.text(), part.headers.get('Content-Range')]).toEqual([
      206,
      'orig',
      'bytes 0-3/8',
    ])
    const known = await call('/a-300x200.jpg', { headers: { 'If-None-Match': '"original"' } })
    expect(known.status).toBe(304)
    const beyond = await call('/a-300x200.jpg', { headers: { Range: 'bytes=9-' } })
    await beyond.body?.cancel()
    expect([beyond.status, beyond.headers.get('Content-Range')]).toEqual([416, 'bytes */8'])
  })

  it('copies nothing, under either name', async () => {
    const { call, deployment } = start({ 'a.jpg': 'original' }, { FALLBACK_DATA_MIGRATION: true })
    const answers = [
      await call('/a-300x200.jpg'),
      await call('/a-300x200.jpg', { headers: { Range: 'bytes=0-3' } }),
      await call('/a-300x200.jpg', { method: 'HEAD' }),
    ]
    for (const answer of answers) {
      await answer.text()
      expect(answer.headers.get('Cache-Status')).not.toContain('stored')
    }
    expect(deployment.migration.counts.latest('a.jpg')).toBeUndefined()
    expect((await env.MEDIA.list()).objects).toEqual([])
  })

  it('still copies what it serves under its own name, also while a derivative is read', async () => {
    const { call } = start({ 'own.jpg': 'original' }, { FALLBACK_DATA_MIGRATION: true })
    const [derivative, original] = await Promise.all([call('/own-1x1.jpg'), call('/own.jpg')])
    expect(original.headers.get('Cache-Status')).toBe('fallback-storage; fwd=uri-miss; stored; detail=old')
    expect([await derivative.text(), await original.text()]).toEqual(['original', 'original'])
    await expect.poll(() => env.MEDIA.head('own.jpg')).not.toBeNull()
    expect(await env.MEDIA.head('own-1x1.jpg')).toBeNull()
  })

  it('is only for media: nothing else knows of the derivative', async () => {
    const { post, get, call } = start({ 'a.jpg': 'original' })
    expect((await post('exists', { names: ['a-300x200.jpg', 'a.jpg'] })).body).toMatchObject({
      exists: { 'a-300x200.jpg': false, 'a.jpg': true },
    })
    expect(await get('explain/a-300x200.jpg')).toMatchObject({ would_serve: null })
    const opened = await call('/-/api/open/a-300x200.jpg')
    await opened.body?.cancel()
    expect(opened.status).toBe(404)
    const put = await call('/a-300x200.jpg', {
      method: 'PUT',
      body: 'new',
      headers: { 'If-None-Match': '*' },
    })
    expect(put.status).toBe(201)
    expect(await (await call('/a-300x200.jpg')).text()).toBe('new')
  })

  it('leaves a deleted derivative deleted', async () => {
    const { call } = start({ 'a.jpg': 'original' })
    await call('/a-300x200.jpg', { method: 'DELETE' })
    const response = await call('/a-300x200.jpg')
    await response.body?.cancel()
    expect(response.status).toBe(404)
  })

  it('hides the derivatives of a deleted original where the primary has the same rules', async () => {
    const FALLBACK_STORAGES = [
      { ...R2, rewrite: REWRITE },
      { ...OLD, rewrite: REWRITE },
    ]
    const { call } = start({ 'a.jpg': 'original' }, { FALLBACK_STORAGES })
    await call('/a.jpg', { method: 'DELETE' })
    const response = await call('/a-300x200.jpg')
    await response.body?.cancel()
    expect(response.status).toBe(404)
  })

  it.each(['GET', 'HEAD'])('answers %s with no original that was deleted in the primary', async (method) => {
    const { call } = start({ 'a.jpg': 'original', 'b.jpg': 'original' })
    await call('/a.jpg', { method: 'DELETE' })
    const [deleted, other] = [await call('/a-1x1.jpg', { method }), await call('/b-1x1.jpg', { method })]
    await Promise.all([deleted.text(), other.text()])
    expect([deleted.status, other.status]).toEqual([404, 200])
  })

  it('answers with no original that was deleted in an earlier primary', async () => {
    await mediaKv.put?.('c.jpg', new Uint8Array(0), { info: { deleted: new Date() } })
    const FALLBACK_STORAGES = [R2, { ...KV, read_only: false }, { ...OLD, rewrite: REWRITE }]
    const { call } = start({ 'c.jpg': 'original', 'b.jpg': 'original' }, { FALLBACK_STORAGES })
    const [deleted, other] = [await call('/c-1x1.jpg'), await call('/b-1x1.jpg')]
    await Promise.all([deleted.text(), other.text()])
    expect([deleted.status, other.status]).toEqual([404, 200])
  })

  it('fails if the primary cannot say whether the original was deleted', async () => {
    const { call } = start({ 'a.jpg': 'original' })
    vi.spyOn(env.MEDIA, 'head').mockRejectedValue(new Error('down'))
    const response = await call('/a-1x1.jpg')
    vi.restoreAllMocks()
    await response.body?.cancel()
    expect(response.status).toBe(502)
  })

  it('serves the derivatives of an upload from the primary', async () => {
    await fill(media, { 'new.jpg': 'upload' })
    const FALLBACK_STORAGES = [{ ...R2, rewrite: REWRITE }, OLD]
    const { call } = start({}, { FALLBACK_STORAGES })
    const response = await call('/new-300x200.jpg')
    expect(await response.text()).toBe('upload')
    expect(response.headers.get('Cache-Status')).toBe('fallback-storage; hit; detail=media')
  })

  it('reports a failure while it looks for the original', async () => {
    const failing = answering(({ url }) => new Response(null, { status: url.includes('x200') ? 404 : 503 }))
    const { call } = start({}, { OLD: failing })
    const response = await call('/a-300x200.jpg')
    await response.body?.cancel()
    expect(response.status).toBe(502)
  })

  it('remembers for each name by itself that it is missing', async () => {
    const { call, asked } = start({ 'a.jpg': 'original' })
    for (const name of ['a-1x1.jpg', 'a-1x1.jpg', 'b-1x1.jpg', 'b-1x1.jpg'])
      await (await call(`/${name}`)).text()
    expect(asked()).toEqual(['GET /a-1x1.jpg', 'GET /a.jpg', 'GET /a.jpg', 'GET /b-1x1.jpg', 'GET /b.jpg'])
  })

  it('never leads out of the media or to an internal name', async () => {
    const rules = [
      ['x', ''],
      ['^y', '-/'],
      ['^z', '.trash/2'],
      ['^long', 'n'.repeat(1025)],
      ['^gone$', ''],
    ]
    const { call, asked } = start({}, { FALLBACK_STORAGES: [{ ...OLD, rewrite: rules }] })
    for (const name of ['a/.x./b', 'ya', 'z024', 'long', 'gone']) await (await call(`/${name}`)).text()
    expect(asked()).toEqual(['/a/.x./b', '/ya', '/z024', '/long', '/gone'].map((path) => `GET ${path}`))
  })

  it('tries the rules in order, each on the requested name', async () => {
    const rules = [
      ['-small', '-medium'],
      ['-small', ''],
      ['-(small|large)', ''],
    ]
    const { call, asked } = start(
      { 'a.png': 'original' },
      { FALLBACK_STORAGES: [{ ...OLD, rewrite: rules }] },
    )
    expect(await (await call('/a-small.png')).text()).toBe('original')
    expect(asked()).toEqual(['GET /a-small.png', 'GET /a-medium.png', 'GET /a.png'])
  })

  it('tries no name that the backend is configured not to have', async () => {
    const texts = { 'a.jpg': 'original', 'tmp/a.jpg': 'private' }
    const filtered = { ...OLD, rewrite: REWRITE, exclude: ['^tmp/[^-]*$', '^b-'] }
    const { call, asked } = start(texts, { FALLBACK_STORAGES: [filtered] })
    for (const name of ['tmp/a-1x1.jpg', 'b-1x1.jpg']) expect((await call(`/${name}`)).status).toBe(404)
    expect(asked()).toEqual(['GET /tmp/a-1x1.jpg'])
  })

  it('works while a silent backend is hedged', async () => {
    const FALLBACK_STORAGES = [
      R2,
      { ...OLD, name: 'slow', binding: 'SLOW', hedge_ms: 5 },
      { ...OLD, rewrite: REWRITE },
    ]
    const SLOW = answering(
      ({ signal }) =>
        new Promise<never>((_, fail) => signal.addEventListener('abort', () => fail(signal.reason))),
    )
    const { call } = start({ 'a.jpg': 'original' }, { FALLBACK_STORAGES, SLOW })
    const response = await call('/a-300x200.jpg')
    expect([await response.text(), response.headers.get('Cache-Control')]).toEqual(['original', 'no-store'])
  })
})

describe('placeholder', () => {
  const start = (settings: Record<string, unknown> = {}) =>
    startApp({
      FALLBACK_STORAGES: [R2, OLD, PLACEHOLDER],
      OLD: EMPTY_ORIGIN,
      FALLBACK_DATA_MIGRATION: true,
      ...settings,
    })

  it('answers pictures that nobody has by an SVG of the size in the name', async () => {
    const { call } = start()
    const response = await call('/2024/a-300x200.jpg')
    expect(response.status).toBe(200)
    expect(await response.text()).toMatch(/^<svg [^>]*width="300" height="200"/)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/svg+xml',
      'cache-control': 'no-store',
      'cache-status': 'fallback-storage; fwd=uri-miss; detail=placeholder',
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
    })
    expect(response.headers.get('Server-Timing')).toMatch(
      /media;.*absent, old;.*absent, placeholder;dur=0;desc=hit$/,
    )
    expect(response.headers.get('ETag')).toBeNull()
  })

  it('answers HEAD with the headers of GET', async () => {
    const { call } = start()
    const [got, head] = [await call('/a.png'), await call('/a.png', { method: 'HEAD' })]
    const described = ({ headers }: Response) =>
      ['Content-Type', 'Cache-Control', 'Cache-Status'].map((name) => headers.get(name))
    await got.text()
    expect([head.status, described(head)]).toEqual([200, described(got)])
  })

  it('answers other types of images by a GIF of one pixel', async () => {
    const response = await start().call('/favicon.ico')
    expect([response.headers.get('Content-Type'), await response.text()]).toEqual([
      'image/gif',
      expect.stringMatching(/^GIF89a/),
    ])
  })

  it('answers a range of it', async () => {
    const response = await start().call('/a.png', { headers: { Range: 'bytes=0-3' } })
    expect([response.status, await response.text()]).toEqual([206, '<svg'])
  })

  it.each(['/a.pdf', '/a.mp4', '/a', '/styles/', '/a.html'])('leaves %s a 404', async (path) => {
    const response = await start().call(path)
    await response.body?.cancel()
    expect(response.status).toBe(404)
  })

  it('comes after every backend, and after rewritten names', async () => {
    await fill(mediaKv, { 'a.jpg': 'original', 'b-1x1.jpg': 'small' })
    const { call } = start({ FALLBACK_STORAGES: [R2, { ...KV, rewrite: REWRITE }, PLACEHOLDER] })
    expect(await (await call('/a-1x1.jpg')).text()).toBe('original')
    expect(await (await call('/b-1x1.jpg')).text()).toBe('small')
  })

  it.each([
    ['a failure', BROKEN_ORIGIN, 502],
    ['a refusal', answering(() => new Response(null, { status: 403 })), 502],
  ])('never hides %s of an earlier backend', async (_, OLD_ORIGIN, status) => {
    const { call } = start({ OLD: OLD_ORIGIN })
    const response = await call('/a.jpg')
    await response.body?.cancel()
    expect(response.status).toBe(status)
    expect(response.headers.get('Content-Type')).toBe('application/problem+json')
    expect((await call('/a.jpg', { method: 'HEAD' })).status).toBe(status)
  })

  it('is no answer for what was deleted', async () => {
    const { call } = start()
    await call('/a.jpg', { method: 'PUT', body: 'bytes' })
    await call('/a.jpg', { method: 'DELETE' })
    const response = await call('/a.jpg')
    await response.body?.cancel()
    expect(response.status).toBe(404)
  })

  it('is never stored, listed or counted as existing', async () => {
    const { call, post, get } = start()
    for (const path of ['/a.jpg', '/b-1x1.png', '/c.ico']) await (await call(path)).text()
    expect((await env.MEDIA.list()).objects).toEqual([])
    expect(await get('list')).toMatchObject({ objects: [] })
    expect((await post('exists', { names: ['a.jpg'] })).body).toMatchObject({ exists: { 'a.jpg': false } })
    expect((await call('/-/api/size/a.jpg')).status).toBe(404)
    expect((await post('migrate', { names: ['a.jpg'] })).body).toMatchObject({
      results: [{ outcome: 'absent' }],
    })
    expect(await get('explain/a.jpg')).toMatchObject({ would_serve: null })
    const put = await call('/a.jpg', { method: 'PUT', body: 'bytes', headers: { 'If-None-Match': '*' } })
    expect(put.status).toBe(201)
    expect(await (await call('/a.jpg')).text()).toBe('bytes')
  })

  it('is unknown to S3 clients, and so are rewritten names', async () => {
    await fill(media, { 'b.jpg': 'original' })
    const rewriting = { ...R2, rewrite: REWRITE }
    const { s3 } = startS3({ FALLBACK_STORAGES: [rewriting, PLACEHOLDER] })
    for (const key of ['a.jpg', 'b-1x1.jpg']) {
      const got = await s3('GET', `/${BUCKET}/${key}`)
      expect([got.status, await got.text()]).toEqual([404, expect.stringContaining('NoSuchKey')])
      expect((await s3('HEAD', `/${BUCKET}/${key}`)).status).toBe(404)
    }
  })

  it('can have another name', async () => {
    const { call } = start({ FALLBACK_STORAGES: [R2, { ...PLACEHOLDER, name: 'grey' }] })
    const response = await call('/a.jpg', { method: 'HEAD' })
    expect(response.headers.get('Cache-Status')).toBe('fallback-storage; fwd=uri-miss; detail=grey')
  })
})

describe('redirect', () => {
  const S3 = {
    type: 's3',
    name: 'bucket',
    endpoint: 'https://s3.example',
    bucket: 'media',
    credentials: 'LEGACY',
    redirect: true,
  }
  const start = (table: Record<string, unknown>, settings: Record<string, unknown> = {}) =>
    startApp({
      FALLBACK_STORAGES: [R2, { ...OLD, redirect: true, public_url: 'https://cdn.example/media', ...table }],
      FALLBACK_DATA_MIGRATION: true,
      COPY_QUEUE: undefined,
      OLD: holding({ 'a b.jpg': 'original', 'm/a.jpg': 'prefixed' }),
      ...settings,
    })

  it('sends a GET to the object where it is', async () => {
    const { call } = start({})
    const response = await call('/a%20b.jpg')
    expect([response.status, await response.text()]).toEqual([307, ''])
    expect(Object.fromEntries(response.headers)).toMatchObject({
      location: 'https://cdn.example/media/a%20b.jpg',
      'cache-control': 'no-store',
      'cache-status': 'fallback-storage; fwd=uri-miss; detail=old',
    })
    expect(response.headers.get('ETag')).toBeNull()
    expect((await env.MEDIA.list()).objects).toEqual([])
  })

  it('leads to the key, not the name', async () => {
    const response = await start({ prefix: 'm/' }).call('/a.jpg')
    expect(response.headers.get('Location')).toBe('https://cdn.example/media/m/a.jpg')
  })

  it('reads nothing but metadata', async () => {
    const origin = holding({ 'a.jpg': 'original' })
    await start({}, { OLD: origin }).call('/a.jpg')
    expect(origin.requests.map(({ method }) => method)).toEqual(['HEAD'])
  })

  it.each([
    ['a range', { Range: 'bytes=0-3' }],
    ['a range beyond the end', { Range: 'bytes=100-' }],
    ['a condition', { 'If-None-Match': '"original"' }],
    ['a condition that fails', { 'If-Match': '"other"' }],
  ])('leaves %s to the server that it leads to', async (_, headers) => {
    const response = await start({}).call('/a%20b.jpg', { headers })
    expect(response.status).toBe(307)
  })

  it.each([{}, { MEDIA_EDGE_CACHE_SECONDS: 60 }])(
    'sends the object where the client wants another disposition: %j',
    async (settings) => {
      const signing = { id: 'one', key: '0123456789abcdef0123456789abcdef' }
      const { call } = start({}, { URL_SIGNING_KEYS: [signing], ...settings })
      const wanted = 'attachment; filename="b.jpg"'
      const query = `response-content-disposition=${encodeURIComponent(wanted)}`
      const made = await call(`/-/api/url/a%20b.jpg?${query}`)
      const { search } = new URL((await made.json<{ url: string }>()).url)
      const response = await call(`/a%20b.jpg${search}`, { token: null })
      expect([response.status, await response.text()]).toEqual([200, 'original'])
      expect(response.headers.get('Content-Disposition')).toBe(wanted)
      const part = await call(`/a%20b.jpg${search}`, { headers: { Range: 'bytes=0-3' } })
      expect([part.status, await part.text()]).toEqual([206, 'orig'])
      expect((await env.MEDIA.list()).objects).toEqual([])
    },
  )

  it('answers HEAD itself', async () => {
    const response = await start({}).call('/a%20b.jpg', { method: 'HEAD' })
    expect([response.status, response.headers.get('Content-Length')]).toEqual([200, '8'])
  })

  it('is 508 if it would lead to the same address again', async () => {
    const response = await start({ public_url: '/' }).call('/a%20b.jpg')
    expect([response.status, await response.json()]).toMatchObject([508, { backends: [{ name: 'old' }] }])
  })

  it('is a 404 or a failure as without it', async () => {
    const missing = await start({}).call('/none.jpg')
    const failed = await start({}, { OLD: BROKEN_ORIGIN }).call('/a.jpg')
    await Promise.all([missing.text(), failed.text()])
    expect([missing.status, failed.status]).toEqual([404, 502])
  })

  it('leaves what earlier backends have to them', async () => {
    await fill(media, { 'a b.jpg': 'own' })
    expect(await (await start({}).call('/a%20b.jpg')).text()).toBe('own')
  })

  it('leads to the original of a derivative', async () => {
    const response = await start({ rewrite: REWRITE }).call('/a%20b-1x1.jpg')
    expect(response.headers.get('Location')).toBe('https://cdn.example/media/a%20b.jpg')
  })

  it('leaves the JSON API its bytes', async () => {
    const response = await start({}).call('/-/api/open/a%20b.jpg')
    expect([response.status, await response.text()]).toEqual([200, 'original'])
  })

  it('presigns the URL of a private bucket, without a request of its own to read the object', async () => {
    const fetched: Request[] = []
    vi.stubGlobal('fetch', async (url: string, init?: RequestInit) => {
      fetched.push(new Request(url, init))
      return new Response(null, { headers: { ETag: '"a"', 'Content-Length': '8' } })
    })
    const { call } = startApp({
      FALLBACK_STORAGES: [R2, S3],
      LEGACY_ACCESS_KEY_ID: 'id-of-legacy',
      LEGACY_SECRET_ACCESS_KEY: 'hush-hush',
    })
    const response = await call('/c%20d.jpg')
    const location = new URL(response.headers.get('Location') ?? '')
    expect([response.status, location.origin + location.pathname]).toEqual([
      307,
      'https://s3.example/media/c%20d.jpg',
    ])
    expect([...location.searchParams.keys()]).toEqual(
      expect.arrayContaining(['X-Amz-Expires', 'X-Amz-Credential', 'X-Amz-Signature']),
    )
    expect(location.href).not.toContain('hush-hush')
    expect(fetched.map(({ method }) => method)).toEqual(['HEAD'])
    vi.unstubAllGlobals()
  })
})
