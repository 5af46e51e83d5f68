import { describe, expect, it } from 'vitest'
import { withBreaker } from '../../src/wrappers/breaker.ts'
import { memoryBackend } from '../kit/memory.ts'
import { type ErrorCode, StorageError } from '../../src/storage/errors.ts'

/** A backend with configurable failures, behind a breaker with the test's own clock. */
function setup(longestPauseMs = 20_000) {
  const clock = { now: 1_000_000 }
  const origin: { error: Error | null; requests: number } = { error: null, requests: 0 }
  const head = async () => {
    origin.requests += 1
    if (origin.error) throw origin.error
    return null
  }
  const backend = withBreaker(
    { ...memoryBackend('origin'), head },
    { failures: 3, openMs: 5000, longestPauseMs, now: () => clock.now },
  )
  const request = async (signal?: AbortSignal): Promise<string> => {
    try {
      return (await backend.head('a', signal && { signal })) === null ? 'absent' : 'hit'
    } catch (error) {
      return error instanceof StorageError ? error.code : (error as Error).name
    }
  }
  const fail = (code: ErrorCode, options: { retryAfter?: number; backend?: string } = {}): void => {
    origin.error = new StorageError(code, 'fails on purpose', { backend: 'origin', ...options })
  }
  const heal = (): void => void (origin.error = null)
  return { request, fail, heal, origin, clock, health: () => backend.health() }
}

/** Sends `times` requests, one per second, which fail if `fails` says so; returns how many reached the backend. */
async function requestsOf(times: number, fails: (time: number) => boolean): Promise<number> {
  const { request, fail, heal, origin, clock } = setup()
  for (let time = 0; time < times; time++) {
    if (fails(time)) fail('timeout')
    else heal()
    await request()
    clock.now += 1000
  }
  return origin.requests
}

