import { describe, expect, it } from 'vitest'
import { withNegativeCache } from '../../src/wrappers/negative-cache.ts'
import { bytesOf, counting, failing, textOf } from '../kit/fakes.ts'

function setup(maxNames = 100) {
  const clock = { now: 0 }
  const origin = counting('origin')
  const backend = withNegativeCache(origin, { ttlMs: 2000, maxNames, now: () => clock.now })
  return { backend, origin, clock }
}

describe('withNegativeCache()', () => {
  it('searches once for a name that is absent, and again when the time is over', async () => {
    const { backend, origin, clock } = setup()
    expect(await backend.get('a')).toBeNull()
    expect(await backend.head('a')).toBeNull()
    expect(origin.counts).toMatchObject({ get: 1, head: 0 })
    clock.now += 2000
    await origin.put('a', bytesOf('new'))
    expect(await textOf(await backend.get('a'))).toBe('new')
  })

  it('forgets a name as soon as it is written', async () => {
    const { backend } = setup()
    expect(await backend.head('a')).toBeNull()
    await backend.put?.('a', bytesOf('saved'))
    expect(await textOf(await backend.get('a'))).toBe('saved')
  })

  it('does not remember a miss if there was a write at the same time', async () => {
    const { backend } = setup()
    const reading = backend.head('a')
    await backend.put?.('a', bytesOf('saved'))
    await reading
    expect(await backend.head('a')).not.toBeNull()
  })

  it('never remembers a failure as an absence', async () => {
    const backend = withNegativeCache(failing('origin', 'unavailable'), { ttlMs: 2000 })
    await expect(backend.head('a')).rejects.toMatchObject({ code: 'unavailable' })
    await expect(backend.head('a')).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('forgets the oldest name when it is full', async () => {
    const { backend, origin } = setup(2)
    for (const name of ['a', 'b', 'c', 'b', 'a']) await backend.head(name)
    expect(origin.counts['head']).toBe(4)
  })
})
