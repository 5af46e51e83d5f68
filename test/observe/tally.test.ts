import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RequestEvent } from '../../src/observe/counts.ts'
import type { Delta } from '../../src/observe/rings.ts'
import { createTally } from '../../src/observe/tally.ts'

beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0.5))
afterEach(() => void vi.restoreAllMocks())

const HIT = {
  method: 'GET',
  name: 'a.jpg',
  route: 'media',
  status: 200,
  outcome: 'hit',
  backend: 'media',
  attempts: [{ backend: 'media', outcome: 'hit', duration: 3 }],
  stored: false,
  duration: 3,
} satisfies RequestEvent

const FALLBACK = {
  ...HIT,
  outcome: 'fallback',
  backend: 'legacy',
  attempts: [
    { backend: 'media', outcome: 'absent', duration: 1 },
    { backend: 'legacy', outcome: 'hit', duration: 40 },
  ],
} satisfies RequestEvent

/** `sent` has every delta once, as the object counts them. */
function startTally(send?: () => Promise<unknown>) {
  const sent: Delta[] = []
  /** What runs later, and when. */
  const tasks: { at: number; ms: number; task: () => void }[] = []
  const work: Promise<unknown>[] = []
  const clock = { now: 1_000_000 }
  const tally = createTally({
    send: async ({ first, deltas }) => {
      await send?.()
      sent.push(...deltas.slice(sent.length + 1 - first))
    },
    keepAlive: (report) => void work.push(report),
    later: (ms, task) => void tasks.push({ at: clock.now + ms, ms, task }),
    now: () => clock.now,
  })
  return { tally, sent, work, clock, tasks }
}

