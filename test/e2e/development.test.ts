import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Origin, startOrigin } from '../kit/origin/origin.ts'
import { serve } from '../kit/origin/serve.ts'
import { status } from '../kit/origin/spoil.ts'
import { s3Source, type Source } from '../kit/servers/sources.ts'
import { type Site, startSite } from '../kit/worker/site.ts'

/** An empty bucket, production behind basic authentication, an archive that clients are sent to, and a placeholder. */
let production: Origin
let archive: Source
let site: Site

beforeAll(async () => {
  production = await startOrigin()
  archive = await s3Source({ name: 'archive', redirect: true })
  const allowed = `Basic ${btoa('me:hush-hush')}`
  await production.set('*', (exchange) =>
    (exchange.request.headers.authorization === allowed ? serve : status(401))(exchange),
  )
  site = await startSite({
    storages: [
      { type: 'r2', binding: 'MEDIA' },
      {
        type: 'http',
        name: 'production',
        url: production.url,
        basic_auth: 'PRODUCTION_BASIC_AUTH',
        rewrite: [['^(.+)-\\d+x\\d+(\\.\\w+)$', '$1$2']],
      },
      archive.table,
      { type: 'placeholder' },
    ],
    vars: { PRODUCTION_BASIC_AUTH: 'me:hush-hush', ...archive.secrets },
  })
  production.add('photo.jpg', 'original')
  await archive.add('old/ü 1.jpg', Buffer.from('from the archive'))
})
afterAll(() => Promise.all([site.close(), production.close(), archive.close()]))

it('serves originals for thumbnails, and stores only what is requested by its own name', async () => {
  const thumbnail = await site.fetch('photo-300x200.jpg')
  expect([thumbnail.status, await thumbnail.text()]).toEqual([200, 'original'])
  expect(thumbnail.headers.get('Content-Length')).toBe('8')
  const photo = await site.fetch('photo.jpg')
  expect(await photo.text()).toBe('original')
  expect((await site.stored('photo.jpg')).toString()).toBe('original')
  const { objects } = await site.bucket.list()
  expect(objects.map(({ key }) => key)).toEqual(['photo.jpg'])
})

it('sends clients to a private bucket by a URL that its server accepts, also for a range', async () => {
  const redirect = await site.fetch('old/%C3%BC%201.jpg', { redirect: 'manual' })
  expect([redirect.status, redirect.headers.get('Cache-Control')]).toEqual([307, 'no-store'])
  const whole = await site.fetch('old/%C3%BC%201.jpg')
  expect([whole.redirected, whole.status, await whole.text()]).toEqual([true, 200, 'from the archive'])
  const part = await site.fetch('old/%C3%BC%201.jpg', { headers: { Range: 'bytes=9-' } })
  expect([part.status, await part.text()]).toEqual([206, 'archive'])
  expect(site.copies('old/ü 1.jpg')).toEqual([])
})

it('fills gaps by a placeholder, until what is missing is uploaded', async () => {
  const missing = await site.fetch('gap-64x48.png')
  const text = await missing.text()
  expect([missing.status, missing.headers.get('Content-Length')]).toEqual([200, `${Buffer.byteLength(text)}`])
  expect(text).toContain('width="64" height="48"')
  expect((await site.call('gap-64x48.png', { method: 'PUT', body: 'uploaded' })).status).toBe(201)
  expect(await (await site.fetch('gap-64x48.png')).text()).toBe('uploaded')
})

it('reports that production refuses the password, instead of a placeholder', async () => {
  await production.set('refused.png', status(401))
  const response = await site.fetch('refused.png')
  expect([response.status, await response.json()]).toMatchObject([
    502,
    { backends: [{ name: 'production', error: 'denied' }] },
  ])
})
