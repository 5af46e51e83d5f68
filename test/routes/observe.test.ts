import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { BROKEN_ORIGIN, bucketWith, fill, media, mediaKv, OLD, SILENT_ORIGIN, startApp } from '../kit/app.ts'
import { logged } from '../kit/logged.ts'
import { startS3 } from '../kit/s3-client.ts'

afterEach(() => reset())

describe('GET /-/metrics', () => {
  it('counts requests by outcome, attempts by backend, and the bytes', async () => {
    await fill(media, { a: '12345' })
    await fill(mediaKv, { b: '123' })
    const { call } = startApp()
    for (const path of ['/a', '/a', '/b', '/none']) await (await call(path)).text()
    const text = await (await call('/-/metrics')).text()
    expect(text).toContain(
      'fallback_storage_requests_total{route="media",method="GET",outcome="hit",status="200"} 2',
    )
    expect(text).toContain('outcome="fallback",status="200"} 1')
    expect(text).toContain('outcome="absent",status="404"} 1')
    expect(text).toContain('fallback_storage_attempts_total{outcome="hit",backend="media_kv"} 1')
    expect(text).toContain('fallback_storage_attempts_total{outcome="absent",backend="media"} 2')
    expect(text).toContain('fallback_storage_response_bytes_total 13')
  })

  it('counts only the bytes that are sent: those of a range, and none for HEAD, 304 and 416', async () => {
    await fill(media, { a: '12345' })
    const { call, s3 } = startS3()
    const ETag = (await call('/a', { method: 'HEAD' })).headers.get('ETag') ?? ''
    for (const headers of [{ 'If-None-Match': ETag }, { Range: 'bytes=9-' }, { Range: 'bytes=1-2' }])
      await (await call('/a', { headers })).text()
    expect(await (await call('/-/metrics')).text()).toContain('fallback_storage_response_bytes_total 2')
    await (await s3('GET', '/media/a')).text()
    await s3('HEAD', '/media/a')
    expect(await (await call('/-/metrics')).text()).toContain('fallback_storage_response_bytes_total 7')
  })

  it('counts a failure of every backend as failed', async () => {
    const silent = { type: 'http', binding: 'SILENT', name: 'silent', timeout_ms: 5 }
    const { call } = startApp({
      FALLBACK_STORAGES: [OLD, silent],
      OLD: BROKEN_ORIGIN,
      SILENT: SILENT_ORIGIN,
    })
    expect((await call('/a')).status).toBe(502)
    const text = await (await call('/-/metrics')).text()
    expect(text).toContain('outcome="failed",status="502"} 1')
    expect(text).toContain('fallback_storage_attempts_total{outcome="timeout",backend="silent"} 1')
  })

  it('needs the token', async () => {
    const { call } = startApp()
    expect((await call('/-/metrics', { token: null })).status).toBe(401)
  })
})

describe('the log', () => {
  it('has a line for each request: what it was, which backend answered, and which were tried', async () => {
    await fill(mediaKv, { a: '123' })
    const { call } = startApp()
    const lines = await logged(() => call('/a'))
    expect(lines).toMatchObject([
      {
        method: 'GET',
        name: 'a',
        route: 'media',
        status: 200,
        outcome: 'fallback',
        backend: 'media_kv',
        attempts: ['media=absent', 'media_kv=hit'],
        bytes: 3,
        stored: false,
      },
    ])
  })

  it('limits the lines for reads per second and outcome, but not those for writes and failures', async () => {
    await fill(media, { a: '1' })
    const settings = { FALLBACK_LOG_READS_PER_SECOND: 2 }
    const broken = startApp({ ...settings, FALLBACK_STORAGES: [OLD], OLD: BROKEN_ORIGIN })
    const up = startApp(settings)
    const lines = await logged(async () => {
      for (let time = 0; time < 4; time++) await broken.call('/a')
      for (let time = 0; time < 4; time++) await up.call('/a')
      for (let time = 0; time < 4; time++) await up.call('/a', { method: 'PUT', body: `${time}` })
    })
    const count = (method: string, status: number) =>
      lines.filter((line) => line['method'] === method && line['status'] === status).length
    expect([count('GET', 502), count('GET', 200), count('PUT', 204)]).toEqual([4, 2, 4])
  })
})

