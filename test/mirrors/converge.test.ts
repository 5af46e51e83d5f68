import { describe, expect, it } from 'vitest'
import { converge, type ConvergeOptions } from '../../src/mirrors/converge.ts'
import type { WritableBackend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { isSameObject } from '../../src/storage/same-object.ts'
import { writeMarker } from '../../src/storage/tombstone-marker.ts'
import { bytesOf, REPRESENTATION as KEPT, textOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'

const MIB = 1024 * 1024

function start(mode: 'all' | 'keep-deleted' = 'all') {
  const primary = memoryBackend('new')
  const stored = memoryBackend('old')
  const mirror: WritableBackend = { ...stored, mirror: mode }
  const options = (own: Partial<ConvergeOptions> = {}): ConvergeOptions => ({
    sources: { tombstones: true, backends: [primary] },
    mirror,
    claimDeletion: async () => true,
    ...own,
  })
  const outcome = async (own: Partial<ConvergeOptions> = {}) => (await converge('a', options(own))).outcome
  return { primary, stored, mirror, options, outcome }
}

describe('converge()', () => {
  it('copies the object with its headers, its metadata, its validators and where it came from', async () => {
    const { primary, mirror, outcome } = start()
    const info = await primary.put('a', bytesOf('hello'), { info: KEPT })
    expect(await outcome()).toBe('copied')
    const { etag, modified } = info ?? {}
    expect(await mirror.head('a')).toMatchObject({
      ...KEPT,
      size: 5,
      etag,
      modified,
      provenance: { backend: 'new', etag, modified, copied: expect.any(Date) },
    })
    expect(await outcome()).toBe('equal')
  })

  it.each([
    ['another object', bytesOf('older'), {}],
    ['its own tombstone', bytesOf(''), { deleted: new Date() }],
    ['the same bytes with other headers', bytesOf('newer'), { contentType: 'text/html' }],
  ])('replaces %s', async (_what, bytes, info) => {
    const { primary, mirror, outcome } = start()
    await mirror.put('a', bytes, { info })
    await primary.put('a', bytesOf('newer'))
    expect(await outcome()).toBe('copied')
    expect(await textOf(await mirror.get('a'))).toBe('newer')
    expect(await outcome()).toBe('equal')
  })

  it('leaves the object alone that the primary was copied from', async () => {
    const { primary, mirror, outcome } = start()
    const { etag, modified } = (await mirror.put('a', bytesOf('same'))) ?? {}
    const provenance = {
      backend: 'old',
      copied: new Date(),
      ...(etag && { etag }),
      ...(modified && { modified }),
    }
    await primary.put('a', bytesOf('same'), { info: { provenance } })
    expect(await outcome()).toBe('equal')
    expect((await mirror.head('a'))?.provenance).toBeUndefined()
  })

  it('deletes what the primary has deleted', async () => {
    const { primary, mirror, stored, outcome } = start()
    await mirror.put('a', bytesOf('gone'))
    await writeMarker(primary, 'a')
    expect(await outcome()).toBe('deleted')
    expect(stored.objects.size).toBe(0)
    expect(await outcome()).toBe('equal')
  })

  it('leaves deletes out if they are kept', async () => {
    const { primary, mirror, outcome } = start('keep-deleted')
    await mirror.put('a', bytesOf('gone'))
    await writeMarker(primary, 'a')
    expect(await outcome()).toBe('left')
    expect(await textOf(await mirror.get('a'))).toBe('gone')
  })

  it.each([
    ['has never had the name', async () => {}],
    [
      'has only a lifted tombstone',
      (primary: WritableBackend) => writeMarker(primary, 'a', { lifted: true }),
    ],
  ])('leaves the mirror alone if the primary %s', async (_what, prepare) => {
    const { primary, mirror, outcome } = start()
    await mirror.put('a', bytesOf('kept'))
    await prepare(primary)
    expect(await outcome()).toBe('left')
    expect(await textOf(await mirror.get('a'))).toBe('kept')
  })

  it('repeats what the first of several writable backends serves', async () => {
    const { primary, mirror, outcome } = start()
    const second = memoryBackend('second')
    const sources = { tombstones: true, backends: [primary, second] }
    await second.put('a', bytesOf('large'))
    await writeMarker(primary, 'a', { lifted: true })
    expect(await outcome({ sources })).toBe('copied')
    expect(await textOf(await mirror.get('a'))).toBe('large')
    await writeMarker(primary, 'a')
    expect(await outcome({ sources })).toBe('deleted')
  })

  it('deletes nothing while a tombstone is being lifted, or if it was meanwhile', async () => {
    const { primary, mirror, outcome } = start()
    await mirror.put('a', bytesOf('kept'))
    await writeMarker(primary, 'a')
    expect(await outcome({ claimDeletion: async () => false })).toBe('changed')
    const claimDeletion = async () => (await writeMarker(primary, 'a', { lifted: true })) !== null
    expect(await outcome({ claimDeletion })).toBe('changed')
    expect(await textOf(await mirror.get('a'))).toBe('kept')
  })

  it.each(['primary', 'mirror'] as const)('changes nothing if the %s fails', async (failing) => {
    const { primary, mirror, options } = start()
    await mirror.put('a', bytesOf('kept'))
    await writeMarker(primary, 'a')
    const fail = async () => {
      throw new StorageError('unavailable', 'is down', { backend: failing })
    }
    const own = options(
      failing === 'mirror'
        ? { mirror: { ...mirror, head: fail } }
        : { sources: { tombstones: true, backends: [{ ...primary, head: fail }] } },
    )
    await expect(converge('a', own)).rejects.toMatchObject({ code: 'unavailable' })
    expect(await textOf(await mirror.get('a'))).toBe('kept')
  })

  it('fails if something else has changed the mirror meanwhile', async () => {
    const { primary, mirror, options } = start()
    await primary.put('a', bytesOf('new'))
    const put: WritableBackend['put'] = async (name, ...rest) => {
      await mirror.put(name, bytesOf('other'))
      return mirror.put(name, ...rest)
    }
    await expect(converge('a', options({ mirror: { ...mirror, put } }))).rejects.toMatchObject({
      code: 'precondition',
    })
    expect(await textOf(await mirror.get('a'))).toBe('other')
  })

  it.each([
    ['is too large', { maxSize: 3 }],
    ['has too much metadata', { put: refuseMetadata }],
  ])('removes the outdated object if the new one %s for the mirror', async (_what, limits) => {
    const { primary, mirror, stored, outcome } = start()
    await mirror.put('a', bytesOf('old'))
    await primary.put('a', bytesOf('larger'))
    expect(await outcome({ mirror: { ...mirror, ...limits } })).toBe('skipped')
    expect(stored.objects.size).toBe(0)
    expect(await outcome({ mirror: { ...mirror, ...limits } })).toBe('skipped')
  })

  it('skips names that the mirror does not accept', async () => {
    const { primary, mirror, outcome } = start()
    await primary.put('a', bytesOf('new'))
    expect(await outcome({ mirror: { ...mirror, accepts: () => false } })).toBe('skipped')
  })

  it('copies in parts what is too large for one request', async () => {
    const { primary, mirror, stored, outcome } = start()
    const large = new Uint8Array(2 * MIB).fill(7)
    await primary.put('a', large, { info: KEPT })
    await mirror.put('a', bytesOf('older'))
    let uploads = 0
    const createMultipartUpload: WritableBackend['createMultipartUpload'] = async (...args) => {
      uploads++
      return stored.createMultipartUpload(...args)
    }
    expect(await outcome({ mirror: { ...mirror, createMultipartUpload, maxPutSize: MIB } })).toBe('copied')
    expect(stored.uploads.size).toBe(0)
    expect(await stored.head('a')).toMatchObject({ ...KEPT, size: large.length })
    expect(stored.objects.get('a')?.bytes).toEqual(large)
    expect(uploads).toBe(1)
    expect(await outcome()).toBe('equal')
  })
})

async function refuseMetadata(): Promise<never> {
  throw new StorageError('too-large', 'the metadata has 2000 bytes', { about: 'metadata', backend: 'old' })
}

describe('isSameObject()', () => {
  const [t1, t2] = [new Date(1000), new Date(2000)]
  const source = { name: 'a', backend: 'new', etag: '"1"', modified: t1, size: 3 }
  const copy = {
    name: 'a',
    backend: 'old',
    size: 3,
    provenance: { backend: 'new', etag: '"1"', modified: t1, copied: t2 },
  }
  it.each([
    ['a copy of this version', copy, source, true],
    ['a copy of a version of another time', copy, { ...source, modified: t2 }, false],
    ['a copy of a version with another tag', copy, { ...source, etag: '"2"' }, false],
    ['a copy from another backend', copy, { ...source, backend: 'cold' }, false],
    ['another size', copy, { ...source, size: 4 }, false],
    ['a tombstone', copy, { ...source, deleted: t1 }, false],
    [
      'the same digest',
      { ...source, digests: { md5: 'a' } },
      { ...source, backend: 'old', digests: { md5: 'a', sha1: 'b' } },
      true,
    ],
    ['another digest', { ...copy, digests: { md5: 'a' } }, { ...source, digests: { md5: 'b' } }, false],
    ['nothing that proves it', source, { ...source, backend: 'old' }, false],
  ])('%s', (_what, one, other, expected) => {
    expect([isSameObject(one, other), isSameObject(other, one)]).toEqual([expected, expected])
  })
})
