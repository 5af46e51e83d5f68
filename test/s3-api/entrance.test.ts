import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createEntrance } from '../../src/routes/s3/entrance.ts'
import { fill, media } from '../kit/app.ts'
import { logged } from '../kit/logged.ts'
import { startS3 } from '../kit/s3-client.ts'

const SETTINGS = { mediaPath: '/', s3Bucket: 'media', s3Host: 's3.example.com' }

describe('createEntrance()', () => {
  it.each([
    ['https://s3.example.com/', '/'],
    ['https://s3.example.com/media/a%2Fb//c?x=/', '/media/a%2Fb//c'],
    ['https://S3.Example.COM/media', '/media'],
    ['http://s3.example.com:8787/media/a', '/media/a'],
    ['https://s3.example.com?x=/', '/'],
    ['https://s3.example.com/-/api/list/', '/-/api/list/'],
    ['https://s3.example.com/-/healthy', '/-/healthy'],
    ['https://media.s3.example.com/a', '/media/a'],
    ['https://Media.s3.example.com:443/', '/media/'],
    ['https://media.example/-/s3', '/'],
    ['https://media.example/-/s3/media/a', '/media/a'],
    ['https://media.example:8787/-/s3/media/a', '/media/a'],
  ])('finds %s', (url, path) => {
    expect(createEntrance(SETTINGS)(url)?.path).toBe(path)
  })

  it.each([
    'https://media.example/media/a',
    'https://media.example/-/s3x/media/a',
    'https://media.example/a?x=//s3.example.com/',
    'https://other.s3.example.com/a',
    'https://s3.example.com.evil.example/a',
    'https://s3.example.com/-/health',
    'https://media.s3.example.com/-/health',
  ])('leaves %s to others', (url) => {
    expect(createEntrance(SETTINGS)(url)).toBeNull()
  })

  it('is below MEDIA_PATH, as the Worker’s health is', () => {
    const find = createEntrance({ ...SETTINGS, mediaPath: '/files/' })
    expect(find('https://media.example/files/-/s3/media/a')?.path).toBe('/media/a')
    expect(find('https://media.example/-/s3/media/a')).toBeNull()
    expect(find('https://s3.example.com/files/-/health')).toBeNull()
  })

  it('compares ports only if S3_HOST has one', () => {
    const find = createEntrance({ ...SETTINGS, s3Host: 'localhost:9000' })
    expect(find('http://localhost:9000/media/a')?.path).toBe('/media/a')
    expect(find('http://media.localhost:9000/a')?.path).toBe('/media/a')
    expect(find('http://localhost:8787/media/a')).toBeNull()
  })
})

describe('the hostname of S3 clients', () => {
  const request = async (url: string, settings: Record<string, unknown> = {}, init: RequestInit = {}) =>
    startS3({ S3_HOST: 's3.example.com', ...settings }).app.request(url, init, env)

  it('answers nothing else but the health', async () => {
    await fill(media, { 'a.txt': 'public' })
    expect((await request('https://media.example/a.txt')).status).toBe(200)
    expect((await request('https://s3.example.com/-/health')).status).toBe(200)
    for (const path of ['a.txt', 'media/a.txt', '-/api/list/', '-/docs', '-/s3/media/a.txt', '']) {
      const answer = await request(
        `https://s3.example.com/${path}`,
        {},
        { headers: { Authorization: 'Bearer open-sesame' } },
      )
      expect([path, answer.status]).toEqual([path, 403])
      expect(await answer.text()).toContain('<Code>AccessDenied</Code>')
    }
  })

  it.each([{ S3_KEYS: '' }, { S3_BUCKET: '' }])(
    'answers no one while the S3 API is off: %j',
    async (settings) => {
      const answer = await request('https://s3.example.com/a.txt', settings)
      expect(answer.status).toBe(403)
      expect(await answer.text()).toContain('S3_BUCKET and S3_KEYS must both be set')
      const other = await startS3(settings).app.request('https://media.example/-/s3/media', {}, env)
      expect([other.status, other.headers.get('Content-Type')]).toEqual([404, 'application/problem+json'])
    },
  )
})

describe('a request that fails before its handler', () => {
  it('is answered with an error of S3, counted and logged', async () => {
    const { app, call, deployment } = startS3()
    const lines = await logged(async () => {
      const headers = { 'Fallback-Storage-Via': deployment.id }
      const answer = await app.request('https://media.example/-/s3/media/a.txt', { headers }, env)
      expect([answer.status, answer.headers.get('Content-Type')]).toEqual([503, 'application/xml'])
      expect(await answer.text()).toContain('<Code>ServiceUnavailable</Code>')
    })
    expect(lines).toMatchObject([{ route: 's3', status: 503, outcome: 'failed' }])
    expect(await (await call('/-/metrics')).text()).toContain(
      'route="s3",method="GET",outcome="failed",status="503"} 1',
    )
  })
})

describe('pages of other origins', () => {
  const preflight = (origin: string, path = '/-/s3/media/a.txt') =>
    startS3({ MEDIA_CORS_ORIGINS: 'https://site.test' }).app.request(
      `https://media.example${path}`,
      {
        method: 'OPTIONS',
        headers: {
          Origin: origin,
          'Access-Control-Request-Method': 'PUT',
          'Access-Control-Request-Headers':
            'content-type,x-amz-content-sha256,x-amz-date,amz-sdk-invocation-id,x-amz-meta-title,x-evil',
        },
      },
      env,
    )

  it('may upload by presigned URLs, if their origin is allowed', async () => {
    const { status, headers } = await preflight('https://site.test')
    expect(status).toBe(204)
    expect(headers.get('Access-Control-Allow-Origin')).toBe('https://site.test')
    expect(headers.get('Access-Control-Allow-Methods')).toContain('PUT')
    const allowed = headers.get('Access-Control-Allow-Headers')?.split(', ')
    expect(allowed?.slice(-4)).toEqual([
      'x-amz-content-sha256',
      'x-amz-date',
      'amz-sdk-invocation-id',
      'x-amz-meta-title',
    ])
    expect(headers.get('Access-Control-Expose-Headers')).toContain('ETag')
    expect((await preflight('https://evil.test')).headers.has('Access-Control-Allow-Headers')).toBe(false)
  })

  it('can read errors', async () => {
    const { s3 } = startS3({ MEDIA_CORS_ORIGINS: '*' })
    const { status, headers } = await s3('GET', '/other', {
      headers: { origin: 'https://site.test' },
    })
    expect([status, headers.get('Access-Control-Allow-Origin')]).toEqual([404, '*'])
  })
})
