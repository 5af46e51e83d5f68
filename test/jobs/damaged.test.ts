import { describe, expect, it } from 'vitest'
import type { Backfill } from '../../src/schemas/job-answers.ts'
import type { Tally } from '../../src/jobs/verification/record.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import { bytesOf } from '../kit/fakes.ts'
import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import { nameOf, verified } from './jobs.ts'
import { migrated, mirroredSides, terse } from './sides.ts'

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

const undamagedOf = ({ conditions }: Awaited<ReturnType<typeof verified>>) =>
  conditions.find(({ id }) => id === 'undamaged')

const UNREAD = {
  met: null,
  seen: expect.stringMatching(/ 1 object could not be read\.$/),
  next: 'Look at the differences with kind left_out, and verify again once these objects can be read.',
}

/** All reads of that object break. */
function unreadable(backend: MemoryBackend, broken: string): MemoryBackend {
  const get: MemoryBackend['get'] = async (name, ...rest) => {
    if (name === broken) throw new StorageError('corrupt', 'the body broke', { backend: backend.name })
    return backend.get(name, ...rest)
  }
  return { ...backend, get }
}

describe('whether what was read is undamaged', () => {
  const accept = ['failed', 'excluded', 'equal_by_size'] as const

  it.each([
    ['the primary is read', CHECKED],
    ['both sides are read', { deep: true }],
  ])('is not known of an object that cannot be read, if %s', async (_, options) => {
    const { primary, legacy } = await migrated(2)
    const result = await verified([unreadable(primary, nameOf(1)), legacy], { ...options, accept })
    expect(result).toMatchObject({ left_out: { failed: 1 }, safe_to_detach: true })
    expect(undamagedOf(result)).toMatchObject(UNREAD)
  })

  it('is not known of an object that is known to differ, but cannot be read', async () => {
    const { primary, legacy } = await migrated(2)
    await legacy.put(nameOf(1), bytesOf('longer than before'))
    const object = primary.objects.get(nameOf(1))
    if (object) delete object.info.provenance
    const result = await verified([unreadable(primary, nameOf(1)), legacy], CHECKED)
    expect(result).toMatchObject({
      different: 1,
      left_out: {},
      all: [{ detail: expect.stringMatching(/^7 bytes in primary, 18 in legacy.*; failed: cannot be read/) }],
    })
    expect(undamagedOf(result)).toMatchObject({ met: null })
  })

  it.each(['the source’s bytes', 'a listing', 'a copy'])(
    'is known although %s could not be had, if every object of the primary was read',
    async (what) => {
      const { primary, legacy } = await migrated(2)
      const isCopy = what === 'a copy'
      if (what === 'a listing')
        legacy.objects.set('folder/', {
          bytes: bytesOf(''),
          info: { name: 'folder/', backend: 'legacy', unlistable: true },
        })
      if (isCopy) await legacy.put('never-copied', bytesOf('x'))
      const failed = { state: 'completed_with_failures', failed: 1, prefix: '', backends: {} } as Backfill
      const result = await verified([primary, unreadable(legacy, nameOf(1))], {
        ...(what === 'the source’s bytes' ? { deep: true } : CHECKED),
        accept,
        ...(isCopy && {
          backfills: [{ ...failed, id: 'one', dry_run: false, mirror: null }],
          failures: [
            { name: 'never-copied', backend: 'legacy', error: 'corrupt', detail: 'broke', attempts: 6 },
          ],
        }),
      })
      expect(result).toMatchObject({ left_out: { failed: 1 }, unrecorded: 0, safe_to_detach: true })
      expect(undamagedOf(result)).toMatchObject({ met: true, next: null })
    },
  )

  it('is not known if nothing was recorded, and the source cannot be read either', async () => {
    const { primary, legacy } = await migrated(2)
    for (const { info } of primary.objects.values()) delete info.digests
    const result = await verified([primary, unreadable(legacy, nameOf(1))], { deep: true, accept })
    expect(result).toMatchObject({ equal: 1, left_out: { failed: 1 }, unrecorded: 1 })
    expect(undamagedOf(result)).toMatchObject({
      met: null,
      next: 'Without a recorded digest, they can only be compared with a source that has them and can be read.',
    })
    // Without deep, there is still something else to do.
    expect(undamagedOf(await verified([primary, legacy], CHECKED))).toMatchObject({
      met: null,
      next: 'Verify with deep to compare their bytes with those of the fallbacks.',
    })
  })

  it('is looked at although a filter leaves out the source’s bytes', async () => {
    const { primary, legacy } = await migrated(2)
    damage(primary, nameOf(1), 'bytes X')
    const sides = [primary, withFilter(terse(legacy), { exclude: /1\.jpg$/ })]
    for (const { info } of primary.objects.values()) delete info.provenance
    expect(await verified(sides, { deep: true, accept })).toMatchObject({ damaged: 1, safe_to_detach: false })
  })

  it('is not known of a mirror’s object that cannot be read', async () => {
    const { primary, mirror } = await mirroredSides(2)
    const broken = { ...unreadable(mirror, nameOf(1)), mirror: 'all' as const }
    const result = await verified([primary, broken], { direction: 'rollback', deep: true, accept })
    expect(result).toMatchObject({ left_out: { failed: 1 }, safe_to_roll_back: true })
    expect(undamagedOf(result)).toMatchObject(UNREAD)
    // Also if an earlier version, which did not count it, has begun the verification.
    const age = ({ tally }: { tally: Partial<Tally> }): void => void delete tally.unread
    const aged = await verified([primary, broken], { direction: 'rollback', deep: true, accept, age })
    expect(undamagedOf(aged)).toMatchObject(UNREAD)
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
    expect(undamagedOf(result)).toMatchObject(UNREAD)
  })

  it.each([25, 0])('ends as few alarms, however many names come before it: %i', async (index) => {
    const { sides, reads, dies } = await deadly({ count: 30, index })
    expect(await verified(sides, { ...CHECKED, dies })).toMatchObject({ equal: 29, left_out: { failed: 1 } })
    // In each of two passes once with the others and three times alone, since an alarm is repeated six times at most.
    expect(reads[nameOf(index)]).toBe(8)
    expect(reads[nameOf(29)]).toBeLessThanOrEqual(3)
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
