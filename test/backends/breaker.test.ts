import { describe, expect, it } from 'vitest'
import { withBreaker } from '../../src/backends/wrappers/breaker.ts'
import { memoryBackend } from '../../src/backends/memory.ts'
import { type ErrorCode, StorageError } from '../../src/storage/errors.ts'

/** A backend that fails as told, behind a breaker with a clock of the test's own. */
function setup() {
  const clock = { now: 1_000_000 }
  const told: { error: StorageError | null; asked: number } = { error: null, asked: 0 }
  const head = async () => {
    told.asked += 1
    if (told.error) throw told.error
    return null
  }
  const backend = withBreaker(
    { ...memoryBackend('origin'), head },
    { failures: 3, openMs: 5000, windowMs: 30_000, now: () => clock.now },
  )
  const ask = async (): Promise<string> => {
    try {
      return (await backend.head('a')) === null ? 'absent' : 'hit'
    } catch (error) {
      return (error as StorageError).code
    }
  }
  const fail = (code: ErrorCode, retryAfter?: number): void => {
    told.error = new StorageError(code, 'told to fail', retryAfter === undefined ? {} : { retryAfter })
  }
  const heal = (): void => void (told.error = null)
  return { ask, fail, heal, told, clock, health: () => backend.health?.() }
}

describe('withBreaker()', () => {
  it('stops asking after repeated failures, and lets one probe through later', async () => {
    const { ask, fail, heal, told, clock } = setup()
    fail('unavailable')
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([
      'unavailable',
      'unavailable',
      'unavailable',
      'skipped',
    ])
    expect(told.asked).toBe(3)
    clock.now += 5000
    heal()
    expect([await ask(), await ask()]).toEqual(['absent', 'absent'])
  })

  it('lets only one probe through at a time', async () => {
    const { ask, fail, clock } = setup()
    fail('timeout')
    for (let i = 0; i < 3; i++) await ask()
    clock.now += 5000
    expect((await Promise.all([ask(), ask(), ask()])).toSorted()).toEqual(['skipped', 'skipped', 'timeout'])
  })

  it('opens again when the probe fails', async () => {
    const { ask, fail, clock } = setup()
    fail('timeout')
    for (let i = 0; i < 3; i++) await ask()
    clock.now += 5000
    expect([await ask(), await ask()]).toEqual(['timeout', 'skipped'])
  })

  it('counts a miss as healthy', async () => {
    const { ask, fail, heal } = setup()
    fail('unavailable')
    await ask()
    await ask()
    heal()
    await ask()
    fail('unavailable')
    expect([await ask(), await ask()]).toEqual(['unavailable', 'unavailable'])
  })

  it('is not opened by refused credentials', async () => {
    const { ask, fail } = setup()
    fail('denied')
    for (let i = 0; i < 10; i++) expect(await ask()).toBe('denied')
  })

  it('forgets failures that are older than its window', async () => {
    const { ask, fail, clock } = setup()
    fail('unavailable')
    await ask()
    await ask()
    clock.now += 31_000
    expect([await ask(), await ask()]).toEqual(['unavailable', 'unavailable'])
  })

  it('stays open as long as Retry-After says, within a minute', async () => {
    const { ask, fail, heal, clock } = setup()
    fail('unavailable', 20_000)
    await ask()
    heal()
    expect(await ask()).toBe('skipped')
    clock.now += 20_000
    expect(await ask()).toBe('absent')
    fail('unavailable', 3_600_000)
    await ask()
    heal()
    clock.now += 60_000
    expect(await ask()).toBe('absent')
  })

  it('tells its state, the last errors and the latencies', async () => {
    const { ask, fail, health } = setup()
    fail('unavailable')
    for (let i = 0; i < 4; i++) await ask()
    expect(health()).toMatchObject({ state: 'open', failures: 3, latency: { count: 3 } })
    expect(health()?.recentErrors.map(({ code }) => code)).toEqual([
      'unavailable',
      'unavailable',
      'unavailable',
    ])
  })
})
