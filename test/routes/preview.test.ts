import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import { answering, fill, media, mediaKv, OLD, R2, seed, startApp } from '../kit/app.ts'
import { bytesOf } from '../kit/fakes.ts'
import { logged } from '../kit/logged.ts'

afterEach(() => reset())

const MIGRATING = { FALLBACK_DATA_MIGRATION: true }

describe('a preview', () => {
  it('of 200 objects of a fallback copies none, and does not count as a read of the fallback', async () => {
    await seed(200)
    const { call, get, deployment } = startApp({ ...MIGRATING, TIME_SERIES: env.TIME_SERIES })
    for (let index = 0; index < 200; index++) {
      const name = `photos/${String(index).padStart(4, '0')}`
      const response = await call(`/-/api/preview/${name}`)
      expect([response.status, await response.text()]).toEqual([200, `bytes ${index}`])
      expect(response.headers.get('Cache-Status')).not.toContain('stored')
    }
    expect((await env.MEDIA.list()).objects).toEqual([])
    expect(await get('explain/photos/0199')).toMatchObject({ migration: { state: 'pending' } })
    expect(deployment.migration.counts.latest('photos/0000')).toBeUndefined()
    expect(await get('backends')).toMatchObject({ last_fallback_read: null, counted_since: null })
    const metrics = await (await call('/-/metrics')).text()
    expect(metrics).not.toMatch(/requests_total\{[^}]*outcome="(?:fallback|hit)"/)
    // The 200, `explain` and `backends`.
    expect(metrics).toContain('requests_total{route="api",method="GET",outcome="done",status="200"} 202')
  })

  it('has the ranges, conditions and HEAD of GET, from the primary and from a fallback', async () => {
    await fill(media, { moved: '0123456789' })
    await fill(mediaKv, { old: '0123456789' })
    const { call } = startApp(MIGRATING)
    for (const name of ['moved', 'old']) {
      const path = `/-/api/preview/${name}`
      const part = await call(path, { headers: { Range: 'bytes=2-4' } })
      expect([part.status, part.headers.get('Content-Range'), await part.text()]).toEqual([
        206,
        'bytes 2-4/10',
        '234',
      ])
      expect((await call(path, { headers: { Range: 'bytes=10-' } })).status).toBe(416)
      const head = await call(path, { method: 'HEAD' })
      expect([head.status, head.headers.get('Content-Length'), await head.text()]).toEqual([200, '10', ''])
      const headers = { 'If-None-Match': head.headers.get('ETag') ?? '' }
      const unchanged = await call(path, { headers })
      expect([unchanged.status, unchanged.headers.get('Cache-Control')]).toEqual([304, 'private, max-age=60'])
      expect((await call(path, { headers: { 'If-Match': '"other"' } })).status).toBe(412)
    }
    expect((await env.MEDIA.list()).objects).toHaveLength(1)
  })

  it('of a name that is deleted or missing is 404', async () => {
    await fill(mediaKv, { old: 'x' })
    const { call, remove } = startApp(MIGRATING)
    await remove('old')
    for (const name of ['old', 'none'])
      for (const method of ['GET', 'HEAD'])
        expect((await call(`/-/api/preview/${name}`, { method })).status).toBe(404)
  })

  it('does not keep a read that comes at the same time from copying', async () => {
    const body = 'x'.repeat(200_000)
    const { promise, resolve } = Promise.withResolvers<void>()
    const origin = answering(async () => {
      await promise
      return new Response(body, { headers: { ETag: '"1"', 'Content-Length': `${body.length}` } })
    })
    const { call } = startApp({ ...MIGRATING, FALLBACK_STORAGES: [R2, OLD], OLD: origin })
    const previewed = call('/-/api/preview/a')
    await expect.poll(() => origin.requests.length).toBe(1)
    const read = call('/a')
    resolve()
    const texts = await Promise.all([previewed, read].map(async (response) => (await response).text()))
    expect(texts).toEqual([body, body])
    await expect.poll(() => media.head('a')).toMatchObject({ size: body.length })
  })

  it('is not compared with the source, as reads of copies may be', async () => {
    const compared: string[] = []
    const origin = answering(({ method, url }) => {
      if (method === 'HEAD') compared.push(new URL(url).pathname)
      return new Response(method === 'HEAD' ? null : 'x', { headers: { ETag: '"1"', 'Content-Length': '1' } })
    })
    const settings = { ...MIGRATING, FALLBACK_STORAGES: [R2, OLD], OLD: origin, COPY_QUEUE: undefined }
    const { call } = startApp({ ...settings, FALLBACK_SHADOW_PERCENT: 100 })
    for (const name of ['a', 'b']) {
      await (await call(`/${name}`)).text()
      await expect.poll(() => media.head(name)).toMatchObject({ size: 1 })
    }
    for (const method of ['GET', 'HEAD']) await (await call('/-/api/preview/a', { method })).text()
    await call('/b', { method: 'HEAD' })
    await expect.poll(() => compared).toContain('/b')
    expect(compared).not.toContain('/a')
  })

  it('is logged without a backend that answered', async () => {
    await fill(mediaKv, { old: 'x' })
    const { call } = startApp(MIGRATING)
    const [line] = await logged(() => call('/-/api/preview/old'))
    expect(line).toMatchObject({ route: 'api', outcome: 'done', attempts: ['media=absent', 'media_kv=hit'] })
    expect(line).not.toHaveProperty('backend')
  })

  it('is for the page that asks and for no cache but its own, whatever the object says', async () => {
    const info = {
      contentDisposition: 'attachment; filename="a.pdf"',
      cacheControl: 'public, max-age=31536000, immutable',
      expires: new Date(4e12),
    }
    await media.put?.('a.pdf', bytesOf('%PDF'), { info })
    const { call } = startApp({ ...MIGRATING, MEDIA_EDGE_CACHE_SECONDS: 60 })
    const { headers } = await call('/-/api/preview/a.pdf')
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'application/pdf',
      'cache-control': 'private, max-age=60',
      'cross-origin-resource-policy': 'same-origin',
      'content-security-policy': "frame-ancestors 'self'",
      'x-content-type-options': 'nosniff',
    })
    expect(headers.has('Content-Disposition') || headers.has('Expires')).toBe(false)
  })

  it('is not cached if it may be out of date because the primary failed', async () => {
    await fill(mediaKv, { old: 'x' })
    const { call } = startApp({
      FALLBACK_STORAGES: [OLD, { type: 'kv', binding: 'MEDIA_KV', read_only: true }],
      OLD: answering(() => new Response(null, { status: 503 })),
    })
    const response = await call('/-/api/preview/old')
    expect([response.status, response.headers.get('Cache-Control')]).toEqual([200, 'no-store'])
  })

  it.each(['no-store, max-age=0', 'no-transform'])(
    'is not cached either if the object says %s as well',
    async (cacheControl) => {
      await mediaKv.put?.('old', bytesOf('x'), { info: { cacheControl } })
      const { call } = startApp({
        FALLBACK_STORAGES: [OLD, { type: 'kv', binding: 'MEDIA_KV', read_only: true }],
        OLD: answering(() => new Response(null, { status: 503 })),
      })
      const { headers } = await call('/-/api/preview/old')
      expect(headers.get('Cache-Control')).toMatch(/^no-store/)
    },
  )

  it('is not cached if the object must not be', async () => {
    await media.put?.('a', bytesOf('x'), { info: { cacheControl: 'private, no-store' } })
    const { headers } = await startApp().call('/-/api/preview/a')
    expect(headers.get('Cache-Control')).toBe('private, no-store')
  })
})
