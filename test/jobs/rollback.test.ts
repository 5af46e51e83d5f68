import { describe, expect, it } from 'vitest'
import type { Backfill } from '../../src/schemas/job-answers.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { bytesOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import { nameOf, verified } from './jobs.ts'
import { mirroredSides, plantDifferences, mirrorOf, mirrorOne, replace, terse, TOMBSTONE } from './sides.ts'

const RESYNC = { id: 'one', mirror: 'legacy', dry_run: false, prefix: '', failed: 1 }

function rollback(sides: readonly Backend[], options: Parameters<typeof verified>[1] = {}) {
  return verified(sides, { direction: 'rollback', ...options })
}

describe('a rollback verification', () => {
  it('finds nothing wrong if the mirror has everything, and says that it is safe to roll back', async () => {
    const { primary, mirror } = await mirroredSides(30)
    await primary.put('deleted', new Uint8Array(0), TOMBSTONE)
    expect(await rollback([primary, mirror])).toMatchObject({
      direction: 'rollback',
      state: 'completed',
      primary: 'primary',
      fallbacks: ['legacy'],
      compared: 30,
      equal: 30,
      equal_by_size: 0,
      not_deleted: 0,
      coverage: 1,
      safe_to_roll_back: true,
      safe_to_detach: false,
      reasons: [],
      all: [],
    })
  })

  it('finds each planted difference, and names it', async () => {
    const { primary, mirror } = await mirroredSides(10)
    await plantDifferences({ primary, mirror })
    const { info } = mirror.objects.get(nameOf(6)) ?? {}
    await replace(mirror, nameOf(6), 'bytes 6', { ...info, metadata: { index: '7' } })
    await replace(mirror, 'only/there', 'extra')
    const result = await rollback([primary, mirror])
    expect(
      result.all.map(({ kind, name }) => `${kind} ${name}`).toSorted((a, b) => (a < b ? -1 : 1)),
    ).toEqual([
      `changed ${nameOf(4)}`,
      `different ${nameOf(1)}`,
      `different ${nameOf(2)}`,
      `different ${nameOf(5)}`,
      `different ${nameOf(6)}`,
      'extra only/there',
      `missing ${nameOf(0)}`,
      `not_deleted ${nameOf(3)}`,
    ])
    expect(result).toMatchObject({ compared: 11, equal: 3, coverage: 0.3, safe_to_roll_back: false })
    expect(result.reasons).toEqual([
      '1 object is missing from legacy',
      '4 objects are different',
      '1 object is changed in primary since the copy',
      '1 object is deleted in primary, but not on a mirror',
    ])
  })

  it('asks the mirror where its listing proves nothing, and finds a flipped byte if it reads the bytes', async () => {
    const { primary, mirror } = await mirroredSides(5)
    await replace(mirror, nameOf(2), 'bytes X', mirror.objects.get(nameOf(2))?.info)
    const head = async (name: string) => {
      const info = await mirror.head(name)
      return info && { ...info, digests: {} }
    }
    const sides = [terse(primary), { ...terse(mirror), head, mirror: 'all' as const }]
    expect(await rollback(sides)).toMatchObject({ equal: 5, equal_by_size: 0, safe_to_roll_back: true })
    expect(await rollback(sides, { deep: true })).toMatchObject({
      equal: 4,
      different: 1,
      all: [{ kind: 'different', name: nameOf(2), backend: 'legacy', detail: 'the bytes differ (SHA-256)' }],
    })
  })

  it('needs no request for what the primary has copied from the mirror', async () => {
    const mirror = mirrorOf('legacy')
    const primary = memoryBackend('primary')
    await mirror.put(nameOf(0), bytesOf('old'))
    await mirrorOne(mirror, primary, nameOf(0))
    const silent: Backend = { ...mirror, head: () => Promise.reject(new Error('asked for one object')) }
    expect(await rollback([primary, silent])).toMatchObject({ equal: 1, safe_to_roll_back: true })
  })

  it('does not mind what a mirror keeps that the primary has deleted, if it is to keep that', async () => {
    const { primary, mirror } = await mirroredSides(3, mirrorOf('archive', 'keep-deleted'))
    await primary.put(nameOf(1), new Uint8Array(0), TOMBSTONE)
    expect(await rollback([primary, mirror])).toMatchObject({
      equal: 2,
      tombstoned: 1,
      not_deleted: 0,
      coverage: 1,
      safe_to_roll_back: true,
    })
  })

  it.each([
    [{ pending: 1, failed: 0 }, '1 change not yet on legacy: wait, and verify again'],
    [{ pending: 2, failed: 2 }, '2 changes failed on legacy: see GET mirrors for the reasons'],
  ])('is not safe while the log of changes has %o', async (state, reason) => {
    const { primary, mirror } = await mirroredSides(2)
    const states = () => [{ mirror: 'legacy', ...state }]
    expect(await rollback([primary, mirror], { states })).toMatchObject({
      state: 'completed',
      equal: 2,
      safe_to_roll_back: false,
      reasons: [reason],
    })
  })

  it('waits for a change that is on its way to the mirror, and compares that name again', async () => {
    const { primary, mirror } = await mirroredSides(4)
    await replace(primary, nameOf(1), 'newer')
    await primary.put(nameOf(2), new Uint8Array(0), TOMBSTONE)
    await primary.put('new', bytesOf('new'))
    let asked = 0
    const result = await rollback([primary, mirror], {
      async states() {
        if (++asked === 1) return [{ mirror: 'legacy', pending: 3, failed: 0 }]
        await mirrorOne(primary, mirror, nameOf(1))
        await mirrorOne(primary, mirror, 'new')
        mirror.objects.delete(nameOf(2))
        return [{ mirror: 'legacy', pending: 0, failed: 0 }]
      },
    })
    expect(asked).toBe(2)
    expect(result).toMatchObject({
      compared: 4,
      equal: 4,
      missing: 0,
      changed: 0,
      not_deleted: 0,
      coverage: 1,
      prefixes: [
        { prefix: '', objects: 1, covered: 1 },
        { prefix: 'photos/', objects: 3, covered: 3 },
      ],
      safe_to_roll_back: true,
      all: [],
    })
  })

  it('is not safe while a resync is open, but one that has ended says nothing', async () => {
    const { primary, mirror } = await mirroredSides(1)
    const open = [{ ...RESYNC, state: 'running' } as Backfill]
    expect(await rollback([primary, mirror], { backfills: open })).toMatchObject({
      safe_to_roll_back: false,
      reasons: ['resync one of legacy is running'],
    })
    const ended = [{ ...RESYNC, state: 'completed_with_failures' } as Backfill]
    expect(await rollback([primary, mirror], { backfills: ended })).toMatchObject({ safe_to_roll_back: true })
  })

  it('is not safe if something is left out, unless that is accepted', async () => {
    const { primary, mirror } = await mirroredSides(2)
    const partial = { ...withFilter(mirror, { exclude: /0\.jpg$/ }), mirror: 'all' as const }
    const result = await rollback([primary, partial])
    expect(result).toMatchObject({ equal: 1, left_out: { not_accepted: 1 }, safe_to_roll_back: false })
    expect(result.reasons).toEqual([
      "1 object is refused by legacy's include, exclude or limits on names (not_accepted)",
    ])
    expect(await rollback([primary, partial], { accept: ['not_accepted'] })).toMatchObject({
      safe_to_roll_back: true,
    })
  })

  it('is not safe if a mirror cannot list, or is no mirror any more', async () => {
    const { primary, mirror } = await mirroredSides(2)
    const { list: _, ...mute } = mirror
    expect(await rollback([primary, mute])).toMatchObject({
      safe_to_roll_back: false,
      reasons: ['legacy cannot list, so its objects are unknown'],
    })
    const { list: __, ...own } = memoryBackend('own')
    expect(await rollback([primary, own, mirror])).toMatchObject({
      safe_to_roll_back: false,
      reasons: ['own cannot list, so its objects are unknown'],
    })
    const { mirror: ___, ...fallback } = mirror
    const result = await rollback([primary, mirror], { later: [primary, fallback] })
    expect(result).toMatchObject({ safe_to_roll_back: false })
    expect(result.reasons).toEqual([expect.stringContaining('legacy was removed from the configuration')])
  })

  it('compares each of several mirrors, or the chosen one', async () => {
    const { primary, mirror } = await mirroredSides(2)
    const second = mirrorOf('second')
    await mirrorOne(primary, second, nameOf(0))
    expect(await rollback([primary, mirror, second])).toMatchObject({
      fallbacks: ['legacy', 'second'],
      compared: 4,
      equal: 3,
      safe_to_roll_back: false,
      all: [{ kind: 'missing', name: nameOf(1), backend: 'second' }],
    })
    expect(await rollback([primary, mirror, second], { mirror: 'legacy' })).toMatchObject({
      fallbacks: ['legacy'],
      compared: 2,
      safe_to_roll_back: true,
    })
  })

  it('compares what reads find in all writable backends, and ignores read-only ones', async () => {
    const { primary, mirror } = await mirroredSides(2)
    const overflow = memoryBackend('overflow')
    await overflow.put('large', bytesOf('large'))
    await mirrorOne(overflow, mirror, 'large')
    await overflow.put(nameOf(0), bytesOf('hidden by the primary'))
    const { put: _, delete: __, ...origin } = memoryBackend('origin')
    expect(await rollback([primary, overflow, origin, mirror])).toMatchObject({
      equal: 3,
      extra: 0,
      safe_to_roll_back: true,
    })
  })

  it('compares differences again once each, whatever alarms end meanwhile', async () => {
    const { primary, mirror } = await mirroredSides(6)
    for (let index = 0; index < 5; index++) mirror.objects.delete(nameOf(index))
    const heads: Record<string, number> = {}
    let die = (): void => {}
    const head: typeof mirror.head = async (name) => {
      heads[name] = (heads[name] ?? 0) + 1
      if (name === nameOf(3) && heads[name] === 1) {
        die()
        return new Promise(() => {})
      }
      await mirrorOne(primary, mirror, name)
      return mirror.head(name)
    }
    const dies = (): Promise<void> => new Promise((resolve) => (die = resolve))
    expect(await rollback([primary, { ...mirror, head }], { dies, deep: true })).toMatchObject({
      compared: 6,
      equal: 6,
      missing: 0,
      safe_to_roll_back: true,
    })
    expect(heads).toMatchObject({ [nameOf(0)]: 2, [nameOf(1)]: 2, [nameOf(3)]: 3 })
  })

  it('advises what it accepts', async () => {
    const { primary, mirror } = await mirroredSides(1)
    const { conditions } = await rollback([primary, mirror])
    expect(conditions.find(({ id }) => id === 'undamaged')).toMatchObject({ next: 'Verify with deep.' })
    const broken = { ...mirror.objects.get(nameOf(0)), bytes: bytesOf('BYTES 0') }
    mirror.objects.set(nameOf(0), broken as never)
    const deep = await rollback([primary, mirror], { deep: true })
    expect(deep.conditions.find(({ id }) => id === 'undamaged')).toMatchObject({
      met: false,
      next: expect.stringContaining('run a resync'),
    })
  })

  it('says that nothing could be compared if there is no such mirror', async () => {
    const { primary, mirror } = await mirroredSides(1)
    await expect(rollback([primary, memoryBackend('legacy')])).rejects.toThrow('no backend is a mirror')
    await expect(rollback([primary, mirror], { mirror: 'other' })).rejects.toThrow('"other" is not a mirror')
    await expect(verified([primary, mirror], { mirror: 'legacy' })).rejects.toThrow('direction "rollback"')
  })
})

it('can detach a mirror whose listing does not say that its objects are from the primary', async () => {
  const { primary, mirror } = await mirroredSides(3)
  const asS3 = { ...terse(mirror), mirror: 'all' as const }
  expect(await verified([primary, asS3])).toMatchObject({
    equal: 3,
    equal_by_size: 0,
    safe_to_detach: true,
  })
})

it('does not count resyncs in a verification that the fallbacks can be detached', async () => {
  const { primary, mirror } = await mirroredSides(2)
  const job = { ...RESYNC, manifest: null, backends: { legacy: {} } }
  const resync = (state: Backfill['state']) => ({ ...job, state }) as unknown as Backfill
  const backfills = [resync('running'), resync('completed_with_failures')]
  expect(await verified([primary, mirror], { backfills })).toMatchObject({ safe_to_detach: true })
  const failed = { ...job, mirror: null, state: 'completed_with_failures' } as unknown as Backfill
  const result = await verified([primary, mirror], { backfills: [resync('completed'), failed] })
  expect(result).toMatchObject({ safe_to_detach: false })
})