describe('withBreaker()', () => {
  it('keeps using a backend that fails one request in ten', async () => {
    expect(await requestsOf(200, (time) => time % 10 === 0)).toBe(200)
  })

  it('skips a backend that fails nine requests in ten, except for one request every few seconds', async () => {
    expect(await requestsOf(200, (time) => time % 10 !== 9)).toBeLessThan(200 / 4)
    // A backend that was healthy until then, too.
    const fails = (time: number): boolean => time >= 100 && time % 10 !== 9
    expect((await requestsOf(200, fails)) - 100).toBeLessThan(100 / 3)
  })

  it('uses a backend without a pause once it has recovered', async () => {
    const { request, fail, heal, clock, health } = setup()
    fail('unavailable')
    for (let time = 0; time < 20; time++) await request()
    expect(health()?.state).toBe('open')
    clock.now += 5000
    heal()
    for (let time = 0; time < 10; time++) expect(await request()).toBe('absent')
    expect(health()?.state).toBe('closed')
  })

  it('lets one request through at a time while it tries again', async () => {
    const { request, fail, clock } = setup()
    fail('timeout')
    for (let time = 0; time < 3; time++) await request()
    clock.now += 5000
    expect((await Promise.all([request(), request(), request()])).toSorted()).toEqual([
      'skipped',
      'skipped',
      'timeout',
    ])
    expect(await request()).toBe('skipped')
  })

  it.each([
    ['refused credentials', new StorageError('denied', 'no', { backend: 'origin' })],
    ['a lock', new StorageError('locked', 'no', { backend: 'origin' })],
    ['too many writes of one name', new StorageError('too-many-writes', 'no', { backend: 'origin' })],
    ['an interrupted body', new StorageError('interrupted', 'no')],
    ['wrong bytes', new StorageError('corrupt', 'no', { backend: 'origin' })],
    [
      'a name that the backend refuses',
      new StorageError('unavailable', '', { backend: 'origin', status: 400 }),
    ],
    ["another backend's failure", new StorageError('unavailable', 'no', { backend: 'source' })],
    ['a failure of no backend', new StorageError('unavailable', 'no')],
    ['a bug in this software', new TypeError('undefined is not a function')],
  ])('is not opened by %s', async (_, error) => {
    const { request, origin, health } = setup()
    origin.error = error
    for (let time = 0; time < 12; time++) await request()
    expect([origin.requests, health()?.state]).toEqual([12, 'closed'])
  })

  it.each([408, 425, 429, 500, 503])('is opened by %i', async (status) => {
    const { request, origin, health } = setup()
    origin.error = new StorageError('unavailable', '', { backend: 'origin', status })
    for (let time = 0; time < 12; time++) await request()
    expect([origin.requests, health()?.state]).toEqual([3, 'open'])
  })

  it('is not opened by cancelled requests', async () => {
    const { request, fail, origin } = setup()
    fail('unavailable')
    for (let time = 0; time < 12; time++) await request(AbortSignal.abort())
    expect(origin.requests).toBe(12)
  })

  it('forgets old outcomes', async () => {
    const { request, fail, clock, health } = setup()
    fail('unavailable')
    await request()
    await request()
    clock.now += 121_000
    await request()
    expect(health()).toMatchObject({ state: 'closed', failures: 1 })
  })

  it.each([
    ['of no time', 0, 20_000],
    ['by a backend that gets none', 60_000, 0],
  ])('is not opened by one failure that names a pause %s', async (_, retryAfter, longestPauseMs) => {
    const { request, fail, heal } = setup(longestPauseMs)
    fail('unavailable', { retryAfter })
    await request()
    heal()
    expect(await Promise.all([request(), request(), request()])).toEqual(['absent', 'absent', 'absent'])
  })

  it.each([
    [7000, 7000],
    [2_300_675_974_000, 20_000],
  ])('pauses at once for a Retry-After of %s ms: %s ms', async (retryAfter, pause) => {
    const { request, fail, heal, clock } = setup()
    fail('unavailable', { retryAfter })
    await request()
    heal()
    clock.now += pause - 1
    expect(await request()).toBe('skipped')
    clock.now += 1
    expect([await request(), await request()]).toEqual(['absent', 'absent'])
  })

  it.each([
    ['no Retry-After', undefined, 5000],
    ['a short one', 1000, 5000],
    ['a longer one', 12_000, 12_000],
    ['an endless one', 2_300_675_974_000, 20_000],
  ])('stays open as long as it should with %s', async (_, retryAfter, openMs) => {
    const { request, fail, heal, clock } = setup()
    fail('unavailable')
    await request()
    await request()
    fail('unavailable', retryAfter === undefined ? {} : { retryAfter })
    await request()
    heal()
    clock.now += openMs - 1
    expect(await request()).toBe('skipped')
    clock.now += 1
    expect(await request()).toBe('absent')
  })

  it('stays open no longer for requests that were under way when it opened', async () => {
    const clock = { now: 0 }
    const pending: ((error: Error) => void)[] = []
    const head = () => new Promise<never>((_, reject) => pending.push(reject))
    const backend = withBreaker(
      { ...memoryBackend('origin'), head },
      { failures: 3, openMs: 5000, longestPauseMs: 0, now: () => clock.now },
    )
    const under = Array.from({ length: 6 }, () => backend.head('a').catch(() => 'failed'))
    for (const [index, reject] of pending.entries()) {
      clock.now = index * 2000
      reject(new StorageError('timeout', 'too late', { backend: 'origin' }))
      await under[index]
    }
    expect(backend.health().state).toBe('half-open')
  })

  it('shows its state, the last errors and the latencies', async () => {
    const { request, fail, health } = setup()
    fail('unavailable')
    for (let time = 0; time < 4; time++) await request()
    expect(health()).toMatchObject({ state: 'open', failures: 3, latency: { count: 3 } })
    expect(health()?.recentErrors.map(({ code }) => code)).toEqual([
      'unavailable',
      'unavailable',
      'unavailable',
    ])
  })

  it('counts no latency of a stream, which comes as fast as its client sends it', async () => {
    const backend = withBreaker(memoryBackend('origin'), { failures: 3, openMs: 5000, longestPauseMs: 0 })
    await backend.put?.('a', new Blob(['x']).stream(), { size: 1 })
    expect(backend.health().latency).toBeUndefined()
    await backend.put?.('a', new Uint8Array(1))
    expect(backend.health().latency).toMatchObject({ count: 1 })
  })
})
