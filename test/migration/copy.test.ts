import { describe, expect, it, vi } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { copyObject } from '../../src/migration/copy.ts'
import { copyInParts } from '../../src/migration/copy-parts.ts'
import type { Backend, WritableBackend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { bytesOf, counting, REPRESENTATION, steppedBody } from '../kit/fakes.ts'

const MIB = 1024 * 1024
const MODIFIED = new Date('2024-05-01T12:00:00Z')
const KEPT = {
  ...REPRESENTATION,
  etag: '"abc"',
  modified: MODIFIED,
}

describe('copyObject()', () => {
  it('keeps the representation, the validators and the provenance', async () => {
    const [source, target] = [memoryBackend('old'), memoryBackend('new')]
    await source.put('a.md', bytesOf('hello'), { info: KEPT })
    expect(await copyObject(source, target, 'a.md')).toEqual({ outcome: 'copied', bytes: 5 })
    expect(await target.head('a.md')).toMatchObject({
      ...KEPT,
      size: 5,
      provenance: { backend: 'old', etag: '"abc"', modified: MODIFIED, copied: expect.any(Date) },
    })
  })

  it.each([
    ['an object', {}],
    ['a tombstone', { deleted: new Date() }],
  ])('leaves %s in the target alone', async (_what, info) => {
    const [source, target] = [memoryBackend('old'), memoryBackend('new')]
    await source.put('a', bytesOf('old'))
    await target.put('a', bytesOf('new'), { info })
    expect(await copyObject(source, target, 'a')).toEqual({ outcome: 'present', bytes: 0 })
    expect(new TextDecoder().decode(target.objects.get('a')?.bytes)).toBe('new')
  })

  it('copies neither absent objects nor tombstones', async () => {
    const [source, target] = [memoryBackend('old'), memoryBackend('new')]
    await source.put('deleted', bytesOf(''), { info: { deleted: new Date() } })
    for (const name of ['missing', 'deleted'])
      expect(await copyObject(source, target, name)).toEqual({ outcome: 'absent', bytes: 0 })
    expect(target.objects.size).toBe(0)
  })

  const wrong = [
    { what: 'short', size: 7, digests: {} },
    { what: 'long', size: 5, digests: {} },
    { what: 'of another digest', size: 6, digests: { md5: '0'.repeat(32) } },
    { what: 'of another digest and unknown length', size: undefined, digests: { crc32: '00000000' } },
  ]
  it.each(wrong)('stores nothing of a body that is $what', async ({ size, digests }) => {
    const target = memoryBackend('new')
    const steps = steppedBody()
    steps.next('abcdef')
    steps.end()
    const told = { name: 'a', backend: 'old', digests, ...(size !== undefined && { size }) }
    const source: Backend = {
      name: 'old',
      type: 'memory',
      get: async () => ({ ...told, body: steps.body }),
      head: async () => told,
    }
    await expect(copyObject(source, target, 'a')).rejects.toMatchObject({ code: 'corrupt' })
    expect([target.objects.size, target.uploads.size]).toEqual([0, 0])
  })
})

/** An object that is too large for one put; its bytes are not in memory. */
const SIZE = 150 * MIB
const PARTS = [64 * MIB, 64 * MIB, 22 * MIB]

function hugeSource(get: (offset: number, attempt: number) => void = () => {}, etag = '"v1"') {
  const info = { name: 'huge', backend: 'old', size: SIZE, etag, modified: MODIFIED }
  const attempts = new Map<number, number>()
  const requested: unknown[] = []
  const source: Backend = {
    name: 'old',
    type: 'memory',
    head: async () => info,
    async get(_name, { range, ifMatch } = {}) {
      if (!range || !('offset' in range)) return { ...info, body: streamOf(SIZE) }
      const { offset, length = SIZE - offset } = range
      requested.push({ offset, length, ifMatch })
      const attempt = (attempts.get(offset) ?? 0) + 1
      attempts.set(offset, attempt)
      get(offset, attempt)
      return { ...info, range: { start: offset, end: offset + length - 1 }, body: streamOf(length) }
    },
  }
  return { source, requested }
}

function streamOf(length: number): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent === length) return controller.close()
      controller.enqueue(new Uint8Array(Math.min(MIB, length - sent)))
      sent += Math.min(MIB, length - sent)
    },
  })
}

