import { describe, expect, it, vi } from 'vitest'
import { createMemoryBudget } from '../../src/bodies/memory-budget.ts'
import type { Backend, GetOptions } from '../../src/storage/backend.ts'
import { runInvocation, withSlot } from '../../src/storage/invocation.ts'
import { withBreaker } from '../../src/wrappers/breaker.ts'
import { withCoalescing } from '../../src/wrappers/coalesce.ts'
import { withDeadline } from '../../src/wrappers/deadline.ts'
import { withHeldBodies } from '../../src/wrappers/hold.ts'
import { withRequestLimit } from '../../src/wrappers/limit-requests.ts'
import { withResume } from '../../src/wrappers/resume.ts'
import { controlled, idle } from '../chain/controlled.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'

/** A speculative request as a search makes it. */
function speculative() {
  const stop = new AbortController()
  const { promise: needed, resolve: confirm, reject } = Promise.withResolvers<void>()
  needed.catch(() => {})
  const cancel = (): void => {
    stop.abort()
    reject(stop.signal.reason)
  }
  const onHeld = vi.fn<() => void>()
  return { read: { signal: stop.signal, needed, onHeld } satisfies GetOptions, confirm, cancel, onHeld }
}

const IDLE_MS = 200

/** As `openBackends` wraps a fallback. */
async function wrapped({ stallMs = 60_000 } = {}) {
  const origin = await controlled('origin', 'the object')
  const budget = createMemoryBudget(1000)
  const watched = withBreaker(withDeadline(origin, { timeoutMs: 10_000, idleTimeoutMs: IDLE_MS }), {
    failures: 1,
    openMs: 60_000,
    longestPauseMs: 0,
  })
  const guarded = withHeldBodies(withRequestLimit(watched, withSlot))
  const steady = withResume(guarded, { idleTimeoutMs: IDLE_MS, others: [] })
  const backend = withCoalescing(steady, {
    maxBytes: 1000,
    budget,
    leave: 0,
    stallMs,
    keepAlive: () => {},
  })
  const isFree = (): boolean => {
    const all = budget.tryReserve(1000)
    all?.release()
    return all !== null
  }
  return { origin, backend, watched, isFree }
}

/** Settles with the text, or with `failed`. */
const outcome = (found: ReturnType<Backend['get']>): Promise<string | null> =>
  found.then(textOf, () => 'failed')

describe('a speculative request', () => {
  it('reads nothing of the body until it is needed, for longer than the idle timeout', async () => {
    const { origin, backend } = await wrapped()
    const { read, confirm, onHeld } = speculative()
    const found = outcome(backend.get('a', read))
    origin.reads[0]?.answer()
    await new Promise((resolve) => setTimeout(resolve, 3 * IDLE_MS))
    expect([origin.isRead(), onHeld.mock.calls.length]).toEqual([false, 1])
    confirm()
    expect(await found).toBe('the object')
  })

  it('says at once that the object is absent', async () => {
    const { origin, backend } = await wrapped()
    const found = backend.get('none', speculative().read)
    origin.reads[0]?.answer()
    expect(await found).toBeNull()
  })

  it.each([
    ['before its response', false],
    ['while its body is held', true],
  ])('leaves nothing behind if it is cancelled %s', async (_when, isAnswered) => {
    const { origin, backend, watched, isFree } = await wrapped()
    const { read, cancel } = speculative()
    await runInvocation(async () => {
      const found = outcome(backend.get('a', read))
      if (isAnswered) origin.reads[0]?.answer()
      await idle()
      cancel()
      expect(await found).toBe('failed')
      // All slots are free again.
      let sent = 0
      await Promise.all(Array.from({ length: 5 }, () => withSlot(async () => void (sent += 1))))
      expect(sent).toBe(5)
    })
    expect([origin.isRead(), origin.cancelled(), isFree()]).toEqual([false, isAnswered ? 1 : 0, true])
    const { state, failures, recentErrors, latency } = watched.health()
    expect([state, failures, recentErrors]).toEqual(['closed', 0, []])
    expect(latency?.count).toBe(isAnswered ? 1 : undefined)
    // The next one finds no shared body of it.
    origin.isManual = false
    expect(await outcome(backend.get('a'))).toBe('the object')
  })

  it('does not use a slot, and sends nothing, if it is cancelled while it waits for one', async () => {
    const { origin, backend } = await wrapped()
    const { read, cancel } = speculative()
    await runInvocation(async () => {
      const busy = Promise.withResolvers<void>()
      const others = Array.from({ length: 5 }, () => withSlot(() => busy.promise))
      const found = outcome(backend.get('a', read))
      cancel()
      busy.resolve()
      await Promise.all(others)
      expect(await found).toBe('failed')
      expect(origin.started()).toBe(0)
    })
  })
})

