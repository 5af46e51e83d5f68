import { describe, expect, it } from 'vitest'
import type { Backfill, BackfillFailure } from '../../src/schemas/job-answers.ts'
import type { Acceptable } from '../../src/schemas/reasons.ts'
import type { Backend, ListableBackend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { bytesOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'
import { failuresOf, fill, nameOf, status, verified, withBackfill } from './jobs.ts'

interface Ended {
  backfill: Backfill
  failures: BackfillFailure[]
}

async function backfilled(backends: readonly Backend[]): Promise<Ended> {
  const ended: Partial<Ended> = {}
  await withBackfill(backends, {}, async ({ job, drive }) => {
    await drive()
    ended.backfill = status(job)
    ended.failures = failuresOf(job)
  })
  return ended as Ended
}

/** Reads of that name fail; its listing does not show why. */
function breaking(backend: ReturnType<typeof memoryBackend>, broken: string): ListableBackend {
  return {
    ...backend,
    async get(name, options) {
      if (name === broken) throw new StorageError('corrupt', 'the body broke', { backend: backend.name })
      return backend.get(name, options)
    },
  }
}

describe('names that a backfill could not copy', () => {
  it('count as failed, and do not prevent detaching once that is accepted', async () => {
    const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 3)
    const sides = [primary, breaking(legacy, nameOf(1))]
    const { backfill, failures } = await backfilled(sides)
    expect(backfill).toMatchObject({ state: 'completed_with_failures', copied: 2, failed: 1 })

    const given = { backfills: [backfill], failures }
    expect(await verified(sides, given)).toMatchObject({
      equal: 2,
      missing: 0,
      left_out: { failed: 1 },
      safe_to_detach: false,
      reasons: [
        '1 object is not copied by a backfill, or unreadable on one side (failed)',
        'backfill job ended with 1 failure: retry it, or accept the reasons of its failures',
      ],
      all: [{ kind: 'left_out', name: nameOf(1), detail: expect.stringMatching(/^failed: corrupt: /) }],
    })
    expect(await verified(sides, { ...given, accept: ['failed'] })).toMatchObject({
      accepted: [{ reason: 'failed', count: 1 }],
      safe_to_detach: true,
      reasons: [],
    })
  })

  it('prevent detaching if one of their reasons is not accepted', async () => {
    const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 3)
    legacy.objects.set('dir/../x', {
      bytes: bytesOf('x'),
      info: { name: 'dir/../x', backend: 'legacy', size: 1 },
    })
    const sides = [primary, breaking(legacy, nameOf(1))]
    const { backfill, failures } = await backfilled(sides)
    const given = { backfills: [backfill], failures }
    const safe = async (accept: Acceptable[]): Promise<boolean> =>
      (await verified(sides, { ...given, accept })).safe_to_detach
    expect(failures).toHaveLength(2)
    expect(await safe(['failed'])).toBe(false)
    expect(await safe(['invalid_name'])).toBe(false)
    expect(await safe(['failed', 'invalid_name'])).toBe(true)
  })

  it('prevent detaching if the backfill has failures that the comparison did not know', async () => {
    const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 3)
    const sides = [primary, breaking(legacy, nameOf(1))]
    const { backfill, failures } = await backfilled(sides)
    const more = { backfills: [{ ...backfill, failed: 2 }], failures, accept: ['failed'] as const }
    expect(await verified(sides, more)).toMatchObject({ safe_to_detach: false })
  })

  it('count if their backend cannot list', async () => {
    const [primary, { list: _, ...mute }] = [memoryBackend('primary'), memoryBackend('legacy')]
    const failures = [{ name: 'a', backend: 'legacy', error: 'denied' as const, detail: 'no', attempts: 1 }]
    const { backfill } = await backfilled([primary, memoryBackend('legacy')])
    const failed = { ...backfill, state: 'completed_with_failures' as const, failed: 1 }
    const options = { backfills: [failed], failures, accept: ['failed', 'unlistable'] as const }
    expect(await verified([primary, mute], options)).toMatchObject({
      left_out: { failed: 1, unlistable: 1 },
      accepted: [
        { reason: 'failed', count: 1 },
        { reason: 'unlistable', count: 1 },
      ],
      safe_to_detach: true,
    })
    expect(await verified([primary, mute], { ...options, accept: ['unlistable'] })).toMatchObject({
      safe_to_detach: false,
    })
  })
})

