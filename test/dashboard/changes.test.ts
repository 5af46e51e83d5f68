import { describe, expect, it } from 'vitest'
import type { Mirror, Verification } from '../../src/client/client.ts'
import { plannedRepairs } from '../../src/dashboard/views/migration/verifications.ts'
import { stateOf as mirrorState, troubleOf } from '../../src/dashboard/views/rollback/mirrors.ts'
import {
  describeLag,
  describeVersion,
  revalidatesAfter,
  stateOf,
} from '../../src/dashboard/views/sources/events.ts'
import { SILENT } from '../kit/silent-source.ts'

const NOW = Date.parse('2026-11-28T12:00:00.000Z')
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString()

const MIRROR: Mirror = {
  name: 'old',
  pending: 0,
  failed: 0,
  oldest_pending_seconds: null,
  last_resync: null,
  skipped: 0,
  failures: [],
}

describe('events of a source', () => {
  it.each([
    ['no events yet', {}],
    ['last handled 59 s ago', { accepted: 3, last_received: ago(60), last_handled: ago(59) }],
    ['last handled 1 h ago', { accepted: 3, last_received: ago(3601), last_handled: ago(3600) }],
    ['last handled 1 min ago', { accepted: 3, last_received: ago(60), last_handled: ago(90) }],
    [
      'last handled 1 h ago',
      { accepted: 3, last_received: ago(1), last_handled: ago(3600), waiting_since: ago(1) },
    ],
    ['none handled yet', { accepted: 1, last_received: ago(60), waiting_since: ago(60) }],
    ['waiting', { accepted: 3, last_received: ago(1), last_handled: ago(900), waiting_since: ago(300) }],
    ['waiting', { accepted: 3, last_received: ago(1), waiting_since: ago(300) }],
    ['all ignored', { ignored: 3, last_received: ago(60) }],
  ])('are %s', (word, change) => {
    expect(stateOf({ ...SILENT, ...change }, NOW).word).toBe(word)
  })

  it('say how soon copies followed, in tenths of a second where that matters', () => {
    const lag = { last: 1.402, max: 61.3, p50: 1.1, p95: 12.6 }
    expect(describeLag({ ...SILENT, lag_seconds: lag })).toBe(
      'median 1.1 s, 95 % within 13 s, the last one 1.4 s, the longest 1 min 1 s',
    )
    expect(describeLag(SILENT)).toBeNull()
  })
})

it('knows after how long a copy is compared when it is read', () => {
  const backend = { name: 'a', type: 's3', role: 'fallback' as const, writable: false, methods: [] }
  expect(revalidatesAfter({ ...backend, config: { revalidate_seconds: 3600 } })).toBe('1 h')
  expect(revalidatesAfter({ ...backend, config: {} })).toBeNull()
  expect(revalidatesAfter({ ...backend, config: null })).toBeNull()
})

it('describes a version by what is known of it', () => {
  expect(describeVersion({ etag: null, size: 4711, modified_time: null })).toBe('4.7 KB')
  expect(describeVersion({ etag: '"a"', size: null, modified_time: null })).toBe('size and time unknown')
})

describe('a mirror', () => {
  it.each([
    ['up to date', { last_resync: ago(60) }],
    ['nothing pending', {}],
    ['following', { pending: 2, oldest_pending_seconds: 4 }],
    ['behind for 5 min', { pending: 2, oldest_pending_seconds: 300 }],
    ['1 name failed', { pending: 2, failed: 1, oldest_pending_seconds: 4 }],
  ])('is %s', (word, change) => {
    expect(mirrorState({ ...MIRROR, ...change }).word).toBe(word)
  })

  it('that failed needs attention before one that is behind, and one that follows needs none', () => {
    const behind = { ...MIRROR, pending: 2, oldest_pending_seconds: 300 }
    const failed = { ...behind, failed: 2 }
    expect(troubleOf([MIRROR, behind, failed])?.word).toBe('2 names failed')
    expect(troubleOf([MIRROR, behind])?.word).toBe('behind for 5 min')
    expect(troubleOf([MIRROR, { ...MIRROR, pending: 1, oldest_pending_seconds: 1 }])).toBeUndefined()
  })

  it('is repaired by copies and deletes', () => {
    const found = { missing: 3, different: 2, changed: 1, damaged: 0, not_deleted: 4, extra: 9, equal: 5 }
    expect(plannedRepairs(found as Verification)).toEqual({ copy: 6, remove: 4 })
    expect(plannedRepairs({ ...found, not_deleted: undefined } as unknown as Verification).remove).toBe(0)
  })
})
