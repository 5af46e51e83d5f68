import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import { withPrefix } from '../../src/wrappers/prefix.ts'
import type { Backend, ListableBackend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { bytesOf, counting } from '../kit/fakes.ts'
import { failuresOf, fill, nameOf, verified, withBackfill } from './jobs.ts'
import { type Memory, migrated, replace, terse, TOMBSTONE } from './sides.ts'

describe('objects left out of a verification', () => {
  it('counts the names that a filter excludes, and is not safe unless that is accepted', async () => {
    const { primary, legacy } = await migrated(4)
    for (const name of ['tmp/a', 'tmp/b']) await legacy.put(name, bytesOf(name))
    const sides = [primary, withFilter(legacy, { exclude: /^tmp\// })]
    const result = await verified(sides)
    expect(result).toMatchObject({
      compared: 6,
      equal: 4,
      missing: 0,
      left_out: { excluded: 2 },
      accepted: [],
      safe_to_detach: false,
      reasons: ["2 objects are left out by a fallback's include or exclude (excluded)"],
    })
    expect(result.coverage).toBeCloseTo(4 / 6)
    expect(result.all).toMatchObject(
      [
        { kind: 'left_out', name: 'tmp/a', backend: 'legacy', detail: /^excluded: / },
        { kind: 'left_out', name: 'tmp/b', backend: 'legacy', detail: /^excluded: / },
      ].map(({ detail, ...rest }) => ({ ...rest, detail: expect.stringMatching(detail) })),
    )
    expect(await verified(sides, { accept: ['excluded'] })).toMatchObject({
      left_out: { excluded: 2 },
      accepted: [{ reason: 'excluded', count: 2 }],
      safe_to_detach: true,
    })
  })

  it('counts a directory whose listing is missing, although the primary may have an object of that name', async () => {
    const { primary, legacy } = await migrated(2)
    await primary.put('folder/', bytesOf(''))
    legacy.objects.set('folder/', {
      bytes: bytesOf(''),
      info: { name: 'folder/', backend: 'legacy', unlistable: true },
    })
    expect(await verified([primary, legacy])).toMatchObject({
      equal: 2,
      left_out: { failed: 1 },
      safe_to_detach: false,
      all: [{ kind: 'left_out', name: 'folder/', detail: expect.stringContaining('does not list') }],
    })
    await withBackfill([primary, legacy], {}, async ({ drive, job }) => {
      expect(await drive()).toMatchObject({ state: 'completed_with_failures', present: 2, failed: 1 })
      expect(failuresOf(job)).toMatchObject([{ name: 'folder/', error: 'unavailable' }])
      // It may be a page of the origin: what is in it is not known for that.
      expect(job.act('retry_failed')).toHaveProperty('job')
      expect(await drive()).toMatchObject({ state: 'completed_with_failures', skipped: 0, failed: 1 })
      expect(primary.objects.get('folder/')?.info.provenance).toBeUndefined()
    })
  })

  it('is not safe if the fallback lists a name but does not return its bytes', async () => {
    const { primary, legacy } = await migrated(2)
    await replace(legacy, nameOf(0), 'bytes X')
    const silent: Backend = { ...legacy, get: async () => null }
    expect(await verified([primary, silent], { deep: true })).toMatchObject({
      extra: 0,
      left_out: { failed: 1 },
      safe_to_detach: false,
    })
  })

  it('compares an excluded name with the primary or another fallback', async () => {
    const { primary, legacy } = await migrated(2)
    const older = memoryBackend('older')
    await older.put(nameOf(1), bytesOf('another version'))
    const sides = [primary, withFilter(legacy, { exclude: /1\.jpg$/ }), older]
    expect(await verified(sides)).toMatchObject({
      equal: 1,
      different: 1,
      left_out: {},
      all: [{ kind: 'different', name: nameOf(1), backend: 'older' }],
    })
    expect(await verified(sides.slice(0, 2))).toMatchObject({ equal: 2, left_out: {}, safe_to_detach: true })
  })

  it('counts objects that the primary does not accept, and names that cannot be served', async () => {
    const { primary, legacy } = await migrated(1)
    const bare = memoryBackend('bare')
    for (const key of ['media/', 'media/-/api', 'media/a\u0007', 'media/raw/1'])
      bare.objects.set(key, { bytes: new Uint8Array(1), info: { name: key, backend: 'bare', size: 1 } })
    const result = await verified([
      withFilter(primary, { exclude: /^raw\// }),
      legacy,
      withPrefix(bare, 'media/'),
    ])
    expect(result).toMatchObject({ equal: 1, missing: 0, left_out: { invalid_name: 3, not_accepted: 1 } })
    expect(result.all.map(({ name }) => name)).toEqual(['', '-/api', 'a\u0007', 'raw/1'])
    expect(result.reasons).toEqual([
      "1 object is refused by primary's include, exclude or limits on names (not_accepted)",
      '3 objects are under names that cannot be served (invalid_name)',
    ])
  })

  it('counts unreadable objects if bytes are compared', async () => {
    const { primary, legacy } = await migrated(2)
    const broken: Backend = {
      ...legacy,
      get: async (name, options) => {
        if (name === nameOf(1)) throw new StorageError('corrupt', 'the body broke', { backend: 'legacy' })
        return legacy.get(name, options)
      },
    }
    expect(await verified([primary, broken], { deep: true })).toMatchObject({
      equal: 1,
      different: 0,
      left_out: { failed: 1 },
      safe_to_detach: false,
      reasons: ['1 object is not copied by a backfill, or unreadable on one side (failed)'],
    })
  })

  it('accepts an unlistable fallback and a prefix by name only', async () => {
    const { primary, legacy } = await migrated(2)
    const { list: _, ...mute } = memoryBackend('origin')
    const part = { prefix: 'photos/' }
    expect(await verified([primary, legacy, mute], { ...part, accept: ['unlistable'] })).toMatchObject({
      left_out: { unlistable: 1, prefix: 1 },
      reasons: ['only names that begin with "photos/" were compared'],
    })
    const all = await verified([primary, legacy, mute], { ...part, accept: ['unlistable', 'prefix'] })
    // Signed, it must not say more than was done.
    expect(all.conditions[0]?.seen).toMatch(
      /^All names of primary and legacy that begin with "photos\/" were listed, 2 times/,
    )
    expect(all).toMatchObject({ safe_to_detach: true, reasons: [] })
  })

  it('is not safe if a fallback was removed from the configuration before it was compared', async () => {
    const { primary, legacy } = await migrated(2)
    const older = memoryBackend('older')
    await older.put('only/there', bytesOf('x'))
    const result = await verified([primary, legacy, older], { later: [primary, legacy] })
    expect(result).toMatchObject({
      equal: 2,
      safe_to_detach: false,
      reasons: ['older was removed from the configuration, or can no longer list, before it was compared'],
    })
  })

  it('is not safe by sizes alone, unless that is accepted', async () => {
    const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await primary.put('a', bytesOf('bytes X'))
    await legacy.put('a', bytesOf('bytes Y'))
    const sides = [terse(primary), terse(legacy)]
    expect(await verified(sides)).toMatchObject({
      equal_by_size: 1,
      safe_to_detach: false,
      reasons: ['1 object is compared by nothing but size (equal_by_size): use deep, or accept it'],
    })
    expect(await verified(sides, { accept: ['equal_by_size'] })).toMatchObject({
      accepted: [{ reason: 'equal_by_size', count: 1 }],
      safe_to_detach: true,
    })
  })

  it('considers a copy of the source’s current version equal by more than its size', async () => {
    const { primary, legacy } = await migrated(3, new Date('2024-05-01T12:00:00Z'))
    // The source only reports times, the primary also the provenance of copies.
    expect(await verified([primary, terse(legacy)])).toMatchObject({
      equal: 3,
      equal_by_size: 0,
      safe_to_detach: true,
    })
  })

  it('is not safe to detach what hides a deleted object of a backend that stays', async () => {
    const [ahead, primary, other, legacy] = ['ahead', 'primary', 'other', 'legacy'].map((name) =>
      memoryBackend(name),
    )
    if (!ahead || !primary || !other || !legacy) throw new Error('four backends')
    const { put: _, delete: __, ...readOnly } = ahead
    for (const backend of [ahead, legacy]) await backend.put('c/1', bytesOf('x'))
    await other.put('c/1', bytesOf(''), TOMBSTONE)
    const sides = [readOnly, withFilter(primary, { exclude: /^c\// }), other, legacy]
    expect(await verified(sides)).toMatchObject({ different: 1, safe_to_detach: false })
  })

  it('does not take a time for a version if the object was replaced within a second of its copy', async () => {
    const { primary, legacy } = await migrated(1)
    await replace(legacy, nameOf(0), 'bytes X')
    expect(await verified([primary, terse(legacy)])).toMatchObject({
      equal_by_size: 1,
      safe_to_detach: false,
    })
  })
})

describe('a source whose listing does not say enough', () => {
  it('is read where it does not even say the sizes', async () => {
    const { primary, legacy } = await migrated(2)
    await replace(primary, nameOf(0), 'bytes 0')
    await replace(primary, nameOf(1), 'other bytes')
    const list: ListableBackend['list'] = async (options) => {
      const page = await legacy.list(options)
      return { ...page, objects: page.objects.map(({ name }) => ({ name, backend: 'legacy' })) }
    }
    expect(await verified([primary, { ...legacy, list }], { accept: ['equal_by_size'] })).toMatchObject({
      equal: 1,
      equal_by_size: 0,
      different: 1,
      safe_to_detach: false,
    })
  })

  it.each(['on one page', 'on the next page'])('waits where names are not in order: %s', async (where) => {
    const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    // As servers list that keep objects as files.
    const names = ['a/1', 'a-b', 'c']
    for (const name of names) await legacy.put(name, bytesOf(name))
    const pages = where === 'on one page' ? [names] : [['a/1'], ['a-b', 'c']]
    const list: ListableBackend['list'] = async ({ cursor = '0', after } = {}) => {
      const left = after === undefined ? (pages[Number(cursor)] ?? []) : names.slice(names.indexOf(after) + 1)
      const objects = left.flatMap((name) => legacy.objects.get(name)?.info ?? [])
      const next = Number(cursor) + 1
      return {
        objects,
        directories: [],
        ...(after === undefined && next < pages.length && { cursor: `${next}` }),
      }
    }
    const sides = [primary, { ...legacy, list }]
    const result = await verified(sides, { accept: ['equal_by_size'] })
    expect(result).toMatchObject({ state: 'running', safe_to_detach: false })
    expect(result.waiting?.detail).toContain('lists "a-b" after "a/1"')
    await withBackfill(sides, {}, async ({ drive }) => {
      const job = await drive(20)
      expect(job).toMatchObject({ state: 'listing', waiting: { backend: 'legacy' } })
    })
  })
})

describe('a source that changes while it is compared', () => {
  /** After the first page was listed, puts an object with an old time before it. */
  function growing(legacy: Memory, times: number): ListableBackend {
    let added = 0
    return {
      ...legacy,
      async list(options) {
        const page = await legacy.list(options)
        if (added < times) {
          added++
          await replace(legacy, `a/late-${added}`, 'late', { modified: new Date(0) })
        }
        return page
      },
    }
  }

  it('is compared again until nothing was added behind the cursor', async () => {
    const { primary, legacy } = await migrated(3)
    const result = await verified([primary, growing(legacy, 2)])
    expect(result).toMatchObject({
      compared: 5,
      equal: 3,
      missing: 2,
      passes: 4,
      safe_to_detach: false,
      all: [{ name: 'a/late-1' }, { name: 'a/late-2' }],
    })
  })

  it('is certified as of the start of the last pass', async () => {
    const { primary, legacy } = await migrated(3)
    const result = await verified([primary, legacy])
    expect(result).toMatchObject({ passes: 2, safe_to_detach: true })
    const asOf = Date.parse(result.as_of ?? '')
    expect(asOf).toBeGreaterThan(Date.parse(result.started))
    expect(asOf).toBeLessThan(Date.parse(result.finished ?? ''))
  })

  it('is read only once if bytes are compared and nothing changed', async () => {
    const [primary, legacy] = [counting('primary'), counting('legacy')]
    await fill(legacy, 3)
    await withBackfill([primary, legacy], {}, async ({ drive }) => void (await drive()))
    Object.assign(legacy.counts, { get: 0 })
    expect(await verified([primary, legacy], { deep: true })).toMatchObject({ passes: 2, equal: 3 })
    expect(legacy.counts.get).toBe(3)
  })
})
