import { describe, expect, it } from 'vitest'
import { createMemoryBudget } from '../../src/bodies/memory-budget.ts'
import { withBreaker } from '../../src/wrappers/breaker.ts'
import { withCoalescing } from '../../src/wrappers/coalesce.ts'
import { memoryBackend } from '../kit/memory.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { createChain } from '../../src/chain/fallback.ts'
import { putObject } from '../../src/methods/put-object.ts'
import { save } from '../../src/methods/save.ts'
import type { Backend } from '../../src/storage/backend.ts'
import type { Trace } from '../../src/storage/trace.ts'
import { bytesOf, failing, textOf } from '../kit/fakes.ts'

/** As during a migration: reads of the same name share a body. */
const shared = (backend: Backend): Backend =>
  withCoalescing(backend, {
    maxBytes: 1000,
    budget: createMemoryBudget(1000),
    leave: 0,
    stallMs: 1000,
    keepAlive: () => {},
  })

describe.each([
  ['in order', undefined, (backend: Backend) => backend],
  ['hedged', 1000, (backend: Backend) => backend],
  ['with shared bodies', undefined, shared],
])('a chain with a half-open breaker, searched %s', (_, hedgeMs, wrapped) => {
  /** `only` has `a` to `g` and is slow, behind a breaker that has just become half-open; `other` comes before it. */
  async function halfOpen(other = memoryBackend('other') as Parameters<typeof createChain>[0][number]) {
    const clock = { now: 0 }
    const memory = memoryBackend('only')
    for (const name of 'abcdefg') await memory.put(name, bytesOf('here'))
    const state = { down: true }
    const backend = withBreaker(
      {
        ...memory,
        async get(name) {
          await new Promise((resolve) => setTimeout(resolve, 20))
          if (state.down) throw new StorageError('unavailable', 'down', { backend: 'only' })
          return memory.get(name)
        },
      },
      { failures: 3, openMs: 5000, longestPauseMs: 0, now: () => clock.now },
    )
    for (let time = 0; time < 3; time++) await backend.get('a').catch(() => {})
    state.down = false
    clock.now += 5000
    const chain = createChain([other, wrapped(backend)], {
      deletes: 'first',
      ...(hedgeMs !== undefined && { hedgeMs: { [other.name]: hedgeMs } }),
    })
    const read = (name: string, trace: Trace = []) =>
      chain.get(name, { trace }).then(textOf, (error: Error) => error.message)
    return { chain, read, backend }
  }

  it('lets more than one through if no other backend can answer', async () => {
    const { read } = await halfOpen()
    const trace: Trace = []
    expect(await Promise.all([read('a'), read('b'), read('c', trace)])).toEqual(['here', 'here', 'here'])
    expect(trace.map(({ backend, outcome }) => [backend, outcome])).toEqual([
      ['other', 'absent'],
      ['only', 'hit'],
    ])
  })

  it('lets no more through than would open it again', async () => {
    const { read } = await halfOpen()
    const read7 = await Promise.all(Array.from({ length: 7 }, (_, index) => read('abcdefg'.charAt(index))))
    expect(read7.filter((text) => text === 'here')).toHaveLength(3)
  })

  it('lets only one through if another backend can answer', async () => {
    const other = memoryBackend('behind')
    await other.put('a', bytesOf('elsewhere'))
    const { backend } = await halfOpen()
    const chain = createChain([backend, other], {
      deletes: 'first',
      ...(hedgeMs !== undefined && { hedgeMs: { only: hedgeMs } }),
    })
    const texts = await Promise.all([0, 1, 2].map(async () => textOf(await chain.get('a'))))
    expect(texts.filter((text) => text === 'here')).toHaveLength(1)
  })

  it('still names the others that failed', async () => {
    const { chain } = await halfOpen(failing('other', 'timeout'))
    await expect(chain.get('none')).rejects.toMatchObject({
      failures: [{ backend: 'other', code: 'timeout' }],
    })
  })
})

it('lets writes through a half-open breaker, which no other backend can take', async () => {
  const clock = { now: 0 }
  const memory = memoryBackend('only')
  const state = { down: true }
  const guarded = async <T>(operation: () => Promise<T>): Promise<T> => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (state.down) throw new StorageError('unavailable', 'down', { backend: 'only' })
    return operation()
  }
  const backend = withBreaker(
    {
      ...memory,
      head: (name) => guarded(() => memory.head(name)),
      put: (name, body, options) => guarded(() => memory.put(name, body, options)),
    },
    { failures: 3, openMs: 5000, longestPauseMs: 0, now: () => clock.now },
  )
  for (let time = 0; time < 3; time++) await backend.head('a').catch(() => {})
  state.down = false
  clock.now += 5000
  const chain = createChain([backend], { deletes: 'tombstone' })
  const written = await Promise.allSettled([
    putObject(chain, 'a', bytesOf('a')),
    putObject(chain, 'b', bytesOf('b')),
    save(chain, 'c', bytesOf('c')),
  ])
  expect(written.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
})
