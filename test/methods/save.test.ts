import { describe, expect, it } from 'vitest'
import { memoryBackend, type MemoryBackend } from '../kit/memory.ts'
import { type Backend, isWritable } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { createChain } from '../../src/chain/fallback.ts'
import { putObject } from '../../src/methods/put-object.ts'
import { availableName, save } from '../../src/methods/save.ts'

const BYTES = new TextEncoder().encode('hello')
const MIB = 1024 * 1024
const SUFFIXED = /^a_[A-Za-z0-9]{7}\.jpg$/

function readOnly(backend: Backend): Backend {
  // oxlint-disable-next-line typescript/unbound-method -- backends do without `this`
  const { put: _, delete: __, createMultipartUpload: ___, ...rest } = backend
  return rest
}

const failing = async (): Promise<never> => {
  throw new StorageError('unavailable', 'is down', { backend: 'down' })
}

function streamOf(size: number): ReadableStream<Uint8Array> {
  let left = size
  return new ReadableStream({
    pull(controller) {
      const length = Math.min(left, MIB)
      if (length > 0) controller.enqueue(new Uint8Array(length).fill(7))
      left -= length
      if (left === 0) controller.close()
    },
  })
}

function sizeIn(backend: MemoryBackend, name: string): number | undefined {
  return backend.objects.get(name)?.bytes.length
}

