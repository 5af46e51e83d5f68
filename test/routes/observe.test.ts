import { describe, expect, it, vi } from 'vitest'
import { memoryBackend } from '../../src/backends/memory.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { apiApp, down, holding, readOnly } from './api-app.ts'

describe('GET /-/metrics', () => {
  it('counts requests by outcome, attempts by backend, and the bytes', async () => {
    const { call } = apiApp([await holding('first', { a: '12345' }), await holding('second', { b: '123' })])
    for (const path of ['/a', '/a', '/b', '/none']) await (await call(path)).text()
    const text = await (await call('/-/metrics')).text()
    expect(text).toContain(
      'fallback_storage_requests_total{route="media",method="GET",outcome="hit",status="200"} 2',
    )
    expect(text).toContain('outcome="fallback",status="200"} 1')
    expect(text).toContain('outcome="absent",status="404"} 1')
    expect(text).toContain('fallback_storage_attempts_total{outcome="hit",backend="second"} 1')
    expect(text).toContain('fallback_storage_attempts_total{outcome="absent",backend="first"} 2')
  })

  it('counts a failure of every backend as failed', async () => {
    const { call } = apiApp([down('first'), down('second', 'timeout')])
    expect((await call('/a')).status).toBe(502)
    const text = await (await call('/-/metrics')).text()
    expect(text).toContain('outcome="failed",status="502"} 1')
    expect(text).toContain('fallback_storage_attempts_total{outcome="timeout",backend="second"} 1')
  })

  it('needs the token', async () => {
    const { call } = apiApp([memoryBackend('first')])
    expect((await call('/-/metrics', { token: null })).status).toBe(401)
  })
})

describe('a bound rate limiter', () => {
  it('answers 429 with a problem document once the limit is reached, for each address apart', async () => {
    const asked: string[] = []
    const rateLimiter: RateLimit = {
      limit: async ({ key }) => {
        asked.push(key)
        return { success: asked.filter((other) => other === key).length <= 2 }
      },
    }
    const { call } = apiApp([await holding('first', { a: '1' })], { services: { rateLimiter } })
    const from = async (address: string) => {
      const response = await call('/a', { headers: { 'CF-Connecting-IP': address } })
      return [response.status, response.headers.get('Retry-After')]
    }
    expect([await from('192.0.2.1'), await from('192.0.2.1'), await from('192.0.2.1')]).toEqual([
      [200, null],
      [200, null],
      [429, '10'],
    ])
    expect(await from('192.0.2.2')).toEqual([200, null])
  })
})

describe('a bound Analytics Engine', () => {
  it('gets one data point for each request', async () => {
    const points: AnalyticsEngineDataPoint[] = []
    const analytics = {
      writeDataPoint: (point?: AnalyticsEngineDataPoint) => void (point && points.push(point)),
    }
    const { call } = apiApp([await holding('first', {}), await holding('second', { a: '123' })], {
      services: { analytics },
    })
    await (await call('/a')).text()
    expect(points).toMatchObject([
      { indexes: ['second'], blobs: ['media', 'GET', 'fallback', 'second', '200', ''] },
    ])
    expect(points[0]?.doubles?.[2]).toBe(2)
  })
})

describe('explain', () => {
  const lastCopy = async (call: (path: string) => Promise<Response>) => {
    const told = await (
      await call('/-/api/explain/a')
    ).json<{ migration: { last_copy?: { outcome: string; reason?: string } } }>()
    return told.migration.last_copy
  }

  it('tells what became of the copy that a read began', async () => {
    const first = await holding('first', {})
    const { call } = apiApp([first, readOnly(await holding('second', { a: '123' }))], { migration: true })
    await (await call('/a')).text()
    await vi.waitFor(() => expect(first.objects.has('a')).toBe(true))
    expect(await lastCopy(call)).toMatchObject({ outcome: 'copied' })
  })

  it('tells why a copy failed', async () => {
    const put = async (): Promise<never> => {
      throw new StorageError('unavailable', 'is full', { backend: 'first' })
    }
    const first = { ...memoryBackend('first'), put }
    const { call } = apiApp([first, readOnly(await holding('second', { a: '123' }))], { migration: true })
    await (await call('/a')).text()
    await vi.waitFor(async () => expect(await lastCopy(call)).toMatchObject({ outcome: 'failed' }))
    expect((await lastCopy(call))?.reason).toContain('is full')
  })
})
