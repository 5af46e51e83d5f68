import { describe, expect, it, vi } from 'vitest'
import { withCoalescing } from '../../src/wrappers/coalesce.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { createMemoryBudget } from '../../src/bodies/memory-budget.ts'
import { bytesOf, counting, steppedBody, textOf } from '../kit/fakes.ts'

const MIB = 1024 * 1024

interface Limits {
  maxBytes?: number
  total?: number
  leave?: number
  stallMs?: number
}

function coalesced(backend: Backend, options: Limits = {}): Backend {
  return withCoalescing(backend, {
    maxBytes: options.maxBytes ?? MIB,
    budget: createMemoryBudget(options.total ?? 4 * MIB),
    leave: options.leave ?? 0,
    stallMs: options.stallMs ?? 1000,
    keepAlive: () => {},
  })
}

/** A backend with one object, whose body the test provides. */
function stepped(size: number | undefined) {
  const source = steppedBody()
  const backend: Backend = {
    name: 'origin',
    type: 'memory',
    get: async (name) => ({
      name,
      backend: 'origin',
      ...(size !== undefined && { size }),
      body: source.body,
    }),
    head: async () => null,
  }
  return { source, backend }
}

describe('withCoalescing()', () => {
  it('fetches one body for a hundred requests at once', async () => {
    const origin = counting('origin')
    await origin.put('a', bytesOf('all the same'))
    const backend = coalesced(origin)
    const texts = await Promise.all(Array.from({ length: 100 }, async () => textOf(await backend.get('a'))))
    expect(new Set(texts)).toEqual(new Set(['all the same']))
    expect(origin.counts['get']).toBe(1)
  })

  it('names one leader, which makes the copy', async () => {
    const origin = counting('origin')
    await origin.put('a', bytesOf('x'))
    const backend = coalesced(origin)
    const objects = await Promise.all([backend.get('a'), backend.get('a'), backend.get('a')])
    expect(objects.map((object) => object?.shared?.leader)).toEqual([true, false, false])
  })

  it('lets one reader finish while another has not begun', async () => {
    const { source, backend } = stepped(6)
    const shared = coalesced(backend)
    const quick = await shared.get('a')
    const idle = await shared.get('a')
    source.next('abc')
    source.next('def')
    source.end()
    expect(await textOf(quick)).toBe('abcdef')
    expect(await textOf(idle)).toBe('abcdef')
  })

  it('keeps filling when the first reader goes away', async () => {
    const { source, backend } = stepped(6)
    const shared = coalesced(backend)
    const gone = await shared.get('a')
    const other = await shared.get('a')
    source.next('abc')
    await gone?.body.cancel()
    source.next('def')
    source.end()
    expect(await textOf(other)).toBe('abcdef')
  })

  describe.each([
    ['at once', {}],
    ['speculatively', { needed: Promise.resolve() }],
  ])('whose first reader, which began %s, is aborted', (_, options) => {
    /** Its requests and bodies end with their signals, as those of fetch do. */
    function heeding(size: number | undefined, limits?: Limits) {
      const { source, backend } = stepped(size)
      const answers = Promise.withResolvers<void>()
      const signals: (AbortSignal | undefined)[] = []
      const get: Backend['get'] = async (name, { signal } = {}) => {
        signals.push(signal)
        signal?.addEventListener('abort', () => source.fail())
        await answers.promise
        signal?.throwIfAborted()
        return backend.get(name)
      }
      return { source, answers, signals, shared: coalesced({ ...backend, get }, limits) }
    }

    it('goes on with the body for the copy and the others', async () => {
      const { source, answers, shared } = heeding(6)
      const stop = new AbortController()
      answers.resolve()
      const first = await shared.get('a', { ...options, signal: stop.signal })
      const copy = first?.shared?.stream()
      source.next('abc')
      stop.abort()
      const other = await shared.get('a')
      source.next('def')
      source.end()
      expect([await new Response(copy).text(), await textOf(other)]).toEqual(['abcdef', 'abcdef'])
      await first?.body.cancel()
    })

    it('goes on with the request if others have joined', async () => {
      const { source, answers, shared } = heeding(3)
      const stop = new AbortController()
      const first = shared.get('a', { ...options, signal: stop.signal })
      const other = shared.get('a')
      stop.abort(new Error('gone'))
      answers.resolve()
      source.next('abc')
      source.end()
      await expect(first).rejects.toThrow('gone')
      expect(await textOf(await other)).toBe('abc')
    })

    it.each([
      ['too large', 3, { maxBytes: 2 }],
      ['of unknown size', undefined, {}],
      ['without room in memory', 3, { total: 2 }],
    ])('ends a body that is %s, though others have joined', async (_why, size, limits) => {
      const { source, answers, signals, shared } = heeding(size, limits)
      const stop = new AbortController()
      const first = shared.get('a', { ...options, signal: stop.signal })
      const other = shared.get('a')
      answers.resolve()
      const body = textOf(await first)
      source.next('ab')
      await other
      stop.abort(new Error('gone'))
      await expect(body).rejects.toThrow('connection lost')
      expect(signals.map((signal) => signal?.aborted)).toEqual([true, undefined])
    })

    it('cancels a body that is too large and comes after that, though others have joined', async () => {
      const { answers, shared } = heeding(3, { maxBytes: 2 })
      const stop = new AbortController()
      const first = shared.get('a', { ...options, signal: stop.signal })
      const other = shared.get('a')
      stop.abort(new Error('gone'))
      answers.resolve()
      await expect(first).rejects.toThrow('gone')
      // Both have the same stream, which would stay open if it was not cancelled.
      await expect((await other)?.body.getReader().closed).resolves.toBeUndefined()
    })

    it('ends the request if nobody has', async () => {
      const { answers, signals, shared } = heeding(3)
      const stop = new AbortController()
      const first = shared.get('a', { ...options, signal: stop.signal })
      stop.abort(new Error('gone'))
      expect(signals[0]?.aborted).toBe(true)
      answers.resolve()
      await expect(first).rejects.toThrow('gone')
    })
  })

  it.each([
    ['short', (source: ReturnType<typeof steppedBody>) => source.end(), 'corrupt'],
    ['long', (source: ReturnType<typeof steppedBody>) => source.next('defg'), 'corrupt'],
    ['broken off', (source: ReturnType<typeof steppedBody>) => source.fail(), 'unavailable'],
  ])('fails every reader when the body is %s', async (_case, finish, code) => {
    const { source, backend } = stepped(6)
    const shared = coalesced(backend)
    const objects = [await shared.get('a'), await shared.get('a')]
    source.next('abc')
    finish(source)
    for (const object of objects) await expect(textOf(object)).rejects.toMatchObject({ code })
  })

  it('fails a reader when no byte comes for too long', async () => {
    const { source, backend } = stepped(6)
    const shared = coalesced(backend, { stallMs: 50 })
    const object = await shared.get('a')
    source.next('abc')
    await expect(textOf(object)).rejects.toMatchObject({ code: 'timeout' })
  })

  it('fetches again if the response to the first request never comes, as after the platform ended it', async () => {
    const origin = counting('origin')
    await origin.put('a', bytesOf('whole'))
    let hangs = true
    const backend = coalesced(
      {
        ...origin,
        get: (name) => {
          if (!hangs) return origin.get(name)
          hangs = false
          return new Promise<never>(() => {})
        },
      },
      { stallMs: 100 },
    )
    void backend.get('a')
    const texts = await Promise.all(Array.from({ length: 3 }, async () => textOf(await backend.get('a'))))
    expect(texts).toEqual(['whole', 'whole', 'whole'])
    expect(origin.counts['get']).toBe(1)
  })

  it('requests the body again once it has stalled, and lets the first reader continue to wait', async () => {
    const origin = counting('origin')
    await origin.put('a', bytesOf('abcdef'))
    const { source, backend } = stepped(6)
    let first = true
    const get: Backend['get'] = (name) => {
      if (!first) return origin.get(name)
      first = false
      return backend.get(name)
    }
    const shared = coalesced({ ...backend, get }, { stallMs: 60_000 })
    const stalled = await shared.get('a')
    source.next('abc')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 6000 })
    try {
      expect(await textOf(await shared.get('a'))).toBe('abcdef')
    } finally {
      vi.useRealTimers()
    }
    source.next('def')
    source.end()
    expect(await textOf(stalled)).toBe('abcdef')
  })

  it('leaves room for uploads', async () => {
    const origin = counting('origin')
    for (const name of ['one', 'two']) await origin.put(name, new Uint8Array(30 * MIB))
    const backend = coalesced(origin, { maxBytes: 48 * MIB, total: 64 * MIB, leave: 24 * MIB })
    const one = await backend.get('one')
    const two = await backend.get('two')
    expect([one?.shared !== undefined, two?.shared !== undefined]).toEqual([true, false])
    await Promise.all([one?.body.cancel(), two?.body.cancel()])
  })

  it('releases the memory of a body that arrived after its readers had left', async () => {
    const origin = counting('origin')
    await origin.put('a', new Uint8Array(600))
    const late = Promise.withResolvers<void>()
    let first = true
    const backend = coalesced(
      {
        ...origin,
        get: async (name) => {
          if (first) {
            first = false
            await late.promise
          }
          return origin.get(name)
        },
      },
      { stallMs: 50, total: 1000 },
    )
    const slow = backend.get('a')
    await textOf(await backend.get('a'))
    late.resolve()
    await textOf(await slow)
    await origin.put('b', new Uint8Array(1000))
    const other = await backend.get('b')
    expect(other?.shared).toBeDefined()
    await textOf(other)
  })

  it('returns the plain body if it is too large or of unknown size', async () => {
    const origin = counting('origin')
    await origin.put('large', new Uint8Array(2 * MIB))
    const object = await coalesced(origin).get('large')
    expect(object?.shared).toBeUndefined()
    await object?.body.cancel()
  })

  it('returns the plain body if the isolate has no room left, and shares again once there is', async () => {
    const origin = counting('origin')
    await origin.put('one', new Uint8Array(600))
    await origin.put('two', new Uint8Array(600))
    const backend = coalesced(origin, { total: 1000 })
    const one = await backend.get('one')
    const two = await backend.get('two')
    expect([one?.shared !== undefined, two?.shared !== undefined]).toEqual([true, false])
    await Promise.all([textOf(one), textOf(two)])
    const again = await backend.get('two')
    expect(again?.shared).toBeDefined()
    await again?.body.cancel()
  })

  it('fetches again after a miss and after a failure', async () => {
    const origin = counting('origin')
    const backend = coalesced(origin)
    expect(await backend.get('a')).toBeNull()
    await origin.put('a', bytesOf('now there'))
    expect(await textOf(await backend.get('a'))).toBe('now there')
  })

  it('does not share ranges', async () => {
    const origin = counting('origin')
    await origin.put('a', bytesOf('abcdef'))
    const backend = coalesced(origin)
    const parts = await Promise.all([
      backend.get('a', { range: { offset: 1, length: 2 } }),
      backend.get('a', { range: { offset: 3 } }),
    ])
    expect(await Promise.all(parts.map(textOf))).toEqual(['bc', 'def'])
  })

  it('counts a body for as long as it is being read', async () => {
    const origin = counting('origin')
    for (const name of ['one', 'two', 'three']) await origin.put(name, new Uint8Array(600))
    const backend = coalesced(origin, { total: 1000 })
    const slow = await backend.get('one')
    const copy = slow?.shared?.stream()
    await slow?.shared?.whole()
    const two = await backend.get('two')
    expect(two?.shared).toBeUndefined()
    await Promise.all([textOf(slow), new Response(copy).text(), textOf(two)])
    const three = await backend.get('three')
    expect(three?.shared).toBeDefined()
    await three?.body.cancel()
  })

  it('releases the memory when the readers go away', async () => {
    const origin = counting('origin')
    for (const name of ['one', 'two']) await origin.put(name, new Uint8Array(600))
    const backend = coalesced(origin, { total: 1000 })
    const one = await backend.get('one')
    await one?.body.cancel()
    await vi.waitFor(async () => {
      const two = await backend.get('two')
      await two?.body.cancel()
      expect(two?.shared).toBeDefined()
    })
  })
})