describe('what an isolate counts', () => {
  it('is reported at once the first time, and then every 50 to 60 seconds', async () => {
    const { tally, sent, work, clock } = startTally()
    tally.addRead(HIT)
    await Promise.all(work)
    tally.addRead(HIT)
    clock.now += 54_999
    tally.addRead(HIT)
    await Promise.all(work)
    expect(sent).toEqual([
      {
        at: 1_000_000,
        counts: { 'reads/media/reads': 1, 'health/media/attempts': 1, 'health/media/1': 1 },
        prefixes: {},
        fallbackReads: [],
        mismatches: [],
      },
    ])
    clock.now += 1
    tally.addRead(HIT)
    await Promise.all(work)
    expect(sent.slice(1)).toMatchObject([
      { at: 1_000_000, counts: { 'reads/media/reads': 1 } },
      { at: 1_055_000, counts: { 'reads/media/reads': 2 } },
    ])
  })

  it('is reported within 5 seconds after the first read of a fallback, then after 10, 20 and 40', async () => {
    const { tally, sent, work, clock } = startTally()
    const at = async (seconds: number, read: RequestEvent) => {
      clock.now = 1_000_000 + seconds * 1000
      tally.addRead(read)
      await Promise.all(work)
    }
    const reportedAt = () => sent.map((delta) => (delta.at - 1_000_000) / 1000)
    for (let second = 0; second < 200; second++) await at(second, FALLBACK)
    // What is counted in another minute is another delta of the same report.
    expect(work).toHaveLength(6)
    expect(reportedAt().filter((second) => [0, 10, 30, 70, 125, 180].includes(second))).toHaveLength(6)

    await at(235, HIT)
    await at(290, HIT)
    await at(293, FALLBACK)
    expect(reportedAt().at(-1)).toBe(290)
    await at(295, HIT)
    expect(sent.at(-1)?.fallbackReads).toMatchObject([{ at: 1_293_000 }])
    await at(304, FALLBACK)
    expect(reportedAt().at(-1)).toBe(295)
    await at(305, HIT)
    expect(reportedAt().at(-1)).toBe(305)
  })

  it('is reported without another read, if a fallback has answered', async () => {
    const { tally, sent, work, clock, tasks } = startTally()
    tally.addRead(HIT)
    clock.now += 300
    for (const read of [FALLBACK, FALLBACK, HIT]) tally.addRead(read)
    expect(tasks.map(({ at }) => at)).toEqual([1_005_000])
    clock.now = 1_005_000
    tasks[0]?.task()
    await Promise.all(work)
    expect(sent.at(-1)?.counts).toMatchObject({ 'reads/legacy/reads': 2 })
    expect(sent.at(-1)?.fallbackReads).toMatchObject([{ at: 1_000_300 }])

    // Where there have been several, no request is kept alive for long: the last reports are recent.
    for (let second = 10; second < 200; second++) {
      clock.now = 1_000_000 + second * 1000
      tally.addRead(FALLBACK)
      await Promise.all(work)
    }
    expect(Math.max(...tasks.map(({ ms }) => ms))).toBe(20_000)
  })

  it('is reported without another read, if a copy differs from its source', async () => {
    const { tally, sent, work, clock, tasks } = startTally()
    const shadow = { backend: 'legacy', name: 'a.jpg', matched: false, detail: 'size' }
    tally.addShadow(shadow)
    clock.now += 1000
    tally.addShadow(shadow)
    expect(tasks.map(({ at }) => at)).toEqual([1_005_000])
    clock.now = 1_005_000
    tasks[0]?.task()
    await Promise.all(work)
    expect(sent.flatMap(({ mismatches }) => mismatches)).toHaveLength(2)
  })

  it('has the reads of fallbacks', async () => {
    const { tally, sent, work, clock } = startTally()
    for (const after of [0, 9999, 1]) {
      clock.now += after
      tally.addRead(FALLBACK)
      await Promise.all(work)
    }
    expect(sent.map(({ at }) => at)).toEqual([1_000_000, 1_010_000])
    expect(sent[1]?.fallbackReads).toEqual([{ at: 1_010_000, name: 'a.jpg', backend: 'legacy' }])
    expect(sent[0]?.counts).toEqual({
      'reads/legacy/reads': 1,
      'health/media/attempts': 1,
      'health/media/0': 1,
      'health/legacy/attempts': 1,
      'health/legacy/4': 1,
    })
  })

  it('has errors and timeouts of backends, but not what was skipped or refused', async () => {
    const { tally, sent } = startTally()
    tally.addRead({
      ...HIT,
      outcome: 'failed',
      attempts: [
        { backend: 'a', outcome: 'error', duration: 1 },
        { backend: 'b', outcome: 'timeout', duration: 10_000 },
        { backend: 'c', outcome: 'skipped', duration: 0 },
        { backend: 'd', outcome: 'absent', duration: 1 },
      ],
    })
    tally.addRead({ ...HIT, outcome: 'refused' })
    await tally.settle()
    expect(sent[0]?.counts).toEqual({
      'reads//failed': 1,
      'health/a/attempts': 1,
      'health/a/0': 1,
      'health/a/errors': 1,
      'health/b/attempts': 1,
      'health/b/11': 1,
      'health/b/errors': 1,
      'health/d/attempts': 1,
      'health/d/0': 1,
    })
    expect(sent).toHaveLength(1)
  })

  it('has copies, also those of a page of a backfill', async () => {
    const { tally, sent } = startTally()
    tally.addCopy({ outcome: 'copied', bytes: 10 })
    tally.addCopy({ outcome: 'absent', bytes: 0 })
    tally.addPage({ counts: { legacy: { copied: 2, present: 1, bytes: 30 } }, failures: [{}, {}] })
    await tally.settle()
    const counts = sent.flatMap((delta) => Object.entries(delta.counts))
    const sum = (key: string) =>
      counts.reduce((all, [other, n]) => all + (other === `copies//${key}` ? n : 0), 0)
    expect(['copied', 'present', 'absent', 'failed', 'bytes'].map(sum)).toEqual([3, 1, 1, 2, 40])
  })

  it('has the results of shadow reads, which no read may follow, at once, but not each of many', async () => {
    const { tally, sent, work, clock } = startTally()
    const compared = async (seconds: number, matched: boolean) => {
      clock.now = 1_000_000 + seconds * 1000
      tally.addShadow({ backend: 'legacy', name: 'a.jpg', matched, detail: '' })
      await Promise.all(work)
    }
    const results = (outcome: string) =>
      sent.reduce((sum, { counts }) => sum + (counts[`shadow/legacy/${outcome}`] ?? 0), 0)
    tally.addRead(HIT)
    await compared(0.1, true)
    expect(results('matched')).toBe(1)
    await compared(1, true)
    expect(results('matched')).toBe(1)
    await compared(5.2, false)
    expect([results('matched'), results('mismatched')]).toEqual([2, 1])
    await compared(6, false)
    expect(results('mismatched')).toBe(1)
    tally.addRead(HIT)
    await compared(56, true)
    expect([results('matched'), results('mismatched')]).toEqual([3, 2])
  })

  it('is reported at the end of a batch of copies, but not more often than every 5 seconds', async () => {
    const { tally, sent, work, clock } = startTally()
    for (const after of [0, 4999, 1]) {
      clock.now += after
      for (let copy = 0; copy < 10; copy++) tally.addCopy({ outcome: 'copied', bytes: 1 })
      tally.reportSoon()
      await Promise.all(work)
    }
    expect(sent.map(({ at, counts }) => [at, counts['copies//copied']])).toEqual([
      [1_000_000, 10],
      [1_005_000, 20],
    ])
  })

  it('is kept if it could not be reported, as the counters of at most 61 minutes', async () => {
    let isDown = true
    const { tally, sent, work, clock } = startTally(async () => {
      if (isDown) throw new Error('the object is overloaded')
    })
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    for (let report = 0; report < 100; report++) {
      tally.addRead(report === 50 ? FALLBACK : HIT)
      clock.now += 70_000
      await Promise.all(work)
    }
    expect(warn.mock.calls).toHaveLength(100)
    expect(warn.mock.calls[0]).toEqual(['{"event":"series","reason":"Error: the object is overloaded"}'])
    expect(sent).toEqual([])
    isDown = false
    await tally.settle()
    await tally.settle()
    expect(sent.map(({ at }) => (at - 1_000_000) / 70_000)).toEqual([...Array(60).keys(), 99])
    expect(sent[0]?.counts['reads/media/reads']).toBe(1)
    expect(sent[50]?.fallbackReads).toMatchObject([{ at: 1_000_000 + 50 * 70_000 }])
    expect(sent[60]?.counts['reads/media/reads']).toBe(40)
  })

  it('is waited for, but not for an object that does not answer', async () => {
    const { tally } = startTally(() => new Promise(() => undefined))
    tally.addRead(HIT)
    const started = performance.now()
    await tally.settle()
    expect(performance.now() - started).toBeLessThan(5000)
    await tally.settle()
    expect(performance.now() - started).toBeLessThan(5000)
  })
})
