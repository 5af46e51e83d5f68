import { describe, expect, it } from 'vitest'
import { type Chain, createChain } from '../../src/chain/fallback.ts'
import { deleteObjectIf } from '../../src/methods/methods.ts'
import { putObject } from '../../src/methods/put-object.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import type { ObjectInfo } from '../../src/storage/object.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'

const isV1 = (current: ObjectInfo | null): boolean => current?.metadata?.version === '1'
const put = (chain: Chain) => putObject(chain, 'a', bytesOf('three'), { allows: isV1 })
const remove = (chain: Chain) => deleteObjectIf(chain, 'a', isV1)

/** The primary has version 2, and a fallback still has version 1; the primary's second HEAD is `second`. */
async function overOld(second: (head: Backend['head']) => Backend['head']) {
  const primary = memoryBackend('primary')
  const old = memoryBackend('old')
  await old.put('a', bytesOf('one'), { info: { metadata: { version: '1' } } })
  await primary.put('a', bytesOf('two'), { info: { metadata: { version: '2' } } })
  let heads = 0
  const head: Backend['head'] = (...args) => {
    heads += 1
    return (heads === 2 ? second(primary.head) : primary.head)(...args)
  }
  const { get, head: headOld, name, type } = old
  const backends = [
    { ...primary, head },
    { name, type, get, head: headOld },
  ]
  return { primary, chain: createChain(backends, { deletes: 'tombstone', hedgeMs: { primary: 10 } }) }
}

describe.each([
  ['PUT', put],
  ['DELETE', remove],
])('a conditional %s of a name that a fallback has in an older version', (_, write) => {
  it('fails if the primary cannot say what the current version is', async () => {
    const { chain, primary } = await overOld(
      () => () => Promise.reject(new StorageError('unavailable', 'fails on purpose', { backend: 'primary' })),
    )
    await expect(write(chain)).rejects.toMatchObject({
      code: 'unavailable',
      failures: [{ backend: 'primary' }],
    })
    expect(await textOf(await primary.get('a'))).toBe('two')
  })

  it('waits for a primary that is slower than its hedge_ms', async () => {
    const { chain, primary } = await overOld((head) => async (...args) => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      return head(...args)
    })
    await expect(write(chain)).rejects.toMatchObject({ code: 'precondition' })
    expect(await textOf(await primary.get('a'))).toBe('two')
  })
})

describe('a conditional PUT of a name that only a fallback has', () => {
  it.each([
    ['the copy that a read makes meanwhile', '1', undefined],
    ['not another version that was copied meanwhile', '2', 'precondition'],
  ])('replaces %s', async (_, version, code) => {
    const primary = memoryBackend('primary')
    const old = memoryBackend('old')
    await old.put('a', bytesOf('one'), { info: { metadata: { version: '1' } } })
    const provenance = { backend: 'old', copied: new Date() }
    let isCopied = false
    const racing: Backend = {
      ...primary,
      async put(...args) {
        if (!isCopied) await primary.put('a', bytesOf('one'), { info: { metadata: { version }, provenance } })
        isCopied = true
        return primary.put(...args)
      },
    }
    const { get, head, name, type } = old
    const chain = createChain([racing, { name, type, get, head }], { deletes: 'tombstone' })
    const body = new Blob(['three']).stream()
    const result = putObject(chain, 'a', body, { size: 5, allows: isV1 })
    if (code) await expect(result).rejects.toMatchObject({ code })
    else await result
    expect(await textOf(await primary.get('a'))).toBe(code ? 'one' : 'three')
  })
})