describe('save()', () => {
  it('goes to the first writable backend only', async () => {
    const [first, second, third] = [memoryBackend('1'), memoryBackend('2'), memoryBackend('3')]
    const chain = createChain([readOnly(first), second, third], { deletes: 'first' })
    expect((await save(chain, 'a.jpg', BYTES)).name).toBe('a.jpg')
    expect([first.objects.size, second.objects.size, third.objects.size]).toEqual([0, 1, 0])
  })

  it('never replaces: a taken name gets a random suffix', async () => {
    const only = memoryBackend('only')
    const chain = createChain([only], { deletes: 'first' })
    await save(chain, 'a.jpg', BYTES)
    const { name } = await save(chain, 'a.jpg', streamOf(9), { size: 9 })
    expect(name).toMatch(SUFFIXED)
    expect([sizeIn(only, 'a.jpg'), sizeIn(only, name)]).toEqual([5, 9])
  })

  it('uses a name that only a fallback has, like the original', async () => {
    const [first, second] = [memoryBackend('1'), memoryBackend('2')]
    await second.put('a.jpg', BYTES)
    expect((await save(createChain([first, second], { deletes: 'first' }), 'a.jpg', BYTES)).name).toBe(
      'a.jpg',
    )
  })

  it('reuses a deleted name with the new bytes', async () => {
    const [first, second] = [memoryBackend('1'), memoryBackend('2')]
    const chain = createChain([first, readOnly(second)], { deletes: 'tombstone' })
    await second.put('a.jpg', new Uint8Array(3))
    await chain.delete('a.jpg')
    expect((await save(chain, 'a.jpg', BYTES)).name).toBe('a.jpg')
    expect((await chain.head('a.jpg'))?.size).toBe(5)
  })

  it('uses the next writable backend if the first fails, under its own name', async () => {
    const [first, second] = [memoryBackend('1'), memoryBackend('2')]
    for (const broken of [{ put: failing }, { head: failing }]) {
      const chain = createChain([{ ...first, ...broken }, second], { deletes: 'first' })
      const { name } = await save(chain, 'a.jpg', streamOf(100), { size: 100 })
      expect(name).toMatch(SUFFIXED)
      expect(sizeIn(second, name)).toBe(100)
    }
    expect(first.objects.size).toBe(0)
  })

  it('does not send a partly read body to another backend', async () => {
    const second = memoryBackend('2')
    const first: Backend = {
      ...memoryBackend('1'),
      async put(_, body) {
        if (!(body instanceof Uint8Array)) await body.cancel()
        return failing()
      },
    }
    const saving = save(createChain([first, second], { deletes: 'first' }), 'a', streamOf(9 * MIB), {
      size: 9 * MIB,
    })
    const message = 'no backend could make the change: try again'
    await expect(saving).rejects.toMatchObject({ code: 'unavailable', message })
    expect(second.objects.size).toBe(0)
  })

  it('sends a large body to the next backend after the first one, which has no multipart uploads, had to read it', async () => {
    const { createMultipartUpload: _, ...whole } = memoryBackend('1')
    const second = memoryBackend('2')
    const chain = createChain([{ ...whole, put: failing }, second], { deletes: 'first' })
    const { name } = await save(chain, 'a.jpg', streamOf(9 * MIB), { size: 9 * MIB })
    expect(sizeIn(second, name)).toBe(9 * MIB)
  })

  it('sends a large body to the next backend if the first failed before it was read', async () => {
    const second = memoryBackend('2')
    const chain = createChain([{ ...memoryBackend('1'), head: failing }, second], { deletes: 'first' })
    const { name } = await save(chain, 'a.jpg', streamOf(9 * MIB), { size: 9 * MIB })
    expect(sizeIn(second, name)).toBe(9 * MIB)
  })

  it('picks another name if a save of the same name comes first', async () => {
    const only = memoryBackend('only')
    const chain = createChain([only], { deletes: 'first' })
    const names = await Promise.all(Array.from({ length: 8 }, () => save(chain, 'a.jpg', streamOf(9))))
    expect(new Set(names.map(({ name }) => name)).size).toBe(8)
    expect(only.objects.size).toBe(8)
  })

  it('stores a body of unknown length, small or large', async () => {
    const only = memoryBackend('only')
    const chain = createChain([only], { deletes: 'first' })
    await save(chain, 'small', streamOf(10))
    await save(chain, 'large', streamOf(20 * MIB + 1))
    await save(chain, 'empty', streamOf(0))
    expect([sizeIn(only, 'small'), sizeIn(only, 'large'), sizeIn(only, 'empty')]).toEqual([
      10,
      20 * MIB + 1,
      0,
    ])
  })

  it('skips a backend that is too small, and hides nothing by that', async () => {
    const [first, second] = [{ ...memoryBackend('1'), maxSize: 10 }, memoryBackend('2')]
    const chain = createChain([first, second], { deletes: 'tombstone' })
    await first.put('a.jpg', BYTES)
    const { name } = await save(chain, 'a.jpg', streamOf(11), { size: 11 })
    expect(name).toMatch(SUFFIXED)
    expect((await chain.head(name))?.size).toBe(11)
    await expect(
      save(createChain([first], { deletes: 'first' }), 'b', streamOf(11), { size: 11 }),
    ).rejects.toMatchObject({
      code: 'too-large',
    })
  })

  it('stores what is too large for the first backend while that is down', async () => {
    const first = { ...memoryBackend('1'), maxSize: 10, head: failing, put: failing }
    const second = memoryBackend('2')
    const chain = createChain([first, second], { deletes: 'tombstone' })
    const { name } = await save(chain, 'a.jpg', new Uint8Array(11))
    expect(name).toMatch(SUFFIXED)
    expect([...second.objects.keys()]).toEqual([name])
  })

  it('fails if the first backend goes down meanwhile, which may have a copy that would hide the saved object', async () => {
    let isDown = false
    const small = memoryBackend('1')
    const first: Backend = {
      ...small,
      maxSize: 10,
      head: (name, options) => (isDown ? failing() : small.head(name, options)),
    }
    const second = memoryBackend('2')
    const put: typeof second.put = (...args) => {
      isDown = true
      return second.put(...args)
    }
    const chain = createChain([first, { ...second, put }], { deletes: 'tombstone' })
    await expect(save(chain, 'a.jpg', new Uint8Array(11))).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('stores what the first backend takes while the one for larger objects is down', async () => {
    const first = memoryBackend('1')
    const second = { ...memoryBackend('2'), head: failing, put: failing }
    const chain = createChain([{ ...first, maxSize: 10 }, second], { deletes: 'tombstone' })
    const { name } = await save(chain, 'a.jpg', BYTES)
    expect(name).toMatch(SUFFIXED)
    expect([...first.objects.keys()]).toEqual([name])
    await chain.delete('b.jpg')
    expect((await save(chain, 'b.jpg', BYTES)).name).toBe('b.jpg')
  })

  it('does not hide what was too large for the first backend', async () => {
    const [first, second] = [{ ...memoryBackend('1'), maxSize: 10 }, memoryBackend('2')]
    const chain = createChain([first, second], { deletes: 'tombstone' })
    expect((await save(chain, 'a.jpg', new Uint8Array(11))).name).toBe('a.jpg')
    expect(await availableName(chain, 'a.jpg')).toMatch(SUFFIXED)
    expect((await save(chain, 'a.jpg', BYTES)).name).toMatch(SUFFIXED)
    expect((await chain.head('a.jpg'))?.size).toBe(11)
    await chain.delete('a.jpg')
    expect((await save(chain, 'a.jpg', BYTES)).name).toBe('a.jpg')
  })

  it('is not hidden by a copy that is made meanwhile in a backend that is too small', async () => {
    const [first, second] = [{ ...memoryBackend('1'), maxSize: 10 }, memoryBackend('2')]
    const provenance = { backend: 'old', copied: new Date() }
    const racing: Backend = {
      ...second,
      async put(...args) {
        await first.put('a.jpg', BYTES, { info: { provenance } })
        return second.put(...args)
      },
    }
    const chain = createChain([first, racing], { deletes: 'tombstone' })
    expect((await save(chain, 'a.jpg', new Uint8Array(11))).name).toBe('a.jpg')
    expect((await chain.head('a.jpg'))?.size).toBe(11)
  })

  it.each([
    ['announced', 12],
    ['found out', undefined],
  ])('refuses more than maxBytes, %s', async (_, size) => {
    const only = memoryBackend('only')
    const saving = save(createChain([only], { deletes: 'first' }), 'a', streamOf(12), {
      maxBytes: 11,
      ...(size !== undefined && { size }),
    })
    await expect(saving).rejects.toMatchObject({ code: 'too-large' })
    expect(only.objects.size).toBe(0)
  })

  it('says that nothing is writable', async () => {
    const chain = createChain([readOnly(memoryBackend('1'))], { deletes: 'first' })
    await expect(save(chain, 'a', BYTES)).rejects.toMatchObject({ code: 'unsupported' })
    await expect(availableName(chain, 'a')).rejects.toMatchObject({ code: 'unsupported' })
  })
})

describe('putObject()', () => {
  const chainOf = (...backends: Backend[]) => createChain(backends, { deletes: 'tombstone' })

  it('says whether the object is new', async () => {
    const chain = chainOf(memoryBackend('1'), readOnly(memoryBackend('2')))
    expect((await putObject(chain, 'a', BYTES)).created).toBe(true)
    expect((await putObject(chain, 'a', BYTES)).created).toBe(false)
    await chain.delete('a')
    expect((await putObject(chain, 'a', BYTES)).created).toBe(true)
  })

  it('says whether a fallback has the object if it was looked up for a condition', async () => {
    const [first, second] = [memoryBackend('1'), memoryBackend('2')]
    await second.put('a', BYTES)
    const chain = chainOf(first, readOnly(second))
    const allows = () => true
    expect((await putObject(chain, 'a', BYTES, { allows })).created).toBe(false)
    expect((await putObject(chain, 'b', BYTES, { allows })).created).toBe(true)
    await chain.delete('a')
    expect((await putObject(chain, 'a', BYTES, { allows })).created).toBe(true)
  })

  it('does not use another backend, where an older version would hide it', async () => {
    const second = memoryBackend('2')
    const putting = putObject(chainOf({ ...memoryBackend('1'), put: failing }, second), 'a', BYTES)
    await expect(putting).rejects.toMatchObject({ code: 'unavailable' })
    expect(second.objects.size).toBe(0)
  })

  it('checks the whole chain before it writes', async () => {
    const [first, second] = [memoryBackend('1'), memoryBackend('2')]
    await second.put('a', BYTES)
    const chain = chainOf(first, readOnly(second))
    const allows = (current: unknown) => current === null
    await expect(putObject(chain, 'a', BYTES, { allows })).rejects.toMatchObject({ code: 'precondition' })
    await chain.delete('a')
    await putObject(chain, 'a', new Uint8Array(9), { allows })
    expect((await chain.head('a'))?.size).toBe(9)
  })

  it('is refused when the object changes while its condition is checked', async () => {
    const only = memoryBackend('only')
    await only.put('a', BYTES)
    const chain = createChain(
      [
        {
          ...only,
          async put(...args) {
            await only.put('a', new Uint8Array(1))
            return only.put(...args)
          },
        },
      ],
      { deletes: 'first' },
    )
    const putting = putObject(chain, 'a', BYTES, { allows: (current) => current?.size === 5 })
    await expect(putting).rejects.toMatchObject({ code: 'precondition' })
    expect(sizeIn(only, 'a')).toBe(1)
  })

  it('removes an object that would hide the new one from a backend that was too small', async () => {
    const [first, second] = [{ ...memoryBackend('1'), maxSize: 10 }, memoryBackend('2')]
    const chain = chainOf(first, second)
    expect(isWritable(first)).toBe(true)
    await putObject(chain, 'a', BYTES)
    await putObject(chain, 'a', new Uint8Array(20))
    expect((await chain.head('a'))?.size).toBe(20)
    await chain.delete('a')
    await putObject(chain, 'a', new Uint8Array(30))
    expect((await chain.head('a'))?.size).toBe(30)
  })
})