describe('requests that share a body with a speculative one', () => {
  it('need it before the one that leads does, and make the copy', async () => {
    const { origin, backend } = await wrapped()
    const leader = speculative()
    const led = backend.get('a', leader.read)
    const joined = backend.get('a')
    origin.reads[0]?.answer()
    const object = await joined
    expect([object?.shared?.leader, origin.started()]).toEqual([true, 1])
    leader.confirm()
    const own = await led
    expect(own?.shared?.leader).toBe(false)
    expect([await textOf(object), await textOf(own)]).toEqual(['the object', 'the object'])
  })

  it.each([
    ['before the response', false],
    ['while the body is held', true],
  ])('keep it if the one that leads is cancelled %s', async (_when, isAnswered) => {
    const { origin, backend } = await wrapped()
    const [leader, other] = [speculative(), speculative()]
    const led = outcome(backend.get('a', leader.read))
    const joined = backend.get('a', other.read)
    if (isAnswered) origin.reads[0]?.answer()
    await idle()
    leader.cancel()
    await idle()
    if (!isAnswered) origin.reads[0]?.answer()
    other.confirm()
    const object = await joined
    expect([object?.shared?.leader, await textOf(object)]).toEqual([true, 'the object'])
    expect([await led, origin.started()]).toEqual(['failed', 1])
  })

  it('release it together: the last that is cancelled cancels the body', async () => {
    const { origin, backend, isFree } = await wrapped()
    const [leader, other] = [speculative(), speculative()]
    const both = Promise.all([backend.get('a', leader.read), backend.get('a', other.read)].map(outcome))
    origin.reads[0]?.answer()
    await idle()
    leader.cancel()
    await idle()
    expect(origin.cancelled()).toBe(0)
    other.cancel()
    origin.isManual = false
    await both
    await expect.poll(() => origin.cancelled()).toBe(1)
    expect([origin.isRead(), isFree()]).toEqual([false, true])
  })

  it('let it join a body that flows already', async () => {
    const { origin, backend } = await wrapped()
    const first = backend.get('a')
    origin.reads[0]?.answer()
    const { read, cancel } = speculative()
    const joined = outcome(backend.get('a', read))
    const object = await first
    cancel()
    expect([await joined, await textOf(object), origin.started()]).toEqual(['failed', 'the object', 1])
  })
})

describe('a speculative request whose turn comes late', () => {
  it.each(['the one that leads', 'one that has joined'])(
    'reads the object again if the shared body was given up meanwhile: %s',
    async (which) => {
      const { origin, backend, isFree } = await wrapped()
      const [leader, other] = [speculative(), speculative()]
      const both = [backend.get('a', leader.read), backend.get('a', other.read)].map(outcome)
      origin.reads[0]?.answer()
      const [quick, slow] = which === 'the one that leads' ? [other, leader] : [leader, other]
      quick.confirm()
      expect(await both[quick === leader ? 0 : 1]).toBe('the object')
      // Whoever needs all of it frees bodies that nobody reads.
      await expect.poll(isFree).toBe(true)
      origin.isManual = false
      slow.confirm()
      expect(await both[slow === leader ? 0 : 1]).toBe('the object')
      expect(origin.started()).toBe(2)
    },
  )

  it('sends nothing if it is not needed any more when it stops waiting for the one that leads', async () => {
    const { origin, backend } = await wrapped({ stallMs: 50 })
    const [leader, other] = [speculative(), speculative()]
    void outcome(backend.get('a', leader.read))
    const joined = outcome(backend.get('a', other.read))
    await idle()
    other.cancel()
    expect(await joined).toBe('failed')
    expect(origin.started()).toBe(1)
    leader.cancel()
  })
})

it('a body is not resumed for a read that was cancelled', async () => {
  const origin = await controlled('origin', 'the object')
  origin.isManual = false
  let reads = 0
  const stop = new AbortController()
  const broken: Backend = {
    ...origin,
    async get(name, options) {
      reads += 1
      const object = await origin.get(name, options)
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytesOf('the'))
          stop.signal.addEventListener('abort', () => controller.error(stop.signal.reason))
        },
      })
      return object && { ...object, body }
    },
  }
  const found = outcome(
    withResume(broken, { idleTimeoutMs: 1000, others: [] }).get('a', { signal: stop.signal }),
  )
  await idle()
  stop.abort()
  expect([await found, reads]).toEqual(['failed', 1])
})
