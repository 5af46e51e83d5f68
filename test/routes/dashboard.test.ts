import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { startApp, TOKEN } from '../kit/app.ts'

const ETAG = '"abc"'
const FILES: Record<string, [type: string, text: string]> = {
  '/dashboard/index.html': ['text/html', '<!doctype html><title>Dashboard</title>'],
  '/dashboard/main-3F2AB7CD.js': ['text/javascript', 'export {}'],
  '/dashboard/icon-0a1b2c3d.svg': ['image/svg+xml', '<svg/>'],
  '/dashboard/plain.css': ['text/css', ':root {}'],
  '/openapi.json': ['application/json', '{}'],
}

/** Static assets like Cloudflare's, with only these files. */
const ASSETS = {
  async fetch(url: string, { method, headers }: RequestInit = {}): Promise<Response> {
    const file = FILES[new URL(url).pathname]
    if (!file) return new Response('no such file', { status: 404 })
    const known = new Headers(headers).get('If-None-Match')
    const own = { ETag: ETAG, 'Content-Type': file[0], 'Cache-Control': 'public, max-age=0, must-revalidate' }
    if (known === ETAG) return new Response(null, { status: 304, headers: own })
    return new Response(method === 'HEAD' ? null : file[1], { headers: own })
  },
}

function start(settings: Record<string, unknown> = {}) {
  const { app } = startApp({ ASSETS, ...settings })
  return (path: string, init: RequestInit = {}) => app.request(`https://media.example${path}`, init)
}

const NAVIGATION = { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html,*/*;q=0.8' }

describe('the dashboard', () => {
  it('is a page that loads and runs nothing but its own files', async () => {
    const response = await start()('/-/')
    expect([response.status, await response.text()]).toEqual([200, FILES['/dashboard/index.html']?.[1]])
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/html',
      'cache-control': 'no-cache',
      etag: ETAG,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'permissions-policy': expect.stringContaining('camera=()'),
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; frame-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    })
  })

  it.each(['/-/', '/-/dashboard/main-3F2AB7CD.js'])('is sent once: %s', async (path) => {
    const call = start()
    const unchanged = await call(path, { headers: { 'If-None-Match': ETAG } })
    expect([unchanged.status, await unchanged.text()]).toEqual([304, ''])
    expect(unchanged.headers.get('Content-Security-Policy')).toContain("trusted-types 'none'")
    expect((await call(path, { headers: { 'If-None-Match': '"old"' } })).status).toBe(200)
    const head = await call(path, { method: 'HEAD' })
    expect([head.status, head.headers.get('ETag'), await head.text()]).toEqual([200, ETAG, ''])
  })

  it.each([
    ['main-3F2AB7CD.js', 'text/javascript', 'public, max-age=31536000, immutable'],
    ['icon-0a1b2c3d.svg', 'image/svg+xml', 'public, max-age=31536000, immutable'],
    ['plain.css', 'text/css', 'no-cache'],
  ])('has the file %s', async (file, type, lifetime) => {
    const { status, headers } = await start()(`/-/dashboard/${file}`)
    expect([status, headers.get('Content-Type'), headers.get('Cache-Control')]).toEqual([200, type, lifetime])
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
  })

  it.each(['/-/dashboard/old-3F2AB7CD.js', '/-/dashboard/a/b.js', '/-/dashboard/%2e%2e%2fopenapi.json'])(
    'has no file %s',
    async (path) => {
      const response = await start()(path, { headers: NAVIGATION })
      expect([400, 404]).toContain(response.status)
      expect(response.headers.get('Content-Type')).toBe('text/html; charset=utf-8')
      expect(response.headers.get('Cache-Control')).toBe('no-store')
    },
  )

  it('is found without the slash, wherever the media are', async () => {
    for (const [settings, path, page] of [
      [{}, '/-', '/-/'],
      [{ MEDIA_PATH: '/media/' }, '/media/-', '/media/-/'],
    ] as const) {
      const call = start(settings)
      const moved = await call(path)
      expect(moved.status).toBe(308)
      const { pathname } = new URL(moved.headers.get('Location') ?? '', `https://media.example${path}`)
      expect(pathname).toBe(page)
      expect((await call(pathname)).status).toBe(200)
    }
  })

  it('says how to build it, if it is not built', async () => {
    const response = await start({
      ASSETS: { fetch: async () => new Response(null, { status: 404 }) },
    })('/-/')
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({
      detail: expect.stringContaining('npm run build:dashboard'),
    })
    const without = await start({ ASSETS: undefined })('/-/')
    expect(without.status).toBe(501)
    expect(await without.json()).toMatchObject({ detail: expect.stringContaining('ASSETS') })
  })

  it('is not changed by other methods, and keeps its names', async () => {
    const { call } = startApp()
    expect((await call('/-/', { method: 'POST' })).status).toBe(405)
    for (const name of ['-', '-/', '-/dashboard', '-/dashboard/a']) {
      const put = await call(`/${name}`, { method: 'PUT', body: 'x', token: TOKEN })
      expect([name, put.ok]).toEqual([name, false])
    }
    expect((await env.MEDIA.list()).objects).toEqual([])
  })
})

describe('the root of the media', () => {
  it.each([
    ['/', {}],
    ['/media/', { MEDIA_PATH: '/media/' }],
    ['/', { MEDIA_ACCESS: 'token' }],
  ])('holds no object, and says where media are: %s %j', async (path, settings) => {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await start(settings)(path, { method })
      expect([status, headers.get('Content-Type')]).toEqual([404, 'application/problem+json'])
    }
    const { detail } = await (await start(settings)(path)).json<{ detail: string }>()
    expect(detail).toBe(`media are below ${path}, the API is below ${path}-/api/`)
  })

  it('has a page for browsers, with a link to the dashboard', async () => {
    const response = await start()('/', { headers: NAVIGATION })
    expect([response.status, response.headers.get('Location')]).toEqual([404, null])
    const page = await response.text()
    expect(page).toContain('media are below /')
    expect(page).toContain('<a href="-/">')
    expect((await start()('/', { method: 'HEAD', headers: NAVIGATION })).status).toBe(404)
  })

  it('accepts no writes', async () => {
    const { call } = startApp()
    for (const method of ['PUT', 'DELETE'])
      expect((await call('/', { method, headers: NAVIGATION })).status).toBe(400)
  })
})

describe('the pages of the documentation', () => {
  it('are sent once, by the ETag of the static assets', async () => {
    const { call } = startApp()
    const page = await call('/-/docs')
    const etag = page.headers.get('ETag')
    expect([page.status, etag]).toEqual([200, expect.any(String)])
    await page.body?.cancel()
    expect((await call('/-/docs', { headers: { 'If-None-Match': etag ?? '' } })).status).toBe(304)
  })
})