describe('a bound rate limiter', () => {
  it('answers 429 with a problem document once the limit is reached, separately for each address', async () => {
    const keys: string[] = []
    const rateLimiter: RateLimit = {
      limit: async ({ key }) => {
        keys.push(key)
        return { success: keys.filter((other) => other === key).length <= 2 }
      },
    }
    await fill(media, { a: '1' })
    const { call } = startApp({ RATE_LIMITER: rateLimiter })
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

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['::ffff:c000:201', '::ffff:c000:201'],
    ['::1', '::1'],
    ['2001:db8:1:2:a:b:c:d', '2001:db8:1:2'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['2001:db8:1:2::5', '2001:db8:1:2'],
    ['2001:db8:1:0:a:b:c:d', '2001:db8:1:0'],
    ['2001:db8:1::5', '2001:db8:1:0'],
    ['2001:db8:1::b:c:d', '2001:db8:1:0'],
    ['2001:db8::a:b:c:d', '2001:db8:0:0'],
    ['2001:db8::2:a:b:c:d', '2001:db8:0:2'],
    ['2001::1:2:a:b:c:d', '2001:0:1:2'],
    ['2001:db8::', '2001:db8:0:0'],
    ['1:2:3:4:5:6:7:8:9', '1:2:3:4'],
  ])('counts the requests from %s for %s: a client with IPv6 has a /64', async (address, key) => {
    const limit = vi.fn<RateLimit['limit']>(async () => ({ success: true }))
    const { call } = startApp({ RATE_LIMITER: { limit } })
    await call('/-/health', { headers: { 'CF-Connecting-IP': address } })
    expect(limit.mock.calls).toEqual([[{ key }]])
  })
})

describe('a rate limiter that fails', () => {
  it('limits nobody, and is logged', async () => {
    await fill(media, { a: '1' })
    const limit = async (): Promise<never> => {
      throw new Error('no limiter')
    }
    const { call } = startApp({ RATE_LIMITER: { limit } })
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    expect((await call('/a')).status).toBe(200)
    expect(log).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/"rate limiter".*no limiter/))
    log.mockRestore()
  })
})

describe('a bound Analytics Engine', () => {
  it('gets one data point for each request', async () => {
    const points: AnalyticsEngineDataPoint[] = []
    const analytics = {
      writeDataPoint: (point?: AnalyticsEngineDataPoint) => void (point && points.push(point)),
    }
    await fill(mediaKv, { a: '123' })
    const { call } = startApp({ ANALYTICS: analytics })
    await (await call('/a')).text()
    expect(points).toMatchObject([
      { indexes: ['media_kv'], blobs: ['media', 'GET', 'fallback', 'media_kv', '200', ''] },
    ])
    expect(points[0]?.doubles?.slice(1)).toEqual([3, 2])
  })
})

describe('explain', () => {
  const lastCopy = async (call: (path: string) => Promise<Response>) => {
    const answer = await (
      await call('/-/api/explain/a')
    ).json<{ migration: { last_copy?: { outcome: string; reason?: string } } }>()
    return answer.migration.last_copy
  }

  it('shows the result of a copy that was started by a read', async () => {
    await fill(mediaKv, { a: '123' })
    const { call } = startApp({ FALLBACK_DATA_MIGRATION: true })
    await (await call('/a')).text()
    await expect.poll(() => lastCopy(call)).toMatchObject({ outcome: 'copied' })
    expect(await media.head('a')).toMatchObject({ size: 3 })
  })

  it('shows why a copy failed', async () => {
    const put = async (): Promise<never> => {
      throw new Error('put: Unauthorized (10002)')
    }
    await fill(mediaKv, { a: '123' })
    const { call } = startApp({ FALLBACK_DATA_MIGRATION: true, MEDIA: bucketWith({ put }) })
    await (await call('/a')).text()
    await expect.poll(() => lastCopy(call)).toMatchObject({ outcome: 'failed' })
    expect((await lastCopy(call))?.reason).toContain('R2 refuses the binding')
  })
})
