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

  it('gives out no more than there is, and takes back once what is released twice', async () => {
    const budget = createMemoryBudget(100)
    const most = await budget.reserve(60)
    expect(budget.tryReserve(50)).toBeNull()
    most.release()
    most.release()
    expect(budget.tryReserve(100)).not.toBeNull()
    expect(budget.tryReserve(1)).toBeNull()
  })

  it('lets those who wait in as they came, and nobody small past them', async () => {
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

  it('refuses with the time of the next try who has waited long enough, and lets the next one in', async () => {
    const budget = createMemoryBudget(100)
    const held = await budget.reserve(50)
    const refused = budget.reserve(90, { waitMs: 500 }).catch((error: unknown) => error)
    const next = budget.reserve(50, { waitMs: 1000 })
    await vi.advanceTimersByTimeAsync(600)
    expect(await refused).toMatchObject({ code: 'overloaded', retryAfter: 5000 })
    expect((await next).bytes).toBe(50)
    held.release()
  })

  it('passes over one who waits and whose request was ended', async () => {
    const budget = createMemoryBudget(100)
    const held = await budget.reserve(100)
    const { setTimeout: original } = globalThis
    // Like a timer of a request that is over.
    globalThis.setTimeout = (() => 0) as unknown as typeof setTimeout
    void budget.reserve(100)
    globalThis.setTimeout = original
    held.release()
    expect(budget.tryReserve(1)).toBeNull()
    await vi.advanceTimersByTimeAsync(2100)
    expect(budget.tryReserve(100)).not.toBeNull()
  })

  it('stops waiting when it is told to', async () => {
    const budget = createMemoryBudget(100)
    await budget.reserve(100)
    const controller = new AbortController()
    const refused = budget.reserve(1, { signal: controller.signal }).catch((error: unknown) => error)
    controller.abort(new Error('enough'))
    await vi.advanceTimersByTimeAsync(100)
    expect(await refused).toMatchObject({ message: 'enough' })
  })

  it('asks for what is kept in case before it refuses', async () => {
    const budget = createMemoryBudget(100)
    const kept = budget.tryReserve(100)
    budget.onShortage(() => kept?.release())
    expect(budget.tryReserve(100)).not.toBeNull()
  })

  it('takes back what nobody renewed for long, but not what is in use', async () => {
    const budget = createMemoryBudget(100)
    const used = budget.tryReserve(50)
    budget.tryReserve(50)
    await vi.advanceTimersByTimeAsync(200_000)
    used?.renew()
    await vi.advanceTimersByTimeAsync(101_000)
    expect(budget.tryReserve(100)).toBeNull()
    expect(budget.tryReserve(50)).not.toBeNull()
  })

  it('gives all of it to who needs more than that', async () => {
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

  it('keeps free what has to be left for others, except for who could never have it otherwise', async () => {
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

  it('lets in those who leave less before others who came earlier', async () => {
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
