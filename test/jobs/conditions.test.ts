import { describe, expect, it } from 'vitest'
import type { Evidence } from '../../src/jobs/verification/evidence.ts'
import { conditionsOf } from '../../src/jobs/verification/conditions.ts'
import { NO_TALLY, type VerificationRecord } from '../../src/jobs/verification/record.ts'
import { verified } from './jobs.ts'
import { migrated } from './sides.ts'

const DAY = 86_400_000
const LONG_AGO = Date.now() - 30 * DAY
const LATER = Date.now() + 30 * DAY
const iso = (ms: number): string => new Date(ms).toISOString()

type Dependence = Exclude<Evidence['dependence'], { unseen: string }>
type Sources = Exclude<Evidence['sources'], { unseen: string }>

function dependence(quietDays: number | null, shadows: Partial<Dependence> = {}): Dependence {
  return {
    counted_since: quietDays === null ? null : iso(LONG_AGO),
    fallbacks: [
      {
        name: 'legacy',
        reads: { hour: 0, day: 1, week: 12 },
        last_read: quietDays === null ? null : { at: iso(Date.now() - quietDays * DAY), name: 'a.jpg' },
        quiet_days: quietDays,
      },
    ],
    shadow_percent: 1,
    shadowed: 500,
    mismatched: 0,
    lastMismatch: null,
    ...shadows,
  }
}

function sources(lastEvent: number | null, lastConflict: number | null = null): Sources {
  const counts = { accepted: 1, ignored: 0, copied: 1, tombstoned: 0, conflicts: 0, unchanged: 0, failed: 0 }
  const lag = { last: 1400, max: 9000, p50: 900, p95: 3200 }
  const status = {
    lastEvent,
    lastReceived: lastEvent,
    lastHandled: lastEvent,
    waitingSince: null,
    lag,
    counts,
  }
  return {
    statuses: lastEvent === null ? {} : { legacy: status },
    conflicts: lastConflict === null ? 0 : 1,
    lastConflict,
  }
}

const OLD_RECORD = {
  id: 'old',
  options: { prefix: '', deep: false, accept: [] },
  primary: 'primary',
  fallbacks: ['legacy'],
  unlistable: [],
  tally: NO_TALLY,
  pass: { number: 2, seen: [0, 0, 0] as const },
  oddTags: {},
  obstacles: [],
  started: 0,
  updated: 0,
}

function configurationOf(record: VerificationRecord) {
  const current = { backends: [], migration: true, deletes: 'tombstone' as const }
  const found = conditionsOf(record, current).find(({ id }) => id === 'configuration')
  if (!found) throw new Error('there is no such condition')
  return found
}

it('groups the digits of large counts', () => {
  const tally = { ...NO_TALLY, compared: 40_000_000, equal: 39_998_799, missing: 1201 }
  const record: VerificationRecord = { ...OLD_RECORD, status: 'completed', tally }
  const current = { backends: [], migration: true, deletes: 'tombstone' as const }
  expect(conditionsOf(record, current).find(({ id }) => id === 'equal')).toMatchObject({
    seen: expect.stringContaining('Of 40,000,000 objects, 39,998,799 are equal, '),
    reasons: ['1,201 objects are missing from primary'],
  })
})

it('names everything that the fallbacks were compared with', () => {
  const tally = { ...NO_TALLY, compared: 3, missing: 1, damaged: 1 }
  const backend = (name: string, settings = {}) => ({ name, type: 'r2', read_only: false, ...settings })
  const backends = [backend('primary'), backend('large'), backend('legacy', { read_only: true })]
  const configuration = { backends, migration: true, deletes: 'tombstone' as const }
  const record: VerificationRecord = { ...OLD_RECORD, status: 'completed', tally, configuration }
  const conditions = (options: Partial<VerificationRecord['options']> = {}, fallbacks = ['legacy']) => {
    const compared = { ...record, fallbacks, options: { ...record.options, checkCopies: true, ...options } }
    return conditionsOf(compared, configuration).flatMap(({ seen, reasons }) => [seen, ...reasons])
  }
  expect(conditions()).toEqual(
    expect.arrayContaining([
      expect.stringContaining('All names of primary, large and legacy were listed'),
      '1 object is missing from primary, large',
      expect.stringContaining('The objects in primary, large were read'),
      'The chain is configured as it was compared: primary, large, legacy.',
    ]),
  )
  backends[2] = backend('mirror', { mirror: true })
  expect(conditions({ direction: 'rollback' }, ['mirror'])).toEqual(
    expect.arrayContaining([
      expect.stringContaining('All names of primary, large and mirror were listed'),
      '1 object is missing from mirror',
    ]),
  )
})

const GOOD: Evidence = {
  at: Date.now(),
  dependence: dependence(10),
  sources: sources(LONG_AGO),
  mirrors: [],
}

/** What a certificate says of three migrated objects. */
async function certified(evidence: Partial<Evidence>, options: Parameters<typeof verified>[1] = {}) {
  const { primary, legacy } = await migrated(3)
  const result = await verified([primary, legacy], {
    checkCopies: true,
    evidence: { ...GOOD, ...evidence },
    ...options,
  })
  const met = Object.fromEntries(result.conditions.map((condition) => [condition.id, condition.met]))
  const seen = Object.fromEntries(result.conditions.map((condition) => [condition.id, condition.seen]))
  return { ...result, met, seen }
}

