import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { failing } from '../kit/fakes.ts'
import { apiApp, bytes, readOnly } from './api-app.ts'

const IMMUTABLE = 'public, max-age=31536000, immutable'

/** A backend that has `a`, of which its own headers say that it may be kept for a year. */
async function keeper(name: string) {
  const backend = memoryBackend(name)
  await backend.put('a', bytes('old bytes'), {
    info: {
      cacheControl: IMMUTABLE,
      expires: new Date('2040-01-01'),
      etag: '"tag"',
      modified: new Date(1e12),
    },
  })
  return backend
}

/** Answers nothing until it is called off. */
function silent(name: string): Backend {
  const wait = (signal: AbortSignal | undefined) =>
    new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason))
    })
  return {
    name,
    type: 'memory',
    get: (_, options) => wait(options?.signal),
    head: (_, options) => wait(options?.signal),
  }
}

const requests: [string, string, RequestInit, number][] = [
  ['GET', '/a', {}, 200],
  ['GET of a range', '/a', { headers: { Range: 'bytes=0-2' } }, 206],
  ['HEAD', '/a', { method: 'HEAD' }, 200],
  ['GET that the client has already', '/a', { headers: { 'If-None-Match': '"tag"' } }, 304],
  ['HEAD that the client has already', '/a', { method: 'HEAD', headers: { 'If-None-Match': '"tag"' } }, 304],
  ['GET /-/api/open', '/-/api/open/a', {}, 200],
]

describe.each(requests)('%s from a fallback', (_, path, init, status) => {
  const ask = async (backends: readonly Backend[], hedgeMs = {}) => {
    const { call } = apiApp(backends, { hedgeMs })
    const response = await call(path, init)
    await response.body?.cancel()
    expect(response.status).toBe(status)
    return [response.headers.get('Cache-Control'), response.headers.get('Expires')]
  }

  it.each([
    ['failed', () => failing('first', 'unavailable')],
    ['timed out', () => failing('first', 'timeout')],
    ['refused access', () => failing('first', 'denied')],
    ['was passed over by its breaker', () => failing('first', 'skipped')],
  ])('is kept by nobody when the primary %s', async (_what, first) => {
    expect(await ask([first(), readOnly(await keeper('second'))])).toEqual(['no-store', null])
  })

  it('is kept by nobody when the primary was still silent when another one answered', async () => {
    const chain = [silent('first'), readOnly(await keeper('second'))]
    expect(await ask(chain, { first: 5 })).toEqual(['no-store', null])
  })

  it('is kept by nobody when a backend between them failed', async () => {
    const chain = [memoryBackend('first'), failing('second', 'unavailable'), readOnly(await keeper('third'))]
    expect(await ask(chain)).toEqual(['no-store', null])
  })

  it('is kept as the object says when every earlier backend proved the name absent', async () => {
    const kept = [IMMUTABLE, 'Sun, 01 Jan 2040 00:00:00 GMT']
    expect(await ask([memoryBackend('first'), readOnly(await keeper('second'))])).toEqual(kept)
    const excluded = withFilter(failing('first', 'unavailable'), { exclude: /^a$/ })
    expect(await ask([excluded, readOnly(await keeper('second'))])).toEqual(kept)
  })
})

it('is kept as the object says when the primary answers and a fallback is down', async () => {
  const { call } = apiApp([await keeper('first'), failing('second', 'unavailable')])
  expect((await call('/a')).headers.get('Cache-Control')).toBe(IMMUTABLE)
})

it('counts what a conditional request for a range past the end found out', async () => {
  const first = memoryBackend('first')
  await first.put('a', bytes('new'), { info: { etag: '"new"' } })
  const flapping: Backend = { ...first, head: () => failing('first', 'timeout').head('a') }
  const { call } = apiApp([flapping, readOnly(await keeper('second'))])
  const response = await call('/a', { headers: { Range: 'bytes=90-', 'If-None-Match': '"tag"' } })
  expect([response.status, response.headers.get('Cache-Control')]).toEqual([304, 'no-store'])
})
