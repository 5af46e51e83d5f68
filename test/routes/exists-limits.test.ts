import { reset } from 'cloudflare:test'
import { afterAll, describe, expect, it } from 'vitest'
import { answering, R2, startApp } from '../kit/app.ts'

afterAll(() => reset())

const post = (names: number, init: { token?: string | null; headers?: HeadersInit } = {}) => ({
  method: 'POST',
  body: JSON.stringify({ names: Array.from({ length: names }, (_, index) => `${index}.jpg`) }),
  ...init,
})

/** Settings for a chain of origins that have nothing and say so slowly, and how many of their answers were awaited at once. */
function slowOrigins(count: number, table: object = {}) {
  const seen = { requests: 0, most: 0 }
  let open = 0
  const SLOW = answering(async () => {
    seen.requests++
    seen.most = Math.max(seen.most, ++open)
    await scheduler.wait(3)
    open--
    return new Response(null, { status: 404 })
  })
  const FALLBACK_STORAGES = Array.from({ length: count }, (_, index) => ({
    type: 'http',
    binding: 'SLOW',
    name: `b${index}`,
    ...table,
  }))
  return { settings: { FALLBACK_STORAGES, SLOW }, seen }
}

describe('POST /-/api/exists without a token', () => {
  it('answers 20 names', async () => {
    const { settings } = slowOrigins(1)
    expect((await startApp(settings).json('/-/api/exists', post(20, { token: null }))).status).toBe(200)
  })

  it('refuses more, with a hint, and sends no request', async () => {
    const { settings, seen } = slowOrigins(4)
    const { status, body } = await startApp(settings).json('/-/api/exists', post(21, { token: null }))
    expect([status, body['detail']]).toEqual([
      400,
      'names: without a token, at most 20 names are allowed per request, not 21; send the token (Authorization: Bearer …) for up to 100',
    ])
    expect(seen.requests).toBe(0)
  })

  it('names API_TOKEN if no token is configured', async () => {
    const { settings } = slowOrigins(1)
    const { json } = startApp({ ...settings, API_TOKEN: undefined })
    const { status, body } = await json('/-/api/exists', post(21, { token: null }))
    expect([status, body['detail']]).toEqual([400, expect.stringContaining('wrangler secret put API_TOKEN')])
  })

  it('ignores credentials that are not a bearer token', async () => {
    const { settings } = slowOrigins(1)
    const headers = { Authorization: 'Basic dTpw' }
    const init = post(20, { token: null, headers })
    expect((await startApp(settings).call('/-/api/exists', init)).status).toBe(200)
  })
})

describe('POST /-/api/exists with a token', () => {
  it('answers 100 names', async () => {
    const { settings } = slowOrigins(1)
    expect((await startApp(settings).json('/-/api/exists', post(100))).status).toBe(200)
  })

  it('answers 401 for a wrong token, however few the names', async () => {
    const { settings, seen } = slowOrigins(1)
    const response = await startApp(settings).call('/-/api/exists', post(1, { token: 'wrong' }))
    expect([response.status, response.headers.get('WWW-Authenticate')]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
    expect(seen.requests).toBe(0)
  })

  it('refuses names that would need too many storage requests, before it sends any', async () => {
    const { settings, seen } = slowOrigins(8)
    const { json } = startApp(settings)
    const { status, body } = await json('/-/api/exists', post(100))
    expect([status, body['detail']]).toEqual([
      400,
      'names: 100 names and 8 backends may need 800 storage requests, but the limit is 500; request at most 62 names at a time',
    ])
    expect(seen.requests).toBe(0)
    expect((await json('/-/api/exists', post(62))).status).toBe(200)
    expect(seen.requests).toBe(62 * 8)
  })
})

it.each([{}, { hedge_ms: 1 }])('at most five storage requests are open at once (%j)', async (table) => {
  const { settings, seen } = slowOrigins(4, table)
  expect((await startApp(settings).json('/-/api/exists', post(100))).status).toBe(200)
  expect(seen.most).toBe(5)
})

it('a save looks for a free name with at most five storage requests at once', async () => {
  const { settings, seen } = slowOrigins(9)
  const { json } = startApp({ ...settings, FALLBACK_STORAGES: [...settings.FALLBACK_STORAGES, R2] })
  expect((await json('/-/api/get_available_name/a.jpg')).status).toBe(200)
  expect((await json('/-/api/save/a.jpg', { method: 'POST', body: 'x' })).status).toBe(201)
  expect(seen.most).toBe(5)
})
