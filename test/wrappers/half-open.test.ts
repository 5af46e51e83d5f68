import { describe, expect, it } from 'vitest'
import { withBreaker } from '../../src/wrappers/breaker.ts'
import { memoryBackend } from '../kit/memory.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { createChain } from '../../src/chain/fallback.ts'
import { putObject } from '../../src/methods/put-object.ts'
import { save } from '../../src/methods/save.ts'
import type { Trace } from '../../src/storage/trace.ts'
import { bytesOf, failing, textOf } from '../kit/fakes.ts'

describe.each([
  ['in order', undefined],
  ['hedged', 1000],
])('a chain with a half-open breaker, searched %s', (_, hedgeMs) => {
  /** `only` has `a` and is slow, behind a breaker that has just become half-open; `other` comes before it. */
  async function halfOpen(other = memoryBackend('other') as Parameters<typeof createChain>[0][number]) {
    const clock = { now: 0 }
    const memory = memoryBackend('only')
    await memory.put('a', bytesOf('here'))
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
    const chain = createChain([other, backend], {
      deletes: 'first',
      ...(hedgeMs !== undefined && { hedgeMs: { [other.name]: hedgeMs } }),
    })
    const read = (trace: Trace = []) =>
      chain.get('a', { trace }).then(textOf, (error: Error) => error.message)
    return { chain, read, backend }
  }

  it('lets more than one through if no other backend can answer', async () => {
    const { read } = await halfOpen()
    const trace: Trace = []
    expect(await Promise.all([read(), read(), read(trace)])).toEqual(['here', 'here', 'here'])
    expect(trace.map(({ backend, outcome }) => [backend, outcome])).toEqual([
      ['other', 'absent'],
      ['only', 'hit'],
    ])
  })

  it('lets no more through than would open it again', async () => {
    const { read } = await halfOpen()
    const read7 = await Promise.all(Array.from({ length: 7 }, () => read()))
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