/** Accepts parts and discards their bytes; with `taken`, its completion comes too late. */
function partTarget(taken = false) {
  const log: string[] = []
  const target: WritableBackend = {
    ...counting('new'),
    maxPutSize: MIB,
    createMultipartUpload: async () => ({
      id: 'one',
      async uploadPart(number, body, size) {
        let length = 0
        for await (const chunk of body as ReadableStream<Uint8Array>) length += chunk.length
        log.push(`part ${number}: ${length / MIB} of ${size / MIB}`)
        return { number, tag: `${number}`, size }
      },
      async complete(_parts, { onlyIf } = {}) {
        log.push(onlyIf === 'absent' ? 'complete where nothing is' : 'complete')
        return taken ? null : { name: 'huge', backend: 'new', size: SIZE }
      },
      abort: async () => void log.push('abort'),
    }),
  }
  return { target, log }
}

const STORED = ['part 1: 64 of 64', 'part 2: 64 of 64', 'part 3: 22 of 22']

describe('copyObject() of an object that is too large for one put', () => {
  it('reads parts of equal size, only from the version that it started with, and joins them only if there is no object', async () => {
    const { source, requested } = hugeSource()
    const { target, log } = partTarget()
    expect(await copyObject(source, target, 'huge')).toEqual({ outcome: 'copied', bytes: SIZE })
    const expected = PARTS.map((length, index) => ({ offset: index * 64 * MIB, length, ifMatch: '"v1"' }))
    expect(requested).toEqual(expected)
    expect(log).toEqual([...STORED, 'complete where nothing is'])
  })

  it('can be given another name and other metadata, without a condition', async () => {
    const { source } = hugeSource()
    const { target, log } = partTarget()
    const create = vi.spyOn(target, 'createMultipartUpload')
    const info = { contentType: 'video/mp4' }
    const found = { name: 'huge', backend: 'old', size: SIZE, etag: '"v1"' }
    expect(await copyInParts(source, target, found, { copyName: 'to', info })).toMatchObject({ size: SIZE })
    expect(create).toHaveBeenCalledWith('to', { info, size: SIZE })
    expect(log).toEqual([...STORED, 'complete'])
  })

  it('requests only an interrupted part again', async () => {
    const { source, requested } = hugeSource((offset, attempt) => {
      if (offset > 0 && attempt < 3) throw new StorageError('unavailable', 'broke off')
    })
    const { target, log } = partTarget()
    expect(await copyObject(source, target, 'huge')).toMatchObject({ outcome: 'copied' })
    expect(requested).toHaveLength(1 + 3 + 3)
    expect(log).toEqual([...STORED, 'complete where nothing is'])
  })

  const failures = [
    ['the source changes on the way', 'precondition', 'the object has changed', 2],
    ['a part fails again and again', 'unavailable', 'broke off', 4],
  ] as const
  it.each(failures)('leaves nothing behind when %s', async (_what, code, message, requests) => {
    const { source, requested } = hugeSource((offset) => {
      if (offset > 0) throw new StorageError(code, message)
    })
    const { target, log } = partTarget()
    await expect(copyObject(source, target, 'huge')).rejects.toMatchObject({ code })
    expect(requested).toHaveLength(requests)
    expect(log).toEqual(['part 1: 64 of 64', 'abort'])
  })

  it('lets a save win that completed before the parts were joined', async () => {
    const { target } = partTarget(true)
    expect(await copyObject(hugeSource().source, target, 'huge')).toEqual({ outcome: 'present', bytes: 0 })
  })

  it.each(['W/"v1"', ''])(
    'refuses a source whose parts could be of different versions (%s)',
    async (etag) => {
      const { target, log } = partTarget()
      const { source } = hugeSource(undefined, etag)
      const bare: Backend = etag === '' ? withoutTag(source) : source
      await expect(copyObject(bare, target, 'huge')).rejects.toMatchObject({ code: 'unsupported' })
      expect(log).toEqual([])
    },
  )
})

function withoutTag(source: Backend): Backend {
  return {
    ...source,
    async get(name, options) {
      const object = await source.get(name, options)
      if (!object) return null
      const { etag: _, ...rest } = object
      return rest
    },
  }
}
