import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { backfillLines } from '../../src/cli/commands/backfill-output.ts'
import type { Backfill, Estimate } from '../../src/client/client.ts'
import { createOutput } from '../../src/cli/output.ts'

const DATE = '2026-11-23T06:59:47.000Z'
const NOTHING = { listed: 0, copied: 0, present: 0, skipped: 0, skipped_by: {}, failed: 0, bytes: 0 }
const JOB: Backfill = {
  ...NOTHING,
  id: 'job',
  state: 'completed',
  rate: 0,
  bytes_rate: 0,
  total: null,
  eta: null,
  started: DATE,
  started_by: 'ci',
  updated: DATE,
  finished: DATE,
  prefix: '',
  dry_run: false,
  manifest: null,
  mirror: null,
  max_concurrency: 4,
  max_per_second: null,
  waiting: null,
  backends: { legacy: NOTHING },
}
const ESTIMATE: Estimate = {
  objects: 3,
  bytes: 80e12,
  objects_of_unknown_size: 0,
  operations: {},
  cost_usd: { r2_class_a: 0.01, egress: 6391, total: 6391.01 },
  egress_usd: 6391,
  egress_unknown: [],
  egress_prices: { legacy: 'Amazon S3' },
  storage_usd_per_month: 1200,
  prices: { date: '2026-11-23', sources: [] },
}

function linesOf(job: Partial<Backfill>): string[] {
  const stdout = new PassThrough({ encoding: 'utf8' })
  createOutput({}, { stdout, stderr: stdout }).print(...backfillLines({ ...JOB, ...job }))
  return String(stdout.read()).split('\n')
}

describe('the output for a backfill', () => {
  it('shows why names were skipped, if any were', () => {
    expect(linesOf({ skipped: 1201, skipped_by: { excluded: 1200, not_accepted: 1 } })).toContain(
      'skipped: 1,200 excluded, 1 not accepted',
    )
    expect(linesOf({}).join('\n')).not.toContain('skipped:')
  })

  it('shows the egress of a dry run, and whose prices were used', () => {
    const lines = linesOf({ dry_run: true, estimate: ESTIMATE })
    expect(lines).toContain('cost beyond what your plan includes, at prices of 2026-11-23: $6391.01')
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}egress +\$6391\.00$/))
    expect(lines).toContain('egress at prices of: legacy (Amazon S3)')
    expect(lines).toContain('plus $1200.00 a month for storage')
  })

  it('says so if the total excludes egress because it is unknown', () => {
    const estimate = {
      ...ESTIMATE,
      bytes: 0,
      objects_of_unknown_size: 3,
      cost_usd: { r2_class_a: 0.01, total: null },
      egress_usd: null,
      egress_unknown: ['legacy'],
      storage_usd_per_month: null,
    }
    const lines = linesOf({ dry_run: true, estimate })
    expect(lines).toContain('to copy: 3 objects, of unknown size')
    expect(lines).toContain(
      'cost beyond what your plan includes, at prices of 2026-11-23, without egress: $0.01',
    )
    expect(lines).toContainEqual(
      expect.stringMatching(/^egress is unknown for legacy and may cost more than/),
    )
    expect(lines.join('\n')).not.toContain('egress at prices of')
    const some = { ...estimate, bytes: 2000, objects_of_unknown_size: 1 }
    expect(linesOf({ dry_run: true, estimate: some })).toContain(
      'to copy: 3 objects, 2.0 KiB and 1 objects of unknown size',
    )
    expect(lines).toContain('plus storage, unknown because sizes are unknown')
  })
})
