import { describe, expect, it } from 'vitest'
import { withSlot } from '../../src/storage/invocation.ts'
import { withRequestLimit } from '../../src/wrappers/limit-requests.ts'
import { memoryBackend } from '../kit/memory.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { apiApp, readOnly } from './api-app.ts'

const ask = (names: number, init: { token?: string | null; headers?: HeadersInit } = {}) => ({
  method: 'POST',
  body: JSON.stringify({ names: Array.from({ length: names }, (_, index) => `${index}.jpg`) }),
  ...init,
})

/** Backends that have nothing and say so slowly, and how many of their answers were awaited at once. */
function slowBackends(count: number) {
  const seen = { asked: 0, most: 0 }
  let open = 0
  const backends = Array.from({ length: count }, (_, index) => {
    const backend: Backend = {
      ...readOnly(memoryBackend(`b${index}`)),
      async head() {
        seen.asked++
        seen.most = Math.max(seen.most, ++open)
        await scheduler.wait(3)
        open--
        return null
      },
    }
    return withRequestLimit(backend, withSlot)
  })
  return { backends, seen }
}

describe('POST /-/api/exists without a token', () => {
  it('answers 20 names', async () => {
    const { backends } = slowBackends(1)
    expect((await apiApp(backends).json('/-/api/exists', ask(20, { token: null }))).status).toBe(200)
  })

  it('refuses more, says how to get them, and asks no backend', async () => {
    const { backends, seen } = slowBackends(4)
    const { status, body } = await apiApp(backends).json('/-/api/exists', ask(21, { token: null }))
    expect([status, body['detail']]).toEqual([
      400,
      'names: a request without a token may ask for 20 names at most, and this one asks for 21; send the token (Authorization: Bearer …) to ask for up to 100',
    ])
    expect(seen.asked).toBe(0)
  })

  it('says how to get a token where none is configured', async () => {
    const { backends } = slowBackends(1)
    const { json } = apiApp(backends, { apiToken: null })
    const { status, body } = await json('/-/api/exists', ask(21, { token: null }))
    expect([status, body['detail']]).toEqual([400, expect.stringContaining('wrangler secret put API_TOKEN')])
  })

  it('takes credentials that are no bearer token for none', async () => {
    const { backends } = slowBackends(1)
    const headers = { Authorization: 'Basic dTpw' }
    const init = ask(20, { token: null, headers })
    expect((await apiApp(backends).call('/-/api/exists', init)).status).toBe(200)
  })
})

describe('POST /-/api/exists with a token', () => {
  it('answers 100 names', async () => {
    const { backends } = slowBackends(1)
    expect((await apiApp(backends).json('/-/api/exists', ask(100))).status).toBe(200)
  })

  it('answers 401 where it is a wrong one, however few the names', async () => {
    const { backends, seen } = slowBackends(1)
    const response = await apiApp(backends).call('/-/api/exists', ask(1, { token: 'wrong' }))
    expect([response.status, response.headers.get('WWW-Authenticate')]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
    expect(seen.asked).toBe(0)
  })

  it('refuses what would take more storage requests than one call may make, before it makes any', async () => {
    const { backends, seen } = slowBackends(8)
    const { json } = apiApp(backends)
    const { status, body } = await json('/-/api/exists', ask(100))
    expect([status, body['detail']]).toEqual([
      400,
      'names: 100 names over 8 backends can take 800 storage requests, and one call may take 500; ask for 62 names at a time',
    ])
    expect(seen.asked).toBe(0)
    expect((await json('/-/api/exists', ask(62))).status).toBe(200)
    expect(seen.asked).toBe(62 * 8)
  })
})

it.each([undefined, 1])('at most five storage requests are open at once (hedge_ms: %s)', async (hedgeMs) => {
  const { backends, seen } = slowBackends(4)
  const hedged = hedgeMs === undefined ? [] : backends.map(({ name }) => [name, hedgeMs])
  const { json } = apiApp(backends, { hedgeMs: Object.fromEntries(hedged) as Record<string, number> })
  expect((await json('/-/api/exists', ask(100))).status).toBe(200)
  expect(seen.most).toBe(5)
})

it('a save looks for a free name with at most five storage requests at once', async () => {
  const { backends, seen } = slowBackends(9)
  const { json } = apiApp([...backends, memoryBackend('last')])
  expect((await json('/-/api/get_available_name/a.jpg')).status).toBe(200)
  expect((await json('/-/api/save/a.jpg', { method: 'POST', body: 'x' })).status).toBe(201)
  expect(seen.most).toBe(5)
})
