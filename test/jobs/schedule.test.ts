import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { verifyOnSchedule } from '../../src/jobs/verification/schedule.ts'
import { createPace } from '../../src/jobs/pace.ts'
import { withPace } from '../../src/jobs/verification/pace.ts'
import { fill, media, mediaKv, OLD, EMPTY_ORIGIN, R2, seed, startApp } from '../kit/app.ts'
import { counting } from '../kit/fakes.ts'

afterEach(async () => {
  await reset()
})

/** What the schedule logs while `work` runs: its outcomes. */
async function outcomes(work: () => Promise<unknown>): Promise<unknown[]> {
  const lines: Record<string, unknown>[] = []
  const note = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>)
  const spies = (['info', 'warn', 'error'] as const).map((level) =>
    vi.spyOn(console, level).mockImplementation(note),
  )
  try {
    await work()
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
  return lines.filter(({ event }) => event === 'scheduled verification').map(({ outcome }) => outcome)
}

type Jobs = { verifications: Record<string, unknown>[] }

describe('the scheduled verification', () => {
  it('is started by "schedule", reads the primary at the configured rate, and repairs only if configured', async () => {
    await seed(3)
    await fill(media, { 'photos/0000': 'bytes 0' })
    for (const [settings, repair] of [
      [{}, false],
      [{ FALLBACK_REPAIR: 'repair', FALLBACK_VERIFY_PER_SECOND: 500 }, true],
    ] as const) {
      const { deployment, get, ended } = startApp(settings)
      expect(await outcomes(() => verifyOnSchedule(deployment))).toEqual(['started'])
      const { verifications } = (await get('verifications')) as Jobs
      expect(await ended(`verifications/${String(verifications[0]?.['id'])}`)).toMatchObject({
        state: 'completed',
        started_by: 'schedule',
        deep: false,
        check_copies: true,
        repair,
        max_per_second: repair ? 500 : 100,
        equal: 1,
        missing: 2,
      })
    }
  })

  it('is not started while another verification runs', async () => {
    await seed(3)
    const { deployment, post, get } = startApp()
    await post('verifications', { max_per_second: 0.1 })
    expect(await outcomes(() => verifyOnSchedule(deployment))).toEqual(['skipped'])
    const { verifications } = (await get('verifications')) as Jobs
    expect(verifications).toHaveLength(1)
    await post(`verifications/${String(verifications[0]?.['id'])}/cancel`)
    expect(await outcomes(() => verifyOnSchedule(deployment))).toEqual(['started'])
  })

  it.each([
    ['a single backend', { FALLBACK_STORAGES: [R2] }],
    [
      'a primary that cannot list',
      { FALLBACK_STORAGES: [OLD, { ...OLD, name: 'older' }], OLD: EMPTY_ORIGIN },
    ],
    ['no Durable Objects for jobs', { BACKFILL_JOBS: undefined }],
  ])('says once, and not as an error, that it has nothing to do with %s', async (_, settings) => {
    const { deployment } = startApp(settings)
    expect(await outcomes(() => verifyOnSchedule(deployment))).toEqual(['skipped'])
    expect(await outcomes(() => verifyOnSchedule(deployment))).toEqual([])
  })

  it('keeps only the newest, and all that were started by hand', async () => {
    const { deployment, post, ended, get, call } = startApp()
    await mediaKv.put?.('a', new Uint8Array(1))
    const byHand = `verifications/${String((await post('verifications')).body['id'])}`
    await ended(byHand)
    const started: string[] = []
    for (let night = 0; night < 5; night++) {
      await verifyOnSchedule(deployment, 3)
      const { verifications } = (await get('verifications')) as Jobs
      const id = String(verifications[0]?.['id'])
      started.push(id)
      await post(`verifications/${id}/cancel`)
    }
    const { verifications } = (await get('verifications')) as Jobs
    expect(verifications.map(({ id }) => id).toReversed()).toEqual([
      byHand.replace('verifications/', ''),
      ...started.slice(2),
    ])
    expect((await call(`/-/api/verifications/${started[0] ?? ''}`)).status).toBe(404)
    expect((await call(`/-/api/${byHand}`)).status).toBe(200)
  })
})

describe('the rate of a verification', () => {
  it('is that of all requests together', async () => {
    let time = 1000
    const starts: number[] = []
    const pace = createPace(100, 0, {
      now: () => time,
      sleep: async (ms) => void starts.push(time + ms),
    })
    const backends = [counting('a'), counting('b')]
    const [first, second] = withPace(backends, pace)
    await Promise.all([first?.list?.(), second?.list?.(), first?.get('x'), second?.head('x')])
    expect(starts).toEqual([1100, 1200, 1300])
    expect(backends.map(({ counts }) => [counts.list, counts.get, counts.head])).toEqual([
      [1, 1, 0],
      [1, 0, 1],
    ])
    time = 5000
    await first?.get('y')
    expect(starts).toHaveLength(3)
  })

  it('can be set for one, from 0.1', async () => {
    const { post } = startApp()
    await seed(1)
    expect((await post('verifications', { max_per_second: 7.5 })).body).toMatchObject({ max_per_second: 7.5 })
    expect((await post('verifications', { max_per_second: 0.01 })).status).toBe(400)
  })
})
