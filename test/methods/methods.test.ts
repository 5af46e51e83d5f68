import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { createChain, type DeleteMode } from '../../src/chain/fallback.ts'
import { exists, existsAll } from '../../src/methods/exists.ts'
import { path, size, time, url } from '../../src/methods/methods.ts'

const BYTES = new TextEncoder().encode('hello')
const BASE = 'https://media.example/'

function pair(deletes: DeleteMode = 'tombstone') {
  const first = memoryBackend('first')
  const second = memoryBackend('second')
  return { first, second, chain: createChain([first, readOnly(second)], { deletes }) }
}

function readOnly(backend: Backend): Backend {
  // oxlint-disable-next-line typescript/unbound-method -- backends do without `this`
  const { put: _, delete: __, createMultipartUpload: ___, ...rest } = backend
  return rest
}

function down(name: string, code: 'unavailable' | 'timeout' = 'unavailable'): Backend {
  const fail = () => Promise.reject(new StorageError(code, 'is down', { backend: name }))
  return { name, type: 'memory', get: fail, head: fail }
}

describe('exists()', () => {
  it('is true when any backend has the name', async () => {
    const { first, second, chain } = pair()
    await first.put('a', BYTES)
    await second.put('b', BYTES)
    expect([await exists(chain, 'a'), await exists(chain, 'b'), await exists(chain, 'c')]).toEqual([
      true,
      true,
      false,
    ])
  })

  it('is false for a deleted name that a fallback still has', async () => {
    const { second, chain } = pair()
    await second.put('a', BYTES)
    await chain.delete('a')
    expect(await exists(chain, 'a')).toBe(false)
  })

  it('fails, and is not false, when none has the name and one failed', async () => {
    const chain = createChain([memoryBackend('first'), down('second')], { deletes: 'first' })
    await expect(exists(chain, 'a')).rejects.toMatchObject({
      code: 'unavailable',
      failures: [{ backend: 'second' }],
    })
  })
})

describe('existsAll()', () => {
  it('answers for every name, including odd ones', async () => {
    const { first, chain } = pair()
    await first.put('__proto__', BYTES)
    expect(await existsAll(chain, ['__proto__', 'b', 'b'])).toEqual(
      new Map([
        ['__proto__', true],
        ['b', false],
      ]),
    )
  })

  it('fails if one name cannot be decided, naming each failed backend once', async () => {
    const first = memoryBackend('first')
    await first.put('a', BYTES)
    const chain = createChain([first, down('second', 'timeout')], { deletes: 'first' })
    await expect(existsAll(chain, ['a', 'b', 'c'])).rejects.toMatchObject({
      code: 'timeout',
      failures: [{ backend: 'second' }],
    })
  })

  it('looks up at most five names at once', async () => {
    let open = 0
    let most = 0
    const slow: Backend = {
      ...memoryBackend('slow'),
      async head() {
        most = Math.max(most, ++open)
        await scheduler.wait(1)
        open--
        return null
      },
    }
    await existsAll(
      createChain([slow], { deletes: 'first' }),
      Array.from({ length: 30 }, (_, index) => `${index}`),
    )
    expect(most).toBe(5)
  })
})

describe('size() and time()', () => {
  it('come from the first backend that has the name', async () => {
    const { first, second, chain } = pair()
    await second.put('a', BYTES, { info: { modified: new Date(1000) } })
    expect([await size(chain, 'a'), await time(chain, 'a', 'modified')]).toEqual([5, new Date(1000)])
    await first.put('a', new Uint8Array(9), { info: { modified: new Date(2000) } })
    expect([await size(chain, 'a'), await time(chain, 'a', 'modified')]).toEqual([9, new Date(2000)])
  })

  it('are null for a name that no backend has or that is deleted', async () => {
    const { second, chain } = pair()
    await second.put('b', BYTES)
    await chain.delete('b')
    expect([await size(chain, 'a'), await size(chain, 'b'), await time(chain, 'b', 'created')]).toEqual([
      null,
      null,
      null,
    ])
  })

  it('skip a backend that does not record them', async () => {
    const first: Backend = { ...memoryBackend('first'), head: async (name) => ({ name, backend: 'first' }) }
    const second = memoryBackend('second')
    await second.put('a', BYTES)
    expect(await size(createChain([first, second], { deletes: 'first' }), 'a')).toBe(5)
    await expect(
      time(createChain([first, second], { deletes: 'first' }), 'a', 'accessed'),
    ).rejects.toMatchObject({
      code: 'unsupported',
    })
  })
})

describe('url()', () => {
  const withBase = (backend: Backend, base: string): Backend => ({
    ...backend,
    url: async (name) => base + name,
  })

  function urls() {
    const first = memoryBackend('first')
    const second = memoryBackend('second')
    const chain = createChain([withBase(first, 'https://first/'), withBase(second, 'https://second/')], {
      deletes: 'tombstone',
    })
    return { first, second, chain }
  }

  it('is that of the backend that has the name, or the last one, with migration off', async () => {
    const { first, second, chain } = urls()
    await first.put('one', BYTES)
    await second.put('two', BYTES)
    const of = (name: string) => url(chain, name, { base: BASE, migrating: false })
    expect([await of('one'), await of('two'), await of('missing')]).toEqual([
      'https://first/one',
      'https://second/two',
      'https://second/missing',
    ])
  })

  it('is the first that can be made with migration on, wherever the name is', async () => {
    const { second, chain } = urls()
    await second.put('two', BYTES)
    const of = (name: string) => url(chain, name, { base: BASE, migrating: true })
    expect([await of('two'), await of('missing')]).toEqual(['https://first/two', 'https://first/missing'])
  })

  it('treats a deleted name as absent from every backend', async () => {
    const { second, chain } = urls()
    await second.put('two', BYTES)
    await chain.delete('two')
    expect(await url(chain, 'two', { base: BASE, migrating: false })).toBe('https://second/two')
  })

  it('skips backends that cannot make one, and fails if none can', async () => {
    const { url: _, ...bare } = memoryBackend('bare')
    await bare.put('a', BYTES)
    const last = withBase(memoryBackend('last'), 'https://last/')
    expect(
      await url(createChain([bare, last], { deletes: 'first' }), 'a', { base: BASE, migrating: false }),
    ).toBe('https://last/a')
    await expect(
      url(createChain([bare], { deletes: 'first' }), 'a', { base: BASE, migrating: false }),
    ).rejects.toMatchObject({ code: 'unsupported' })
  })

  it('fails when no backend has the name and one failed', async () => {
    const chain = createChain([memoryBackend('first'), down('second')], { deletes: 'first' })
    await expect(url(chain, 'a', { base: BASE, migrating: false })).rejects.toMatchObject({
      code: 'unavailable',
    })
  })
})

describe('path()', () => {
  it('is that of the first backend that has paths', () => {
    const { path: _, ...pathless } = memoryBackend('first')
    expect(path(createChain([pathless, memoryBackend('second')], { deletes: 'first' }), 'a/b')).toBe(
      'memory://second/a/b',
    )
    expect(() => path(createChain([pathless], { deletes: 'first' }), 'a')).toThrow('no backend has paths')
  })
})
