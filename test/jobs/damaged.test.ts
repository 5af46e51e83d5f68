import { describe, expect, it } from 'vitest'
import { StorageError } from '../../src/storage/errors.ts'
import { bytesOf } from '../kit/fakes.ts'
import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import { nameOf, verified } from './jobs.ts'
import { migrated } from './sides.ts'

/** Replaces the bytes behind the backend's back: all that was recorded with them stays. */
function damage({ objects }: MemoryBackend, name: string, text: string): void {
  const object = objects.get(name)
  if (!object) throw new Error(`there is no ${name}`)
  objects.set(name, { ...object, bytes: bytesOf(text) })
}

const textOf = ({ objects }: MemoryBackend, name: string): string =>
  new TextDecoder().decode(objects.get(name)?.bytes)

/** How many objects are read at the same time, at most. */
function countingReads({ ...backend }: MemoryBackend, reads: { now: number; most: number }): MemoryBackend {
  return {
    ...backend,
    async get(name, ...rest) {
      reads.now += 1
      reads.most = Math.max(reads.most, reads.now)
      await scheduler.wait(1)
      reads.now -= 1
      return backend.get(name, ...rest)
    },
  }
}

const CHECKED = { checkCopies: true }
const REPAIRED = { repair: true }

describe('a damaged copy', () => {
  it.each([
    ['when the primary is read', CHECKED],
    ['when both sides are read', { deep: true }],
  ])('is found %s, and prevents detaching', async (_, options) => {
    const { primary, legacy } = await migrated(5)
    damage(primary, nameOf(2), 'bytes X')
    const result = await verified([primary, legacy], options)
    expect(result).toMatchObject({
      equal: 4,
      different: 0,
      damaged: 1,
      repaired: 0,
      check_copies: true,
      safe_to_detach: false,
      reasons: ['1 object is damaged in primary'],
    })
    expect(result.all).toEqual([
      {
        kind: 'damaged',
        name: nameOf(2),
        backend: 'legacy',
        detail:
          'its bytes in primary do not match the digest that was recorded with them (sha256); ' +
          'legacy has the name: set FALLBACK_REPAIR = "repair", or start a verification with repair',
      },
    ])
    expect(textOf(primary, nameOf(2))).toBe('bytes X')
  })

  it('is not found by a listing', async () => {
    const { primary, legacy } = await migrated(3)
    damage(primary, nameOf(2), 'bytes X')
    expect(await verified([primary, legacy])).toMatchObject({ equal: 3, damaged: 0, check_copies: false })
  })

  it('is found even if its size has changed', async () => {
    const { primary, legacy } = await migrated(2)
    damage(primary, nameOf(1), 'short')
    const object = primary.objects.get(nameOf(1))
    if (object) object.info = { ...object.info, size: 5 }
    expect(await verified([primary, legacy], CHECKED)).toMatchObject({ damaged: 1, different: 0 })
  })

  it('is copied again if that is allowed, and compared again', async () => {
    const { primary, legacy } = await migrated(5)
    const before = primary.objects.get(nameOf(2))?.info.provenance
    damage(primary, nameOf(2), 'bytes X')
    const result = await verified([primary, legacy], REPAIRED)
    expect(result).toMatchObject({ equal: 5, damaged: 0, repaired: 1, safe_to_detach: true, all: [] })
    expect(textOf(primary, nameOf(2))).toBe('bytes 2')
    const { copied: _, ...provenance } = primary.objects.get(nameOf(2))?.info.provenance ?? {}
    expect(before).toMatchObject(provenance)
  })

  it('is copied from the fallback that still has the recorded bytes', async () => {
    const { primary, legacy } = await migrated(3)
    const older = memoryBackend('older')
    await older.put(nameOf(1), bytesOf('bytes 1'))
    damage(primary, nameOf(1), 'bytes X')
    damage(legacy, nameOf(1), 'bytes Y')
    const result = await verified([primary, legacy, older], REPAIRED)
    expect(textOf(primary, nameOf(1))).toBe('bytes 1')
    expect(result).toMatchObject({ repaired: 1, damaged: 0 })
  })

  it('stays as it is if no fallback has the recorded bytes', async () => {
    const { primary, legacy } = await migrated(3)
    damage(primary, nameOf(1), 'bytes X')
    damage(legacy, nameOf(1), 'bytes Y')
    await legacy.delete(nameOf(2))
    damage(primary, nameOf(2), 'bytes Z')
    const result = await verified([primary, legacy], REPAIRED)
    expect(result).toMatchObject({ damaged: 2, repaired: 0, safe_to_detach: false })
    expect(result.all.map(({ detail }) => detail.split('; ').slice(1).join('; '))).toEqual([
      'it could not be copied again (legacy: its bytes are others, too): restore it from a mirror, a prior version or a backup',
      'no fallback has it any more: restore it from a mirror, a prior version or a backup',
    ])
    expect([textOf(primary, nameOf(1)), textOf(primary, nameOf(2))]).toEqual(['bytes X', 'bytes Z'])
  })

  it('is never replaced if it was saved, not copied', async () => {
    const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    for (const backend of [primary, legacy]) await backend.put('a', bytesOf('bytes'))
    damage(primary, 'a', 'BYTES')
    const result = await verified([primary, legacy], REPAIRED)
    expect(result).toMatchObject({ damaged: 1, repaired: 0, safe_to_detach: false })
    expect(result.all[0]?.detail).toContain('it was saved, not copied, and is never replaced')
    expect(textOf(primary, 'a')).toBe('BYTES')
  })

  it('is not replaced if it was saved again meanwhile', async () => {
    const { primary, legacy } = await migrated(2)
    damage(primary, nameOf(1), 'bytes X')
    const racing = {
      ...legacy,
      async get(name: string) {
        await primary.put(name, bytesOf('saved meanwhile'))
        return legacy.get(name)
      },
    }
    const result = await verified([primary, racing], REPAIRED)
    expect(textOf(primary, nameOf(1))).toBe('saved meanwhile')
    expect(result).toMatchObject({ repaired: 0, damaged: 0, different: 1, safe_to_detach: false })
  })

  it('is reported if it cannot be read at all', async () => {
    const { primary, legacy } = await migrated(2)
    const broken = {
      ...primary,
      async get(name: string) {
        if (name === nameOf(1)) throw new StorageError('corrupt', 'the body broke', { backend: 'primary' })
        return primary.get(name)
      },
    }
    const result = await verified([broken, legacy], CHECKED)
    expect(result).toMatchObject({ equal: 1, left_out: { failed: 1 }, safe_to_detach: false })
  })

  it('is not suspected if the source has the same bytes: then the record is wrong', async () => {
    const { primary, legacy } = await migrated(2)
    const object = primary.objects.get(nameOf(1))
    if (object) object.info = { ...object.info, digests: { md5: 'f'.repeat(32) } }
    for (const options of [CHECKED, { deep: true }])
      expect(await verified([primary, legacy], options)).toMatchObject({ equal: 2, damaged: 0 })
  })
})

