import { env } from 'cloudflare:workers'
import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { openMirrors } from '../../src/mirrors/mirrors.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'
import { failuresOf, nameOf, verified, withBackfill } from './jobs.ts'
import { mirroredSides, plantDifferences, mirrorOf, mirrorOne, replace, TOMBSTONE } from './sides.ts'

afterEach(async () => {
  await reset()
})

const RESYNC = { mirror: 'legacy' }

async function lastResync(mirror: Backend): Promise<number | null | undefined> {
  const mirrors = openMirrors([mirror], { namespace: env.MIRROR_LOG, tombstones: true })
  const [status] = (await mirrors?.log().status([mirror.name])) ?? []
  return status?.lastResync
}

describe('a resync', () => {
  it('makes the mirror equal to the primary wherever they differ, and leaves the rest alone', async () => {
    const { primary, mirror } = await mirroredSides(8)
    await plantDifferences({ primary, mirror })
    await replace(mirror, 'only/there', 'not migrated yet')
    const untouched = mirror.objects.get(nameOf(6))
    await withBackfill([primary, mirror], RESYNC, async ({ drive, clock }) => {
      expect(await drive()).toMatchObject({
        state: 'completed',
        mirror: 'legacy',
        listed: 9,
        copied: 5,
        present: 2,
        skipped: 2,
        skipped_by: { deleted: 1, only_in_mirror: 1 },
        failed: 0,
        backends: { legacy: { listed: 9, copied: 5 } },
      })
      expect(await lastResync(mirror)).toBe(clock.now)
    })
    expect(mirror.objects.get(nameOf(6))).toBe(untouched)
    expect(mirror.objects.has(nameOf(3))).toBe(false)
    expect(await verified([primary, mirror], { direction: 'rollback' })).toMatchObject({
      equal: 7,
      extra: 1,
      safe_to_roll_back: true,
    })
  })

  it('does nothing for what is equal, and makes no request for it but listings', async () => {
    const { primary, mirror } = await mirroredSides(20)
    const silent: Backend = { ...mirror, head: () => Promise.reject(new Error('asked for one object')) }
    await withBackfill([primary, silent], RESYNC, async ({ drive, queue }) => {
      expect(await drive()).toMatchObject({ state: 'completed', present: 20, copied: 0, bytes: 0 })
      expect(queue.sent).toEqual([])
    })
  })

  it('leaves what is deleted where a mirror keeps that', async () => {
    const { primary, mirror } = await mirroredSides(2, mirrorOf('legacy', 'keep-deleted'))
    await primary.put(nameOf(0), new Uint8Array(0), TOMBSTONE)
    await withBackfill([primary, mirror], RESYNC, async ({ drive }) => {
      expect(await drive()).toMatchObject({ present: 1, skipped_by: { tombstoned: 1 } })
    })
    expect(await textOf(await mirror.get(nameOf(0)))).toBe('bytes 0')
  })

  it('replaces a tombstone of the mirror, from when it was the primary, by what is there now', async () => {
    const { primary, mirror } = await mirroredSides(1)
    await mirror.put(nameOf(0), new Uint8Array(0), TOMBSTONE)
    await withBackfill([primary, mirror], RESYNC, async ({ drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed', copied: 1 })
    })
    expect(mirror.objects.get(nameOf(0))?.info.deleted).toBeUndefined()
  })

  it('is not recorded in the log while something fails, but when that has been tried again', async () => {
    const { primary, mirror } = await mirroredSides(3)
    await primary.put('new', bytesOf('new'))
    let isLocked = true
    const guarded: Backend = {
      ...mirror,
      put: (name, body, options) =>
        isLocked
          ? Promise.reject(new StorageError('locked', 'a lock forbids it', { backend: 'legacy' }))
          : mirror.put(name, body, options),
    }
    await withBackfill([primary, guarded], RESYNC, async ({ drive, job, clock }) => {
      expect(await drive()).toMatchObject({ state: 'completed_with_failures', present: 3, failed: 1 })
      expect(failuresOf(job)).toMatchObject([{ name: 'new', backend: 'legacy', error: 'locked' }])
      expect(await lastResync(mirror)).toBeNull()
      isLocked = false
      job.act('retry_failed')
      expect(await drive()).toMatchObject({ state: 'completed', copied: 1, failed: 0 })
      expect(await lastResync(mirror)).toBe(clock.now)
    })
  })

  it('of a part of the names is not recorded in the log', async () => {
    const { primary, mirror } = await mirroredSides(3)
    await mirror.delete(nameOf(1))
    await withBackfill([primary, mirror], { ...RESYNC, prefix: 'photos/' }, async ({ drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed', copied: 1, present: 2 })
    })
    expect(await lastResync(mirror)).toBeNull()
  })

  it('pauses, resumes and continues after a restart', async () => {
    const { primary, mirror } = await mirroredSides(2)
    for (let index = 0; index < 120; index++) await primary.put(`new/${index}`, bytesOf(`${index}`))
    await withBackfill([primary, mirror], RESYNC, async (harness) => {
      await harness.drive(1)
      expect(harness.job.act('pause')).toMatchObject({ job: { state: 'paused' } })
      harness.restart()
      harness.job.act('resume')
      expect(await harness.drive()).toMatchObject({ state: 'completed', listed: 122, failed: 0 })
    })
    expect(await verified([primary, mirror], { direction: 'rollback' })).toMatchObject({ equal: 122 })
  })

  it('waits while the mirror is down', async () => {
    const { primary, mirror } = await mirroredSides(0)
    await primary.put('new', bytesOf('new'))
    let isDown = true
    const down =
      <Args extends unknown[], Value>(call: (...args: Args) => Promise<Value>) =>
      (...args: Args): Promise<Value> =>
        isDown
          ? Promise.reject(new StorageError('unavailable', 'down', { backend: 'legacy' }))
          : call(...args)
    const flaky: Backend = {
      ...mirror,
      head: down(mirror.head),
      list: down(mirror.list),
      put: down(mirror.put),
    }
    await withBackfill([primary, flaky], RESYNC, async ({ drive }) => {
      expect(await drive(3)).toMatchObject({
        waiting: { backend: 'legacy', error: 'unavailable' },
        failed: 0,
      })
      isDown = false
      expect(await drive()).toMatchObject({ state: 'completed', copied: 1 })
    })
  })

  it('fails if the backend is no mirror any more', async () => {
    const { primary } = await mirroredSides(1)
    await withBackfill([primary, memoryBackend('legacy')], RESYNC, async ({ drive }) => {
      expect(await drive(3)).toMatchObject({
        state: 'listing',
        waiting: { backend: 'legacy', detail: 'is not a mirror any more' },
      })
    })
  })

  it('of one mirror does not touch another', async () => {
    const { primary, mirror } = await mirroredSides(2)
    const other = mirrorOf('other')
    await mirrorOne(primary, other, nameOf(0))
    await mirror.delete(nameOf(1))
    await withBackfill([primary, mirror, other], RESYNC, async ({ drive }) => {
      expect(await drive()).toMatchObject({ copied: 1, present: 1 })
    })
    expect([...other.objects.keys()]).toEqual([nameOf(0)])
  })
})