const ALL_MET = {
  complete: true,
  equal: true,
  undamaged: true,
  left_out: true,
  backfills: true,
  configuration: true,
  dependence: true,
  shadow_reads: true,
  source_changes: true,
}

describe('the conditions of a certificate', () => {
  it('are all met if everything was looked at and nothing was found', async () => {
    const { met, safe_to_detach, conditions } = await certified({})
    expect(met).toEqual(ALL_MET)
    expect(safe_to_detach).toBe(true)
    expect(conditions.every(({ at, seen, next }) => at !== null && seen !== '' && next === null)).toBe(true)
  })

  it('never count as met if nothing has looked', async () => {
    const unseen = { unseen: 'nothing is bound' }
    const { met, seen, safe_to_detach, conditions } = await certified(
      { dependence: unseen, sources: unseen, mirrors: unseen },
      { checkCopies: false },
    )
    const unknown = {
      undamaged: null,
      dependence: null,
      shadow_reads: null,
      source_changes: null,
      mirrors: null,
    }
    expect(met).toEqual({ ...ALL_MET, ...unknown })
    for (const id of Object.keys(unknown)) expect(seen[id]).toMatch(/^Not looked at/)
    expect(conditions.filter(({ next }) => next === null)).toHaveLength(5)
    // As before there were such conditions: what was compared is safe.
    expect(safe_to_detach).toBe(true)
  })

  it.each<[string, Partial<Evidence>, Record<string, boolean | null>]>([
    ['a fallback was needed two days ago', { dependence: dependence(2) }, { dependence: false }],
    ['nothing was counted yet', { dependence: dependence(null) }, { dependence: null }],
    ['no read was compared', { dependence: dependence(10, { shadowed: 0 }) }, { shadow_reads: null }],
    [
      'a read differed before the comparison',
      { dependence: dependence(10, { mismatched: 1, lastMismatch: iso(LONG_AGO) }) },
      {},
    ],
    ['no source sends events', { sources: sources(null) }, { source_changes: null }],
    ['a conflict is older than the comparison', { sources: sources(LONG_AGO, LONG_AGO) }, {}],
    ['a mirror lags behind', { mirrors: [{ mirror: 'legacy', pending: 2, failed: 1 }] }, { mirrors: false }],
    [
      'the mirror has followed',
      { mirrors: [{ mirror: 'legacy', pending: 0, failed: 0 }] },
      { mirrors: true },
    ],
  ])('advise without preventing detaching if %s', async (_, evidence, expected) => {
    const result = await certified(evidence)
    expect(result.met).toEqual({ ...ALL_MET, ...expected })
    expect(result).toMatchObject({ safe_to_detach: true, reasons: [] })
  })

  it.each<[string, Partial<Evidence>, string, RegExp]>([
    [
      'a read differed after the comparison',
      { dependence: dependence(10, { mismatched: 1, lastMismatch: iso(LATER) }) },
      'shadow_reads',
      /^a copy was found to differ from its source at .* UTC, after it was compared$/,
    ],
    [
      'the source has changed after the comparison',
      { sources: sources(LATER) },
      'source_changes',
      /^legacy has changed since the last pass of the comparison began$/,
    ],
    [
      'a conflict was found after the comparison',
      { sources: sources(LONG_AGO, LATER) },
      'source_changes',
      /^a saved object was found to differ from its source/,
    ],
  ])('prevent detaching if %s', async (_, evidence, id, reason) => {
    const { met, reasons, safe_to_detach } = await certified(evidence)
    expect(met).toEqual({ ...ALL_MET, [id]: false })
    expect(safe_to_detach).toBe(false)
    expect(reasons).toEqual([expect.stringMatching(reason)])
  })

  it('prevent detaching, and the certificate is not current, once the chain has another configuration', async () => {
    const result = await certified({}, { reconfigured: true })
    expect(result.met).toMatchObject({ configuration: false })
    expect(result).toMatchObject({ safe_to_detach: false, certificate: { current: false } })
    expect(result.reasons).toEqual(['the chain has another configuration now than the one that was compared'])
  })

  it('prevent detaching if the chain had another configuration while it was compared', async () => {
    const { reasons } = await certified({}, { reconfigured: 'for a time' })
    expect(reasons).toEqual(['the chain had another configuration while it was compared'])
  })

  it('prevent detaching if an earlier version has compared, which did not store the configuration', () => {
    const record = { ...OLD_RECORD, status: 'completed' } as VerificationRecord
    const { met, reasons } = configurationOf(record)
    expect(met).toBe(false)
    expect(reasons).toEqual(['an earlier version of this software has compared, which checked less'])
    expect(configurationOf({ ...record, status: 'running' })).toMatchObject({ met: null, reasons: [] })
  })

  it('say how many bytes could not be checked', async () => {
    const { primary, legacy } = await migrated(3)
    for (const { info } of primary.objects.values()) delete info.digests
    const result = await verified([primary, legacy], { checkCopies: true, evidence: GOOD })
    expect(result).toMatchObject({ unrecorded: 3, safe_to_detach: true })
    expect(result.conditions.find(({ id }) => id === 'undamaged')).toMatchObject({
      met: null,
      seen: expect.stringContaining('3 objects without a recorded digest: their bytes were not checked.'),
    })
    const deep = await verified([primary, legacy], { deep: true, evidence: GOOD })
    expect(deep.conditions.find(({ id }) => id === 'undamaged')).toMatchObject({ met: true })
  })
})
