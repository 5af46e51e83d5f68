import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { createChain } from '../../src/chain/fallback.ts'
import type { Trace } from '../../src/storage/trace.ts'
import { bytesOf, failing, textOf } from '../kit/fakes.ts'

/** The backend with each response delayed by `ms`, and whether it was cancelled. */
function slow(backend: Backend, ms: number): Backend & { cancelled: () => boolean } {
  let cancelled = false
  const late = async (signal: AbortSignal | undefined): Promise<void> => {
    signal?.addEventListener('abort', () => (cancelled = true))
    await new Promise((resolve) => setTimeout(resolve, ms))
  }
  return {
    ...backend,
    cancelled: () => cancelled,
    get: async (name, options) => (await late(options?.signal), backend.get(name)),
    head: async (name, options) => (await late(options?.signal), backend.head(name)),
  }
}

async function holding(name: string, text: string) {
  const backend = memoryBackend(name)
  await backend.put('a', bytesOf(text))
  return backend
}

describe('a chain with hedge_ms', () => {
  it('answers from the next backend when the first is silent, and cancels the first', async () => {
    const first = slow(await holding('first', 'late'), 2000)
    const chain = createChain([first, await holding('second', 'quick')], {
      deletes: 'first',
      hedgeMs: { first: 20 },
    })
    const trace: Trace = []
    const began = Date.now()
    expect(await textOf(await chain.get('a', { trace }))).toBe('quick')
    expect(Date.now() - began).toBeLessThan(1000)
    expect(trace.map(({ backend, outcome }) => [backend, outcome])).toEqual([
      ['first', 'timeout'],
      ['second', 'hit'],
    ])
    expect(first.cancelled()).toBe(true)
  })

  it('does not try the next backend when the first answers in time', async () => {
    const second = failing('second', 'unavailable')
    const chain = createChain([await holding('first', 'in time'), second], {
      deletes: 'first',
      hedgeMs: { first: 500 },
    })
    const trace: Trace = []
    expect(await textOf(await chain.get('a', { trace }))).toBe('in time')
    expect(trace).toHaveLength(1)
  })

  it('discards results that arrive at the same moment and do not win', async () => {
    let cancelled = false
    const both = Promise.withResolvers<void>()
    const held = async (name: string): Promise<Backend> => {
      const backend = await holding(name, name)
      return { ...backend, get: async (key) => (await both.promise, backend.get(key)) }
    }
    const second = await held('second')
    const watched: Backend = {
      ...second,
      async get(key) {
        const object = await second.get(key)
        const body = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) })
        return object && { ...object, body }
      },
    }
    const chain = createChain([await held('first'), watched], { deletes: 'first', hedgeMs: { first: 10 } })
    const answer = chain.get('a')
    setTimeout(both.resolve, 50)
    expect(await textOf(await answer)).toBe('first')
    await expect.poll(() => cancelled).toBe(true)
  })

  it('waits for the silent one if no other has the object', async () => {
    const first = slow(await holding('first', 'worth waiting'), 100)
    const chain = createChain([first, memoryBackend('second')], { deletes: 'first', hedgeMs: { first: 10 } })
    expect(await textOf(await chain.get('a'))).toBe('worth waiting')
  })

  it('tries the next one at once after a miss or a failure', async () => {
    const chain = createChain(
      [failing('first', 'unavailable'), memoryBackend('second'), await holding('third', 'found')],
      { deletes: 'first', hedgeMs: { first: 5000, second: 5000 } },
    )
    expect(await textOf(await chain.get('a'))).toBe('found')
  })

  it('is a miss only if every backend proved it; otherwise throws the failure', async () => {
    const absent = createChain([memoryBackend('a'), memoryBackend('b')], {
      deletes: 'first',
      hedgeMs: { a: 5 },
    })
    expect(await absent.head('a')).toBeNull()
    const broken = createChain([memoryBackend('a'), failing('b', 'timeout')], {
      deletes: 'first',
      hedgeMs: { a: 5 },
    })
    await expect(broken.head('a')).rejects.toMatchObject({ code: 'timeout' })
  })
})
