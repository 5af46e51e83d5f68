import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { createChain } from '../../src/chain/fallback.ts'
import type { Trace } from '../../src/storage/trace.ts'
import { bytesOf, failing, textOf } from '../kit/fakes.ts'

/** Removes the methods that write. */
function readOnly(backend: Backend): Backend {
  const { put: _put, delete: _delete, createMultipartUpload: _create, ...rest } = backend
  return rest
}

async function setup() {
  const first = memoryBackend('first')
  const second = memoryBackend('second')
  await second.put('a.txt', bytesOf('from second'))
  return { first, second, chain: createChain([first, readOnly(second)], { deletes: 'tombstone' }) }
}

describe('createChain()', () => {
  it('answers with the first backend that has the object and traces which were tried', async () => {
    const { chain } = await setup()
    const trace: Trace = []
    const object = await chain.get('a.txt', { trace })
    expect(await textOf(object)).toBe('from second')
    expect(trace.map(({ backend, outcome }) => [backend, outcome])).toEqual([
      ['first', 'absent'],
      ['second', 'hit'],
    ])
  })

  it('is a miss only when every backend proved the name absent', async () => {
    const { chain, first } = await setup()
    expect(await chain.get('none.txt')).toBeNull()
    const broken = createChain([first, failing('second', 'unavailable')], { deletes: 'tombstone' })
    await expect(broken.get('none.txt')).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('skips a failed backend if another one has the object', async () => {
    const { second } = await setup()
    const chain = createChain([failing('first', 'timeout'), second], { deletes: 'tombstone' })
    const trace: Trace = []
    expect(await textOf(await chain.get('a.txt', { trace }))).toBe('from second')
    expect(trace[0]?.outcome).toBe('timeout')
  })

  it.each([
    [['timeout', 'timeout'], 'timeout'],
    [['timeout', 'unavailable'], 'unavailable'],
    [['denied', 'denied'], 'unavailable'],
  ] as const)('reports %j as %s with every failure', async (codes, expected) => {
    const backends = codes.map((code, index) => failing(`b${index}`, code))
    const error = await createChain(backends, { deletes: 'first' })
      .head('a.txt')
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(StorageError)
    expect(error).toMatchObject({ code: expected })
    expect((error as StorageError).failures.map((failure) => failure.backend)).toEqual(['b0', 'b1'])
  })

  it('ends the search at a range that the object does not have', async () => {
    const { chain } = await setup()
    await expect(chain.get('a.txt', { range: { offset: 100 } })).rejects.toMatchObject({
      code: 'unsatisfiable',
      size: 11,
    })
  })

  it('hides a deleted name even if a fallback still has it', async () => {
    const { chain, first, second } = await setup()
    await chain.delete('a.txt')
    expect(await chain.get('a.txt')).toBeNull()
    expect(await chain.head('a.txt')).toBeNull()
    expect(first.objects.get('a.txt')?.info.deleted).toBeInstanceOf(Date)
    expect(second.objects.has('a.txt')).toBe(true)
  })

  it('keeps a deleted name hidden, even if a read-only backend before the writable one has it', async () => {
    const old = memoryBackend('old')
    await old.put('a.txt', bytesOf('old'))
    const chain = createChain([readOnly(old), memoryBackend('new')], { deletes: 'tombstone' })
    await chain.delete('a.txt')
    expect(await chain.get('a.txt')).toBeNull()
  })

  it('leaves no marker if no other backend could bring the name back', async () => {
    const only = memoryBackend('only')
    await only.put('a.txt', bytesOf('x'))
    await createChain([only], { deletes: 'tombstone' }).delete('a.txt')
    expect(only.objects.size).toBe(0)
  })

  it('fails a delete that the writer cannot record, and changes nothing', async () => {
    const { second } = await setup()
    const chain = createChain([failing('first', 'unavailable', { writable: true }), second], {
      deletes: 'tombstone',
    })
    await expect(chain.delete('a.txt')).rejects.toMatchObject({ code: 'unavailable' })
    expect(second.objects.has('a.txt')).toBe(true)
  })

  it('deletes in the first backend, without a tombstone, if deletes are plain', async () => {
    const { first, second } = await setup()
    await first.put('a.txt', bytesOf('from first'))
    const chain = createChain([first, second], { deletes: 'first' })
    await chain.delete('a.txt')
    expect(first.objects.size).toBe(0)
    expect(await textOf(await chain.get('a.txt'))).toBe('from second')
  })

  it('does not try a backend that does not accept the name', async () => {
    const { second } = await setup()
    const picky: Backend = { ...failing('first', 'unavailable'), accepts: () => false }
    const trace: Trace = []
    expect(await createChain([picky, second], { deletes: 'first' }).head('a.txt', { trace })).not.toBeNull()
    expect(trace.map((attempt) => attempt.backend)).toEqual(['second'])
  })

  it('is unsupported if the backends that have it do not record the value', async () => {
    const { chain } = await setup()
    await expect(chain.first('a.txt', async () => 'skip')).rejects.toMatchObject({ code: 'unsupported' })
  })
})
