import { describe, expect, it } from 'vitest'
import { withCoalescing } from '../../src/wrappers/coalesce.ts'
import { withCheckedDigests } from '../../src/wrappers/check-digest.ts'
import { createMemoryBudget } from '../../src/bodies/memory-budget.ts'
import type { Backend } from '../../src/storage/backend.ts'
import type { StoredObject } from '../../src/storage/object.ts'
import { memoryBackend } from '../kit/memory.ts'
import { bytesOf, steppedBody, textOf } from '../kit/fakes.ts'

const WRONG = { md5: '0'.repeat(32) }

async function origin(): Promise<Backend> {
  const backend = memoryBackend('origin')
  await backend.put('a', bytesOf('abcdef'))
  return backend
}

/** One object `a` with a digest that its bytes do not have. */
async function wrong(given: Partial<StoredObject> = {}): Promise<Backend> {
  const right = await origin()
  return {
    ...right,
    async get(name, options) {
      const object = await right.get(name, options)
      return object && { ...object, digests: WRONG, ...given }
    },
  }
}

describe('withCheckedDigests()', () => {
  it('passes on a body whose digest is right, of known length', async () => {
    const verified = withCheckedDigests(await origin())
    const response = new Response((await verified.get('a'))?.body)
    expect(await response.text()).toBe('abcdef')
  })

  it('keeps the last bytes back when the digest differs, and fails', async () => {
    const source = steppedBody()
    const info = { name: 'a', backend: 'origin', size: 6, digests: WRONG }
    const get = async (): Promise<StoredObject> => ({ ...info, body: source.body })
    const verified = withCheckedDigests({ name: 'origin', type: 'memory', get, head: async () => null })
    const reader = (await verified.get('a'))?.body.getReader()
    source.next('abc')
    source.next('def')
    expect((await reader?.read())?.value).toEqual(bytesOf('abc'))
    source.end()
    await expect(reader?.read()).rejects.toMatchObject({ code: 'corrupt' })
  })

  it('fails if the length is unknown', async () => {
    const { get } = await wrong()
    const unsized: Backend['get'] = async (name) => {
      const object = await get(name)
      if (!object) return null
      const { size: _size, ...rest } = object
      return rest
    }
    const verified = withCheckedDigests({ ...(await wrong()), get: unsized })
    await expect(textOf(await verified.get('a'))).rejects.toMatchObject({ code: 'corrupt' })
  })

  it('fails every reader that shares the body', async () => {
    const shared = withCoalescing(withCheckedDigests(await wrong()), {
      maxBytes: 100,
      budget: createMemoryBudget(100),
      leave: 0,
      stallMs: 1000,
      keepAlive: () => {},
    })
    const objects = await Promise.all([shared.get('a'), shared.get('a')])
    for (const object of objects) await expect(textOf(object)).rejects.toMatchObject({ code: 'corrupt' })
  })

  it('does not check a part, whose digest is unknown', async () => {
    const part = await withCheckedDigests(await wrong()).get('a', { range: { offset: 1, length: 2 } })
    expect(await textOf(part)).toBe('bc')
  })

  it('does not check an object that the caller already has, since its bytes may be missing', async () => {
    const verified = withCheckedDigests(await wrong({ etag: '"v1"', body: new Blob([]).stream() }))
    expect(await textOf(await verified.get('a', { ifNoneMatch: '"v1"' }))).toBe('')
  })
})
