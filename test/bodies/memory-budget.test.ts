import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  BACKGROUND_LEAVES_BYTES,
  createMemoryBudget,
  isolateMemory,
  SHARED_LEAVES_BYTES,
  UPLOAD_BYTES,
} from '../../src/bodies/memory-budget.ts'

describe('createMemoryBudget()', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('reserves no more than there is, and releases only once', async () => {
    const budget = createMemoryBudget(100)
    const most = await budget.reserve(60)
    expect(budget.tryReserve(50)).toBeNull()
    most.release()
    most.release()
    expect(budget.tryReserve(100)).not.toBeNull()
    expect(budget.tryReserve(1)).toBeNull()
  })

  it('serves waiting requests in order, and does not let small ones pass', async () => {
    const budget = createMemoryBudget(100)
    const held = await budget.reserve(80)
    const order: string[] = []
    const large = budget.reserve(90).then((reservation) => {
      order.push('large')
      return reservation
    })
    const small = budget.reserve(10).then(() => order.push('small'))
    await vi.advanceTimersByTimeAsync(1000)
    expect(order).toEqual([])
    expect(budget.tryReserve(10)).toBeNull()
    held.release()
    await vi.advanceTimersByTimeAsync(100)
    await Promise.all([large, small])
    expect(order).toEqual(['large', 'small'])
  })

  it('refuses a request that has waited too long, with the time of the next try, and serves the next one', async () => {
    const budget = createMemoryBudget(100)
    const held = await budget.reserve(50)
    const refused = budget.reserve(90, { waitMs: 500 }).catch((error: unknown) => error)
    const next = budget.reserve(50, { waitMs: 1000 })
    await vi.advanceTimersByTimeAsync(600)
    expect(await refused).toMatchObject({ code: 'overloaded', retryAfter: 5000 })
    expect((await next).bytes).toBe(50)
    held.release()
  })

  it('skips a waiting request that was ended', async () => {
    const budget = createMemoryBudget(100)
    const held = await budget.reserve(100)
    const { setTimeout: original } = globalThis
    // Like a timer of a request that has ended.
    globalThis.setTimeout = (() => 0) as unknown as typeof setTimeout
    void budget.reserve(100)
    globalThis.setTimeout = original
    held.release()
    expect(budget.tryReserve(1)).toBeNull()
    await vi.advanceTimersByTimeAsync(2100)
    expect(budget.tryReserve(100)).not.toBeNull()
  })

  it('stops waiting when its signal aborts', async () => {
    const budget = createMemoryBudget(100)
    await budget.reserve(100)
    const controller = new AbortController()
    const refused = budget.reserve(1, { signal: controller.signal }).catch((error: unknown) => error)
    controller.abort(new Error('enough'))
    await vi.advanceTimersByTimeAsync(100)
    expect(await refused).toMatchObject({ message: 'enough' })
  })

  it('releases caches before it refuses', async () => {
    const budget = createMemoryBudget(100)
    const kept = budget.tryReserve(100)
    budget.onShortage(() => kept?.release())
    expect(budget.tryReserve(100)).not.toBeNull()
  })

  it('takes back reservations that were not renewed for a long time, but not those in use', async () => {
    const budget = createMemoryBudget(100)
    const used = budget.tryReserve(50)
    budget.tryReserve(50)
    await vi.advanceTimersByTimeAsync(200_000)
    used?.renew()
    await vi.advanceTimersByTimeAsync(101_000)
    expect(budget.tryReserve(100)).toBeNull()
    expect(budget.tryReserve(50)).not.toBeNull()
  })

  it('gives all of it to a request that needs more than that', async () => {
    expect((await createMemoryBudget(100).reserve(1000)).bytes).toBe(100)
  })

  it('waits once, however often a reservation grows', async () => {
    const budget = createMemoryBudget(100)
    const held = await budget.reserve(90)
    const other = await budget.reserve(10)
    setTimeout(() => other.release(), 1500)
    const began = Date.now()
    const refused = budget
      .reserve(10)
      .then((reservation) => reservation.grow(50))
      .catch((error: unknown) => [error, Date.now() - began] as const)
    await vi.advanceTimersByTimeAsync(30_000)
    const [error, took] = (await refused) ?? []
    expect(error).toMatchObject({ code: 'overloaded' })
    expect(took).toBeLessThan(2200)
    held.release()
  })

  it('keeps memory free for others, except for requests that could never get theirs otherwise', async () => {
    const budget = createMemoryBudget(100)
    const shared = budget.tryReserve(60, { leave: 40 })
    expect(shared).not.toBeNull()
    expect(budget.tryReserve(1, { leave: 40 })).toBeNull()
    const upload = budget.tryReserve(40)
    expect(upload).not.toBeNull()
    shared?.release()
    expect(budget.tryReserve(80, { leave: 40 })).toBeNull()
    upload?.release()
    expect(budget.tryReserve(80, { leave: 40 })).not.toBeNull()
  })

  it('serves requests that leave less free before earlier ones', async () => {
    const budget = createMemoryBudget(100)
    const held = await budget.reserve(100)
    const order: string[] = []
    const copy = budget.reserve(30, { waitMs: 60_000, leave: 40 }).then(() => order.push('copy'))
    await vi.advanceTimersByTimeAsync(100)
    const upload = budget.reserve(30).then(() => order.push('upload'))
    await vi.advanceTimersByTimeAsync(100)
    expect(budget.tryReserve(1, { leave: 10 })).toBeNull()
    held.release()
    await vi.advanceTimersByTimeAsync(100)
    await Promise.all([copy, upload])
    expect(order).toEqual(['upload', 'copy'])
  })

  it('shares small bodies while copies in the background wait for room', async () => {
    const budget = createMemoryBudget(isolateMemory.total)
    const copies = Array.from({ length: 10 }, () =>
      budget.reserve(UPLOAD_BYTES, { waitMs: 1000, leave: BACKGROUND_LEAVES_BYTES }).catch(() => null),
    )
    await vi.advanceTimersByTimeAsync(500)
    expect(budget.tryReserve(192 * 1024, { leave: SHARED_LEAVES_BYTES })).not.toBeNull()
    await vi.advanceTimersByTimeAsync(1000)
    expect((await Promise.all(copies)).filter((copy) => copy !== null)).toHaveLength(2)
  })
})
