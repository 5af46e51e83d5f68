import { reset } from 'cloudflare:test'
import { afterAll, describe, expect, it } from 'vitest'
import { fill, media, startApp, TOKEN } from '../kit/app.ts'

afterAll(() => reset())

const PROTECTED: [string, string][] = [
  ['POST', '/-/api/save/a'],
  ['DELETE', '/-/api/delete/a'],
  ['GET', '/-/api/path/a'],
  ['GET', '/-/api/listdir/'],
  ['GET', '/-/api/listdir'],
  ['GET', '/-/api/list/'],
  ['GET', '/-/api/explain/a'],
  ['GET', '/-/api/backends'],
  ['GET', '/-/api/tombstones'],
  ['POST', '/-/api/tombstones/purge'],
  ['POST', '/-/api/undelete/a'],
  ['PUT', '/a'],
  ['DELETE', '/a'],
]
const OPEN: [string, string][] = [
  ['GET', '/a'],
  ['GET', '/-/api/open/a'],
  ['GET', '/-/api/exists/a'],
  ['GET', '/-/api/size/a'],
  ['GET', '/-/api/modified_time/a'],
  ['GET', '/-/api/url/a'],
  ['GET', '/-/api/get_valid_name/a'],
  ['GET', '/-/api/get_available_name/a'],
  ['GET', '/-/health'],
]

async function app(settings: Record<string, unknown> = {}) {
  await fill(media, { a: 'x' })
  return startApp(settings)
}

describe.each(PROTECTED)('%s %s', (method, path) => {
  it('answers 401 with a challenge to a request without a token', async () => {
    const response = await (await app()).call(path, { method, token: null })
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="fallback-storage"')
    expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  })

  it.each(['wrong', `${TOKEN}x`, TOKEN.slice(1), TOKEN.toUpperCase()])(
    'answers 401 to the token %j',
    async (token) => {
      const response = await (await app()).call(path, { method, token })
      expect(response.status).toBe(401)
      expect(response.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
    },
  )

  it('answers 403 and names API_TOKEN if no token is configured', async () => {
    const { status, body } = await (await app({ API_TOKEN: undefined })).json(path, { method })
    expect(status).toBe(403)
    expect(body['detail']).toContain('API_TOKEN')
  })

  it('lets the configured token through', async () => {
    const { status } = await (await app()).call(path, { method })
    expect([401, 403, 500]).not.toContain(status)
  })
})

describe('the bearer token', () => {
  it.each(['Basic b3Blbi1zZXNhbWU6', TOKEN, 'Bearer', 'Bearer a b', ''])(
    'does not accept %j as a token',
    async (authorization) => {
      const { app: hono } = await app()
      const headers = { Authorization: authorization }
      expect((await hono.request('http://h/-/api/backends', { headers })).status).toBe(401)
    },
  )

  it('accepts the scheme in any case', async () => {
    const { app: hono } = await app()
    const headers = { Authorization: `bearer ${TOKEN}` }
    expect((await hono.request('http://h/-/api/backends', { headers })).status).toBe(200)
  })

  it.each(OPEN)('is not needed for %s %s', async (method, path) => {
    expect((await (await app()).call(path, { method, token: null })).status).toBe(200)
  })
})
