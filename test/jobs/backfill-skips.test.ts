import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import { withPrefix } from '../../src/wrappers/prefix.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { writeMarker } from '../../src/storage/tombstone-marker.ts'
import { failuresOf, verified, withBackfill } from './jobs.ts'
import { type Memory, terse } from './sides.ts'

async function put(backend: Pick<Backend, 'put'>, ...names: string[]): Promise<void> {
  for (const name of names) await backend.put?.(name, bytesOf(name))
}

/** As other software may have stored them: this project's backends refuse such names. */
function plant(backend: ReturnType<typeof memoryBackend>, ...names: string[]): void {
  for (const name of names) {
    backend.objects.set(name, {
      bytes: bytesOf(name),
      info: { name, backend: backend.name, size: name.length },
    })
  }
}

describe('what a backfill skips', () => {
  it('counts the objects that the source’s filter excludes, and copies none of them', async () => {
    const [target, inner] = [memoryBackend('primary'), memoryBackend('legacy')]
    await put(inner, 'a.jpg', 'tmp/1', 'tmp/2')
    await withBackfill([target, withFilter(inner, { exclude: /^tmp\// })], {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({
        state: 'completed',
        listed: 3,
        copied: 1,
        skipped: 2,
        skipped_by: { excluded: 2 },
        failed: 0,
        backends: { legacy: { skipped: 2, skipped_by: { excluded: 2 } } },
      })
    })
    expect([...target.objects.keys()]).toEqual(['a.jpg'])
  })

  it('copies from the second source what the first excludes', async () => {
    const [target, first, second] = [
      memoryBackend('primary'),
      memoryBackend('first'),
      memoryBackend('second'),
    ]
    await put(first, 'tmp/1')
    await second.put('tmp/1', bytesOf('of the second'))
    await withBackfill([target, withFilter(first, { exclude: /^tmp\// }), second], {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({ listed: 1, copied: 1, skipped: 0, skipped_by: {} })
    })
    expect(await textOf(await target.get('tmp/1'))).toBe('of the second')
  })

  it('does not skip objects as excluded if the target has them, or a tombstone hides them', async () => {
    const [target, inner] = [memoryBackend('primary'), memoryBackend('legacy')]
    await put(inner, 'tmp/deleted', 'tmp/held', 'tmp/only here')
    await put(target, 'tmp/held')
    await target.put('tmp/deleted', new Uint8Array(0), { info: { deleted: new Date() } })
    await withBackfill([target, withFilter(inner, { exclude: /^tmp\// })], {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({
        listed: 3,
        present: 1,
        skipped: 2,
        skipped_by: { excluded: 1, tombstoned: 1 },
      })
    })
  })

  it('counts each reason, in total and per source', async () => {
    const [primary, other, legacy] = [
      memoryBackend('primary'),
      memoryBackend('other'),
      memoryBackend('legacy'),
    ]
    await put(legacy, 'a', 'deleted', 'refused/1', 'refused/2', 'shadowed')
    await put(other, 'shadowed')
    await primary.put('deleted', new Uint8Array(0), { info: { deleted: new Date() } })
    const target = withFilter(primary, { exclude: /^refused\// })
    const { put: _put, delete: _delete, ...readable } = other
    await withBackfill([target, readable, legacy], { backends: ['legacy'] }, async ({ drive }) => {
      const reasons = { tombstoned: 1, not_accepted: 2, shadowed: 1 }
      expect(await drive()).toMatchObject({
        listed: 5,
        copied: 1,
        skipped: 4,
        skipped_by: reasons,
        backends: { legacy: { skipped_by: reasons } },
      })
    })
  })

  it('does not take objects outside the target’s filter for copies', async () => {
    const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    await put(legacy, 'refused/1')
    await put(primary, 'refused/1')
    await withBackfill([withFilter(primary, { exclude: /^refused\// }), legacy], {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({ present: 0, skipped: 1, skipped_by: { not_accepted: 1 } })
    })
  })

  it('fails names that are not valid here, and says what to do', async () => {
    const [target, inner] = [memoryBackend('primary'), memoryBackend('legacy')]
    plant(inner, 'media/', 'media/-/docs', 'media/a', 'media/b\u0001', 'media/c/../d')
    await withBackfill([target, withPrefix(inner, 'media/')], {}, async ({ job, drive }) => {
      expect(await drive()).toMatchObject({
        state: 'completed_with_failures',
        listed: 5,
        copied: 1,
        skipped: 0,
        failed: 4,
      })
      const failures = failuresOf(job)
      expect(failures.map(({ name, error }) => [name, error])).toEqual([
        ['', 'invalid'],
        ['-/docs', 'invalid'],
        ['b\u0001', 'invalid'],
        ['c/../d', 'invalid'],
      ])
      expect(failures.map(({ detail }) => detail)).toEqual([
        expect.stringMatching(
          /^the name is empty: .*rename it at the source, or leave it out with `exclude`/,
        ),
        expect.stringMatching(/^names below "-\/" are the API's own: .*rename it at the source/),
        expect.stringMatching(/^the name holds a control character: .*rename it at the source/),
        expect.stringMatching(/^the name holds a "." or ".." segment: .*rename it at the source/),
      ])
    })
  })

  it('skips an invalid name once its source excludes it', async () => {
    const [target, inner] = [memoryBackend('primary'), memoryBackend('legacy')]
    plant(inner, 'media/', 'media/b\u0001')
    const source = withFilter(withPrefix(inner, 'media/'), { exclude: /^$|\p{Cc}/u })
    await withBackfill([target, source], {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed', failed: 0, skipped_by: { excluded: 2 } })
    })
  })

  it('keeps the sum when the source loses names, or its filter changes, after they were listed', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await put(source, 'a', 'b', 'c')
    await withBackfill([target, source], {}, async (harness) => {
      await harness.job.alarm()
      await source.delete('a')
      const chain = harness.chain
      Object.assign(chain, { backends: [target, withFilter(source, { exclude: /^b$/ })] })
      const ended = await harness.drive()
      expect(ended).toMatchObject({ listed: 3, copied: 1, skipped: 2, skipped_by: { gone: 1, excluded: 1 } })
    })
    expect([...target.objects.keys()]).toEqual(['c'])
  })

  it('counts the reasons for names of a manifest', async () => {
    const [primary, inner] = [memoryBackend('primary'), memoryBackend('legacy')]
    await put(inner, 'a', 'deleted', 'refused/1', 'tmp/1')
    await primary.put('deleted', new Uint8Array(0), { info: { deleted: new Date() } })
    const target = withFilter(primary, { exclude: /^refused\// })
    const source = withFilter(inner, { exclude: /^tmp\// })
    const options = { manifest: { from: 'client' as const } }
    await withBackfill([target, source], options, async ({ job, drive }) => {
      const names = ['a', 'deleted', 'refused/1', 'tmp/1'].map((name) => [name, null] as const)
      job.addNames({ names, failures: [] })
      job.endNames()
      expect(await drive()).toMatchObject({
        state: 'completed',
        listed: 4,
        copied: 1,
        skipped: 3,
        skipped_by: { tombstoned: 1, not_accepted: 1, excluded: 1 },
        backends: { legacy: { listed: 4, skipped: 3 } },
      })
    })
  })

  it('copies no name of a manifest that another backend than the chosen ones has deleted, or has itself', async () => {
    const [primary, before, legacy] = [
      memoryBackend('primary'),
      memoryBackend('before'),
      memoryBackend('legacy'),
    ]
    await put(legacy, 'a', 'deleted', 'replaced', 'undeleted')
    await before.put('replaced', bytesOf('newer'))
    await writeMarker(before, 'deleted')
    await writeMarker(before, 'undeleted', { lifted: true })
    const options = { manifest: { from: 'client' as const }, backends: ['legacy'] }
    await withBackfill([primary, before, legacy], options, async ({ job, drive }) => {
      const names = ['a', 'deleted', 'replaced', 'undeleted'].map((name) => [name, null] as const)
      job.addNames({ names, failures: [] })
      job.endNames()
      expect(await drive()).toMatchObject({
        state: 'completed',
        copied: 2,
        skipped_by: { tombstoned: 1, shadowed: 1 },
      })
    })
    expect([...primary.objects.keys()]).toEqual(['a', 'undeleted'])
  })

  it('fails for a name of a manifest that only a backend behind the chosen ones has', async () => {
    const [primary, chosen, behind] = ['primary', 'chosen', 'behind'].map((name) => memoryBackend(name))
    if (!primary || !chosen || !behind) throw new Error('there are three')
    await put(behind, 'a')
    const options = { manifest: { from: 'client' as const }, backends: ['chosen'] }
    await withBackfill([primary, chosen, behind], options, async ({ job, drive }) => {
      job.addNames({ names: [['a', null]], failures: [] })
      job.endNames()
      expect(await drive()).toMatchObject({ state: 'completed_with_failures', failed: 1, skipped: 0 })
    })
  })

  it('copies nothing that a backend before the source, which cannot list, has deleted, or has itself', async () => {
    const [primary, before, legacy] = [
      memoryBackend('primary'),
      memoryBackend('before'),
      memoryBackend('legacy'),
    ]
    await put(legacy, 'a', 'deleted', 'replaced')
    await before.put('replaced', bytesOf('newer'))
    await writeMarker(before, 'deleted')
    const { list: _, listsAfter: __, ...blind } = before
    await withBackfill([primary, blind, legacy], { backends: ['legacy'] }, async ({ drive }) => {
      expect(await drive()).toMatchObject({
        state: 'completed',
        listed: 3,
        copied: 1,
        skipped_by: { tombstoned: 1, shadowed: 1 },
      })
    })
    expect([...primary.objects.keys()]).toEqual(['a'])
  })

  it.each([
    ['all of it', (backend: Memory) => backend],
    ['as little as S3 does', terse],
  ])(
    'copies an object that its source has again after it was deleted there, but none that was deleted here, where the primary lists %s',
    async (_, listing) => {
      const [primary, inner] = [memoryBackend('primary'), memoryBackend('legacy')]
      const target = { ...primary, ...listing(primary) }
      await put(inner, 'gone', 'deleted')
      const provenance = { backend: 'legacy', copied: new Date() }
      await writeMarker(target, 'gone', { provenance })
      await writeMarker(target, 'deleted')
      expect(await verified([target, inner])).toMatchObject({
        missing: 1,
        tombstoned: 1,
        safe_to_detach: false,
        all: [{ kind: 'missing', name: 'gone', detail: 'legacy has it again, after it was deleted there' }],
      })
      await withBackfill([target, inner], {}, async ({ drive }) => {
        expect(await drive()).toMatchObject({ listed: 2, copied: 1, skipped_by: { tombstoned: 1 } })
      })
      expect(await textOf(await target.get('gone'))).toBe('gone')
      expect(await target.head('deleted')).toMatchObject({ deleted: expect.any(Date) })
    },
  )

  it('copies what a tombstone no longer hides, and misses it until then', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await put(source, 'listed', 'named')
    for (const name of ['listed', 'named']) await writeMarker(target, name)
    const chain = { deletes: 'first' as const }
    expect(await verified([target, source], chain)).toMatchObject({
      missing: 2,
      tombstoned: 0,
      safe_to_detach: false,
    })
    const manifest = { from: 'client' as const }
    await withBackfill([target, source], { ...chain, manifest }, async ({ job, drive }) => {
      job.addNames({ names: [['named', null]], failures: [] })
      job.endNames()
      expect(await drive()).toMatchObject({ copied: 1, present: 0, skipped: 0 })
    })
    await withBackfill([target, source], chain, async ({ drive }) => {
      expect(await drive()).toMatchObject({ copied: 1, present: 1, skipped: 0 })
    })
    for (const name of ['listed', 'named']) expect(await textOf(await target.get(name))).toBe(name)
  })
})
