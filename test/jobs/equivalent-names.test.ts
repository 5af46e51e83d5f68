import { describe, expect, it } from 'vitest'
import type { Backend } from '../../src/storage/backend.ts'
import { bytesOf } from '../kit/fakes.ts'
import { asR2, memoryBackend } from '../kit/memory.ts'
import { dyingRpcOf, failuresOf, verified, withBackfill } from './jobs.ts'
import { terse, TOMBSTONE } from './sides.ts'

const [NFC, NFD] = ['caf\u00e9.jpg', 'cafe\u0301.jpg'] as const
const SAME_TIME = { info: { modified: new Date('2024-05-01T12:00:00Z') } }

/** R2 in front of a storage that has these bytes under these names. */
async function sidesWith(held: Readonly<Record<string, string>>) {
  const [primary, legacy] = [asR2(memoryBackend('primary')), memoryBackend('legacy')]
  for (const [name, text] of Object.entries(held)) await legacy.put(name, bytesOf(text), SAME_TIME)
  return { primary, legacy }
}

async function backfill(sides: readonly Backend[]) {
  let ended: unknown
  await withBackfill(sides, {}, async ({ job, drive }) => {
    ended = { ...(await drive()), failures: failuresOf(job) }
  })
  return ended
}

describe('a source with two names that R2 takes for one', () => {
  it('fails a backfill for the one whose bytes R2 does not have', async () => {
    const { primary, legacy } = await sidesWith({ [NFC]: 'one', [NFD]: 'two' })
    expect(await backfill([primary, legacy])).toMatchObject({
      state: 'completed_with_failures',
      listed: 2,
      copied: 1,
      present: 0,
      failed: 1,
      failures: [{ name: NFC, error: 'unsupported', detail: expect.stringContaining('rename one of them') }],
    })
  })

  it('fails it also if a consumer was killed before it could report the first', async () => {
    const { primary, legacy } = await sidesWith({ [NFC]: 'one', [NFD]: 'two' })
    await withBackfill([primary, legacy], {}, async (harness) => {
      await harness.job.alarm()
      await harness.deliver(harness.queue.sent, dyingRpcOf(harness))
      expect(await primary.head(NFC)).not.toBeNull()
      harness.clock.now += 3_600_000
      expect(await harness.drive()).toMatchObject({ copied: 1, present: 0, failed: 1 })
    })
  })

  it.each(['deep', 'listed', 'by size'])('is not safe to detach: %s', async (how) => {
    const { primary, legacy } = await sidesWith({ [NFC]: 'one', [NFD]: 'two' })
    await backfill([primary, legacy])
    const source = how === 'by size' ? terse(legacy) : legacy
    const result = await verified([primary, source], { deep: how === 'deep' })
    expect(result).toMatchObject(
      how === 'by size'
        ? { compared: 2, equal_by_size: 1, missing: 0, safe_to_detach: false }
        : {
            compared: 2,
            equal: 1,
            different: 1,
            safe_to_detach: false,
            all: [{ kind: 'different', name: NFC, detail: expect.stringContaining('equivalent') }],
          },
    )
  })

  it('is safe to detach if both have the same bytes', async () => {
    const { primary, legacy } = await sidesWith({ [NFC]: 'one', [NFD]: 'one' })
    expect(await backfill([primary, legacy])).toMatchObject({ state: 'completed', copied: 1, present: 1 })
    expect(await verified([primary, legacy])).toMatchObject({ equal: 2, missing: 0, safe_to_detach: true })
  })
})

describe('a name that R2 lists in another spelling than the source', () => {
  it('is where the source has it', async () => {
    const { primary, legacy } = await sidesWith({ [NFD]: 'one' })
    await primary.put(NFC, bytesOf('one'))
    expect(await backfill([primary, legacy])).toMatchObject({ state: 'completed', copied: 0, present: 1 })
    expect(await verified([primary, legacy])).toMatchObject({ equal: 1, missing: 0, safe_to_detach: true })
    await primary.put(NFC, bytesOf('two'))
    expect(await verified([primary, legacy])).toMatchObject({ different: 1, safe_to_detach: false })
  })

  it('is deleted under both', async () => {
    const { primary, legacy } = await sidesWith({ [NFD]: 'one' })
    await primary.put(NFC, bytesOf(''), TOMBSTONE)
    expect(await verified([primary, legacy])).toMatchObject({ tombstoned: 1, safe_to_detach: true })
  })

  it('is not safe to roll back to where it was not deleted, or is older', async () => {
    const primary = asR2(memoryBackend('primary'))
    const mirror = { ...memoryBackend('legacy'), mirror: 'all' as const }
    await mirror.put(NFD, bytesOf('one'))
    await primary.put(NFC, bytesOf(''), TOMBSTONE)
    const given = { direction: 'rollback' as const }
    expect(await verified([primary, mirror], given)).toMatchObject({
      not_deleted: 1,
      safe_to_roll_back: false,
    })
    await primary.put(NFC, bytesOf('two'))
    await mirror.put(NFC, bytesOf('two'))
    expect(await verified([primary, mirror], given)).toMatchObject({
      equal: 1,
      different: 1,
      safe_to_roll_back: false,
    })
  })
})

describe('a listing of R2 in which names stand where their other spelling belongs', () => {
  const NAMES = [NFD, 'caff.jpg']
  /** In R2's order, `caff` comes before `café`; as R2 lists it, after it. */
  async function r2With(name: string): Promise<ReturnType<typeof asR2>> {
    const r2 = asR2(memoryBackend(name, { pageSize: 1 }))
    for (const one of NAMES) await r2.put(one, bytesOf(one), SAME_TIME)
    return r2
  }

  it('makes a job wait where it would miss names of a source', async () => {
    const sides = [memoryBackend('primary'), await r2With('legacy')]
    const result = await verified(sides)
    expect(result).toMatchObject({ state: 'running', safe_to_detach: false })
    expect(result.waiting?.detail).toContain(`lists "${NFD}" after "caff.jpg"`)
    expect(await backfill(sides)).toMatchObject({ state: 'listing', waiting: { backend: 'legacy' } })
  })

  it('makes a verification of the way back wait', async () => {
    const sides = [await r2With('primary'), { ...memoryBackend('legacy'), mirror: 'all' as const }]
    expect(await verified(sides, { direction: 'rollback' })).toMatchObject({
      state: 'running',
      safe_to_roll_back: false,
    })
  })

  it('does no harm in the primary, where names are looked up', async () => {
    const sides = [await r2With('primary'), memoryBackend('legacy')] as const
    for (const one of NAMES) await sides[1].put(one, bytesOf(one), SAME_TIME)
    expect(await backfill(sides)).toMatchObject({ state: 'completed', copied: 0, present: 2 })
    expect(await verified(sides)).toMatchObject({ equal: 2, safe_to_detach: true })
  })
})