it('is evicted from the edge cache when it was copied again', async () => {
  const { primary, legacy } = await migrated(3)
  damage(primary, nameOf(1), 'bytes X')
  const purged: string[] = []
  const purge = async (name: string) => void purged.push(name)
  expect(await verified([primary, legacy], { ...REPAIRED, purge })).toMatchObject({ repaired: 1 })
  expect(purged).toEqual([nameOf(1)])
})

it('is opened once to see that it has no recorded digest, however often the listings are compared', async () => {
  const { primary, legacy } = await migrated(3)
  for (const { info } of primary.objects.values()) delete info.digests
  const opened: string[] = []
  const get: typeof primary.get = async (name, ...rest) => {
    opened.push(name)
    return primary.get(name, ...rest)
  }
  const result = await verified([{ ...primary, get }, legacy], CHECKED)
  expect(result).toMatchObject({ passes: 2, unrecorded: 3 })
  expect(opened).toHaveLength(3)
})

describe('reading more than an alarm can', () => {
  /** A primary whose alarms end when they read the third name, or another, and how often each name is read. */
  async function deadly({
    size,
    count = 5,
    index = 2,
  }: { size?: number; count?: number; index?: number } = {}) {
    const { primary, legacy } = await migrated(count)
    const reads: Record<string, number> = {}
    let die = (): void => {}
    const get: typeof primary.get = async (name, ...rest) => {
      reads[name] = (reads[name] ?? 0) + 1
      if (name !== nameOf(index)) return primary.get(name, ...rest)
      die()
      return new Promise(() => {})
    }
    for (const { info } of primary.objects.values()) if (size !== undefined) info.size = size
    for (const { info } of legacy.objects.values()) if (size !== undefined) info.size = size
    const dies = (): Promise<void> => new Promise((resolve) => (die = resolve))
    return { sides: [{ ...primary, get }, legacy], reads, dies }
  }

  it('leaves out only what no alarm lives to read', async () => {
    const { sides, dies } = await deadly()
    expect(await verified(sides, { ...CHECKED, dies })).toMatchObject({
      state: 'completed',
      equal: 4,
      left_out: { failed: 1 },
      safe_to_detach: false,
      all: [{ kind: 'left_out', name: nameOf(2), detail: expect.stringContaining('3 alarms ended') }],
    })
  })

  it('does not certify that what it could not read is undamaged', async () => {
    const { sides, dies } = await deadly()
    const result = await verified(sides, { ...CHECKED, accept: ['failed'], dies })
    expect(result.safe_to_detach).toBe(true)
    expect(result.conditions.find(({ id }) => id === 'undamaged')).toMatchObject({
      met: null,
      seen: expect.stringContaining('1 object left out as failed'),
    })
  })

  it('ends as few alarms if many names come before it', async () => {
    const { sides, reads, dies } = await deadly({ count: 30, index: 25 })
    expect(await verified(sides, { ...CHECKED, dies })).toMatchObject({ equal: 29, left_out: { failed: 1 } })
    // In each of two passes once with the others and three times alone, since an alarm is repeated six times at most.
    expect(reads[nameOf(25)]).toBe(8)
    expect(reads[nameOf(0)]).toBe(2)
  })

  it('has checkpoints after so many bytes', async () => {
    const { sides, reads, dies } = await deadly({ size: 600 * 1024 ** 2 })
    expect(await verified(sides, { ...CHECKED, dies })).toMatchObject({ equal: 4, left_out: { failed: 1 } })
    expect(reads).toMatchObject({ [nameOf(0)]: 1, [nameOf(1)]: 1, [nameOf(4)]: 1 })
  })
})

it.each([
  ['five at a time, if only the primary is read', CHECKED, 5],
  ['two at a time, if both sides are read', { deep: true }, 4],
])('objects are read %s', async (_, options, most) => {
  const { primary, legacy } = await migrated(20)
  const reads = { now: 0, most: 0 }
  const sides = [countingReads(primary, reads), countingReads(legacy, reads)]
  expect(await verified(sides, options)).toMatchObject({ equal: 20, different: 0 })
  expect(reads.most).toBe(most)
})