describe('reasons in a verification', () => {
  it('counts objects that no writable backend accepts', async () => {
    const [small, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await fill(legacy, 1)
    await legacy.put('large', bytesOf('x'.repeat(100)))
    const sides = [{ ...small, maxSize: 50 }, legacy]
    const { backfill, failures } = await backfilled(sides)
    expect(failures).toMatchObject([{ name: 'large', error: 'too-large' }])
    const given = { backfills: [backfill], failures }
    expect(await verified(sides, given)).toMatchObject({
      missing: 0,
      left_out: { too_large: 1 },
      safe_to_detach: false,
    })
    expect(await verified(sides, { ...given, accept: ['too_large'] })).toMatchObject({ safe_to_detach: true })
  })

  it('compares what is too large for the primary in the writable backend that stores it, which is no fallback', async () => {
    const [small, large, legacy] = [memoryBackend('primary'), memoryBackend('large'), memoryBackend('legacy')]
    const { put: _, delete: __, ...source } = legacy
    const sides = [{ ...small, maxSize: 2 }, large, source]
    for (const name of ['a', 'b']) await legacy.put(name, bytesOf('large'))
    await legacy.put('c', bytesOf('c'))
    expect(await verified(sides)).toMatchObject({
      missing: 3,
      all: [
        { name: 'a', detail: 'large does not hold it' },
        { name: 'b', detail: 'large does not hold it' },
        { name: 'c', detail: 'primary does not hold it' },
      ],
    })
    const { backfill, failures } = await backfilled(sides)
    expect(failures).toEqual([])
    expect([...large.objects.keys()]).toEqual(['a', 'b'])
    const given = { backfills: [backfill], deep: true }
    expect(await verified(sides, given)).toMatchObject({
      fallbacks: ['legacy'],
      compared: 3,
      equal: 3,
      left_out: {},
      safe_to_detach: true,
    })
    await large.put('b', bytesOf('other'))
    expect(await verified(sides, { ...given, accept: ['too_large'] })).toMatchObject({
      different: 1,
      safe_to_detach: false,
    })
    await legacy.delete('b')
    expect(await verified(sides, given)).toMatchObject({ equal: 2, extra: 1, safe_to_detach: true })
  })

  it('checks the copies in that backend, too', async () => {
    const [small, large, legacy] = [memoryBackend('primary'), memoryBackend('large'), memoryBackend('legacy')]
    await large.put('a', bytesOf('large'))
    const sides = [{ ...small, maxSize: 2 }, large, legacy]
    const stored = large.objects.get('a')
    if (!stored) throw new Error('the object is gone')
    large.objects.set('a', { ...stored, bytes: bytesOf('lArge') })
    expect(await verified(sides, { checkCopies: true })).toMatchObject({ damaged: 1, safe_to_detach: false })
  })

  it('fails no backfill for what is where it belongs', async () => {
    const [small, large, legacy] = [memoryBackend('primary'), memoryBackend('large'), memoryBackend('legacy')]
    for (const backend of [large, legacy]) await backend.put('a', bytesOf('large'))
    const { backfill } = await backfilled([{ ...small, maxSize: 2 }, large, legacy])
    expect(backfill).toMatchObject({ state: 'completed', listed: 1, present: 1 })
  })

  it.each([
    ['all', 5, undefined],
    ['all, without its size', null, undefined],
    ['legacy', 5, ['legacy']],
  ])('nor for its name in a manifest: %s', async (_, size, backends) => {
    const [small, large, legacy] = [memoryBackend('primary'), memoryBackend('large'), memoryBackend('legacy')]
    for (const backend of [large, legacy]) await backend.put('a', bytesOf('large'))
    const options = { manifest: { from: 'client' as const }, ...(backends && { backends }) }
    await withBackfill([{ ...small, maxSize: 2 }, large, legacy], options, async ({ job, drive }) => {
      job.addNames({ names: [['a', size]], failures: [] })
      job.endNames()
      expect(await drive()).toMatchObject({ state: 'completed', listed: 1, present: 1 })
    })
  })

  it('is not safe to detach the only other backend while it stores what is too large', async () => {
    const [small, large] = [memoryBackend('primary'), memoryBackend('large')]
    await large.put('a', bytesOf('large'))
    const sides = [{ ...small, maxSize: 2 }, large]
    expect(await backfilled(sides)).toMatchObject({ failures: [{ name: 'a', error: 'too-large' }] })
    expect(await verified(sides)).toMatchObject({
      fallbacks: ['large'],
      left_out: { too_large: 1 },
      safe_to_detach: false,
      all: [{ name: 'a', detail: 'too_large: no writable backend before it takes its 5 bytes' }],
    })
  })

  it('counts names that are not UTF-8 at the source as invalid', async () => {
    const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    const name = 'bad\ufffd.jpg'
    const info = { name, backend: 'legacy', size: 1, invalid: 'the name is not valid UTF-8' }
    legacy.objects.set(name, { bytes: bytesOf('x'), info })
    const { backfill, failures } = await backfilled([primary, legacy])
    expect(failures).toMatchObject([{ name, error: 'invalid' }])
    expect(await verified([primary, legacy], { backfills: [backfill], failures })).toMatchObject({
      missing: 0,
      left_out: { invalid_name: 1 },
    })
  })

  it('has examples of objects compared by size only', async () => {
    const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    for (const { objects, name: backend } of [primary, legacy])
      objects.set('a.jpg', { bytes: bytesOf('abc'), info: { name: 'a.jpg', backend, size: 3 } })
    expect(await verified([primary, legacy])).toMatchObject({
      equal: 1,
      equal_by_size: 1,
      all: [],
      bySize: [{ kind: 'equal_by_size', name: 'a.jpg', backend: 'legacy' }],
    })
  })
})
