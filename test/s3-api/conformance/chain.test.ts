import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { HIT } from '../../edge-cache/kit.ts'
import { KV, media, mediaKv, R2, SITE, TOKEN } from '../../kit/app.ts'
import { eventually } from '../../kit/eventually.ts'
import { BUCKET, S3_KEYS, startS3 } from '../../kit/s3-client.ts'
import { batch, bucket, type Call, copy, del, get, head, put } from './case.ts'
import { send } from './run.ts'
import { nextPrefix, seedInto, siteOf } from './sites.ts'
import { textsAt } from './xml.ts'

/** R2 and KV behind S3, media and the JSON API, each name below a prefix of its own. */
function start(settings: Record<string, unknown> = {}) {
  const prefix = nextPrefix()
  const { app, call: request } = startS3({
    FALLBACK_STORAGES: [
      { ...R2, prefix },
      { ...KV, prefix },
    ],
    ...settings,
  })
  const site = siteOf(app)
  const s3 = (call: Call) => send(site, call)
  const call = async (path: string, method = 'GET') =>
    app.request(`${SITE}${path}`, { method, headers: { Authorization: `Bearer ${TOKEN}` } })
  /** As an anonymous client of media. */
  const read = (name: string) => request(`/${name}`, { token: null })
  return { prefix, s3, call, app, read }
}

describe('migration', () => {
  const migrating = { FALLBACK_DATA_MIGRATION: true }

  it('copies what S3 clients read to the primary, with its tag and metadata', async () => {
    const { prefix, s3 } = start(migrating)
    await seedInto(mediaKv, prefix, {
      a: { body: 'old', contentType: 'text/x-test', metadata: { color: 'red' } },
    })
    const before = await s3(head('a'))
    expect((await s3(get('a'))).text).toBe('old')
    const copied = await eventually(
      () => 'the copy',
      async () => media.head(`${prefix}a`),
    )
    expect(copied).toMatchObject({ contentType: 'text/x-test', metadata: { color: 'red' }, size: 3 })
    const after = await s3(head('a'))
    for (const name of ['etag', 'last-modified', 'content-type', 'x-amz-meta-color'])
      expect(after.headers.get(name), name).toBe(before.headers.get(name))
  })

  it('copies nothing for HEAD', async () => {
    const { prefix, s3 } = start(migrating)
    await seedInto(mediaKv, prefix, { a: 'old' })
    await s3(head('a'))
    expect(await media.head(`${prefix}a`)).toBeNull()
  })

  it('copies nothing while it is off', async () => {
    const { prefix, s3 } = start()
    await seedInto(mediaKv, prefix, { a: 'old' })
    expect((await s3(get('a'))).text).toBe('old')
    expect(await media.head(`${prefix}a`)).toBeNull()
  })

  it('goes on with ranges under the tag of before', async () => {
    const { prefix, s3 } = start(migrating)
    await seedInto(mediaKv, prefix, { a: '0123456789' })
    const tag = (await s3(head('a'))).headers.get('etag') ?? ''
    expect((await s3(get('a', { range: 'bytes=0-4', 'if-match': tag }))).text).toBe('01234')
    await s3(get('a'))
    await eventually(
      () => 'the copy',
      async () => media.head(`${prefix}a`),
    )
    const rest = await s3(get('a', { range: 'bytes=5-', 'if-match': tag }))
    expect([rest.status, rest.text]).toEqual([206, '56789'])
  })

  it('writes copies to the primary', async () => {
    const { prefix, s3 } = start()
    await seedInto(mediaKv, prefix, { a: 'old' })
    expect((await s3(copy('b', `/${BUCKET}/a`))).status).toBe(200)
    expect(await media.head(`${prefix}b`)).toMatchObject({ size: 3 })
  })
})

