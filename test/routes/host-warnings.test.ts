import { afterEach, describe, expect, it, vi } from 'vitest'
import { EMPTY_ORIGIN, R2, startApp, TOKEN } from '../kit/app.ts'

const http = (url: string) => ({ type: 'http', name: 'production', url })

function deploy(tables: object[], settings: Record<string, unknown> = {}) {
  const { app } = startApp({ FALLBACK_STORAGES: tables, ...settings })
  return (url: string) => app.request(url, { headers: { Authorization: `Bearer ${TOKEN}` } })
}

async function warningsOf(call: ReturnType<typeof deploy>, host = 'worker.example') {
  const response = await call(`https://${host}/-/api/backends`)
  return (await response.json<{ warnings: unknown }>()).warnings
}

const warning = (detail: string) => [{ backend: 'production', detail: expect.stringContaining(detail) }]

describe('a backend at the Worker’s own host', () => {
  it('is reported by GET backends if it is the host of MEDIA_URL', async () => {
    const call = deploy([R2, http('https://media.example.com/old/')], {
      MEDIA_URL: 'https://media.example.com/',
    })
    expect(await warningsOf(call)).toEqual(
      warning('`url` has the same host as MEDIA_URL (media.example.com): if this Worker serves that host'),
    )
  })

  it('is reported if it is the host of the request, for S3 too', async () => {
    const s3 = { type: 's3', name: 'production', endpoint: 'https://worker.example/-/s3/', bucket: 'media' }
    expect(await warningsOf(deploy([R2, s3]))).toEqual(
      warning('`endpoint` has the same host as this request (worker.example)'),
    )
    expect(await warningsOf(deploy([R2, http('https://worker.example:8443/')]))).toEqual([])
    expect(
      await warningsOf(deploy([R2, http('https://worker.example:8443/')]), 'worker.example:8443'),
    ).toEqual(warning('worker.example:8443'))
  })

  it('is no cause for a warning if a binding answers for it', async () => {
    const origin = { ...http('https://worker.example/'), binding: 'ORIGIN' }
    expect(await warningsOf(deploy([R2, origin], { ORIGIN: EMPTY_ORIGIN }))).toEqual([])
  })
})

describe('headers for an origin', () => {
  const withHeader = (url: string) => ({ ...http(url), headers: { 'X-Key': 'key' } })

  it('are reported if they are sent unencrypted to a public host', async () => {
    expect(await warningsOf(deploy([R2, withHeader('http://origin.example.com/')]))).toEqual(
      warning('`url` begins with http://, so its headers, and the secrets in them, are sent unencrypted'),
    )
  })

  it.each(['https://origin.example.com/', 'http://127.0.0.1:8000/', 'http://localhost/'])(
    'are no cause for a warning for %s',
    async (url) => expect(await warningsOf(deploy([R2, withHeader(url)]))).toEqual([]),
  )

  it('are not missed where there are none', async () => {
    expect(await warningsOf(deploy([R2, http('http://origin.example.com/')]))).toEqual([])
  })
})

describe('a redirect', () => {
  const to = (url: string, more: object = {}) => ({ ...http(url), redirect: true, ...more })
  const s3 = (endpoint: string) => ({ type: 's3', name: 'production', endpoint, bucket: 'b', redirect: true })
  const headers = { Authorization: '$KEY' }

  it.each([
    ['an http origin', to('http://origin.example.com/'), '`url` begins with http://, so https pages'],
    ['an http S3 server', s3('http://s3.example.com/'), '`endpoint` begins with http://, so https pages'],
    [
      'an http address that is not its own',
      to('https://origin.example.com/', { public_url: 'http://cdn.example.com/' }),
      '`public_url` begins with http://, so https pages',
    ],
    [
      'the public address of a binding',
      to('https://origin.example.com/', { binding: 'ORIGIN', public_url: 'http://cdn.example.com/' }),
      '`public_url` begins with http://, so https pages',
    ],
    [
      'an origin that needs a header',
      to('https://origin.example.com/', { headers: { 'X-Api-Key': 'key' } }),
      '`redirect` leads clients to `url` without its headers',
    ],
  ])('to %s is reported, because clients could not load it', async (_, table, detail) => {
    const call = deploy([R2, table], { ORIGIN: EMPTY_ORIGIN })
    expect(await warningsOf(call)).toEqual(warning(detail))
  })

  it.each([
    ['an https origin', to('https://origin.example.com/')],
    [
      'a header that says nothing of who may read',
      to('https://origin.example.com/', { headers: { 'X-From': 'a' } }),
    ],
    [
      'headers where clients use another address',
      to('https://a.example/', { headers, public_url: 'https://b.example/' }),
    ],
    ['a path of the Worker’s own host', to('http://127.0.0.1:8000/', { public_url: '/old/' })],
    ['an http S3 server without redirect', { ...s3('http://s3.example.com/'), redirect: false }],
  ])('is no cause for a warning: %s', async (_, table) => {
    expect(await warningsOf(deploy([R2, table], { KEY: 'key' }))).toEqual([])
  })

  it('to http is fine for a Worker that is served over http, as in development', async () => {
    const call = deploy([R2, to('http://127.0.0.1:8000/')])
    const response = await call('http://localhost:8787/-/api/backends')
    expect(await response.json()).toMatchObject({ warnings: [] })
  })
})

describe('the log', () => {
  afterEach(() => vi.restoreAllMocks())

  it('has the warning once, with the first request', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const call = deploy([R2, http('https://worker.example/')])
    await call('https://worker.example/-/health')
    await call('https://worker.example/-/health')
    expect(warn.mock.calls.map(([line]) => JSON.parse(line as string) as unknown)).toEqual([
      { event: 'configuration', backend: 'production', detail: expect.stringContaining('worker.example') },
    ])
  })

  it('has no warning if no backend leads back', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    await deploy([R2, http('https://origin.example.com/')], { MEDIA_URL: 'https://media.example.com/' })(
      'https://worker.example/-/health',
    )
    expect(warn).not.toHaveBeenCalled()
  })
})