describe('deletions', () => {
  it('are seen by media, the API and listings, and the fallback is left alone', async () => {
    const { prefix, s3, call } = start({ FALLBACK_DATA_MIGRATION: true })
    await seedInto(mediaKv, prefix, { a: 'old', b: 'old', c: 'old' })
    expect((await s3(del('a'))).status).toBe(204)
    expect((await s3(batch(['b']))).status).toBe(200)
    for (const name of ['a', 'b']) {
      expect((await call(`/${name}`)).status, name).toBe(404)
      expect((await s3(get(name))).status, name).toBe(404)
      expect(await mediaKv.head(prefix + name), name).not.toBeNull()
    }
    expect(await (await call('/-/api/exists/a')).json()).toMatchObject({ exists: false })
    expect(textsAt((await s3(bucket('GET', { 'list-type': '2' }))).xml, 'Contents.Key')).toEqual(['c'])
  })

  it('of media and of the API are seen by S3 clients', async () => {
    const { prefix, s3, call } = start()
    await seedInto(mediaKv, prefix, { a: 'old', b: 'old', c: 'old' })
    await call('/a', 'DELETE')
    await call('/-/api/delete/b', 'DELETE')
    for (const name of ['a', 'b']) expect((await s3(get(name))).status, name).toBe(404)
    expect(textsAt((await s3(bucket('GET'))).xml, 'Contents.Key')).toEqual(['c'])
  })
})

describe('the edge cache', () => {
  const CHANGES: [string, Call, number, string][] = [
    ['PutObject', put('a', 'new'), 200, 'new'],
    ['CopyObject', copy('a', `/${BUCKET}/b`), 200, 'other'],
    ['DeleteObject', del('a'), 404, ''],
    ['DeleteObjects', batch(['a']), 404, ''],
  ]

  it.each(CHANGES)('is purged by %s', async (_, change, status, text) => {
    const { prefix, s3, read } = start({ MEDIA_EDGE_CACHE_SECONDS: '60' })
    // The cache of the isolate knows nothing of the prefix of the backends.
    await seedInto(media, prefix, { a: 'old', b: 'other' })
    await eventually(
      () => 'a hit',
      async () => {
        const response = await read('a')
        await response.arrayBuffer()
        return HIT.test(response.headers.get('Cache-Status') ?? '') || null
      },
    )
    await s3(change)
    const response = await read('a')
    expect(response.status).toBe(status)
    if (status === 200) expect(await response.text()).toBe(text)
  })

  it('is not asked by S3 clients', async () => {
    const { prefix, s3, read } = start({ MEDIA_EDGE_CACHE_SECONDS: '60' })
    await seedInto(media, prefix, { a: 'old' })
    await eventually(
      () => 'a hit',
      async () => {
        const response = await read('a')
        await response.arrayBuffer()
        return HIT.test(response.headers.get('Cache-Status') ?? '') || null
      },
    )
    await env.MEDIA.put(`${prefix}a`, 'new')
    expect((await s3(get('a'))).text).toBe('new')
  })
})

describe('the entrances', () => {
  it.each([
    ['path style', 'https://s3.example', undefined],
    ['virtual-host style', `https://${BUCKET}.s3.example`, '/a'],
  ])('on a host of its own: %s', async (_, endpoint, path) => {
    const { prefix, app } = start({ S3_HOST: 's3.example' })
    await seedInto(media, prefix, { a: 'old' })
    const site = siteOf(app, undefined, endpoint)
    const more = path === undefined ? {} : { path }
    expect((await send(site, get('a', {}, more))).text).toBe('old')
    expect((await send(site, put('a', 'new', {}, more))).status).toBe(200)
    expect((await send(site, get('a', {}, { ...more, sign: 'query' }))).text).toBe('new')
  })

  it('nothing else answers on the host of its own', async () => {
    const { prefix, app } = start({ S3_HOST: 's3.example' })
    await seedInto(media, prefix, { a: 'old' })
    for (const path of ['/a', '/-/api/exists/a', '/-/docs', `/${BUCKET}/a`]) {
      const response = await app.request(`https://s3.example${path}`, {
        headers: { Authorization: `Bearer ${TOKEN}` },
      })
      expect(await response.text(), path).toContain('<Error>')
      expect(response.status, path).toBeGreaterThanOrEqual(400)
    }
    expect((await app.request('https://s3.example/-/health')).status).toBeLessThan(500)
  })

  it('a signature does not make a request for media one of S3', async () => {
    const { prefix, app } = start()
    await seedInto(media, prefix, { a: 'old' })
    const response = await app.request(
      `${SITE}/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${S3_KEYS.writer.access_key_id}`,
    )
    expect(await response.text()).toBe('old')
  })
})
