import type { Backfill, Counters, Estimate } from '../../client/client.ts'
import { bytes, columns, count, duration, styled, type Text, time } from '../output.ts'

export function isOver({ state }: Backfill): boolean {
  return state === 'completed' || state === 'completed_with_failures' || state === 'cancelled'
}

/** One job, as text. */
export function backfillLines(job: Backfill): Text[] {
  const { id, waiting, estimate, dry_run: dryRun } = job
  const kind = dryRun ? 'dry run' : 'backfill'
  const seconds = (Date.parse(job.finished ?? job.updated) - Date.parse(job.started)) / 1000
  const backends = Object.entries(job.backends)
  return [
    [
      `${kind} ${id}: `,
      stateOf(job),
      `, ${duration(seconds)}${dryRun ? '' : `, ${count(job.rate)} objects/s`}`,
    ],
    ...(job.prefix === '' ? [] : [`prefix    ${job.prefix}`]),
    ...columns(
      [HEAD, ...(backends.length > 1 ? backends : []).map(counters), counters(['all', job])],
      [1, 2, 3, 4, 5, 6],
    ),
    ...skippedLines(job),
    ...(waiting
      ? [`waiting for ${waiting.backend} until ${time(waiting.until)}: ${waiting.error}: ${waiting.detail}`]
      : []),
    ...(estimate ? estimateLines(estimate) : []),
    ...(job.failed > 0 ? [`see what failed and why: fallback-storage backfill failures ${id}`] : []),
  ]
}

/** Several jobs, one line each. */
export function backfillTable(jobs: readonly Backfill[]): string[] {
  const rows = jobs.map((job) => [
    job.id,
    time(job.started),
    job.dry_run ? `${job.state} (dry run)` : job.state,
    ...counters(['', job]).slice(1),
  ])
  return columns([['job', 'started', 'state', ...HEAD.slice(1)], ...rows], [3, 4, 5, 6, 7, 8])
}

const HEAD = ['', 'listed', 'copied', 'present', 'skipped', 'failed', 'bytes']

function counters([name, counted]: [string, Counters]): string[] {
  const { listed, copied, present, skipped, failed } = counted
  return [name, ...[listed, copied, present, skipped, failed].map(count), bytes(counted.bytes)]
}

function skippedLines({ skipped_by: reasons }: Backfill): Text[] {
  const parts = Object.entries(reasons).map(([reason, names]) => `${count(names)} ${label(reason)}`)
  return parts.length === 0 ? [] : [`skipped: ${parts.join(', ')}`]
}

function stateOf({ state }: Backfill): Text {
  if (state === 'completed') return styled('green', state)
  return state === 'completed_with_failures' ? styled('red', state) : styled('yellow', state)
}

function estimateLines(estimate: Estimate): Text[] {
  const { objects, bytes: size, objects_of_unknown_size: unsized, operations, cost_usd, prices } = estimate
  const { total, ...costs } = cost_usd
  const known = Object.values(costs).reduce<number>((sum, cost) => sum + (cost ?? 0), 0)
  return [
    `to copy: ${count(objects)} objects, ${sizeOf(objects, size, unsized)}`,
    ...columns(
      Object.entries(operations).map(([key, value]) => [`  ${label(key)}`, count(value)]),
      [1],
    ),
    `cost beyond what your plan includes, at prices of ${prices.date}${total === null ? ', without egress' : ''}: $${(total ?? known).toFixed(2)}`,
    ...columns(
      Object.entries(costs).map(([key, value]) => [`  ${label(key)}`, `$${(value ?? 0).toFixed(2)}`]),
      [1],
    ),
    ...egressLines(estimate),
    estimate.storage_usd_per_month === null
      ? 'plus storage, unknown because sizes are unknown'
      : `plus $${estimate.storage_usd_per_month.toFixed(2)} a month for storage`,
  ]
}

function sizeOf(objects: number, size: number, unsized: number): string {
  if (unsized === 0) return bytes(size)
  return unsized === objects
    ? 'of unknown size'
    : `${bytes(size)} and ${count(unsized)} objects of unknown size`
}

/** Egress may cost more than everything else, so a total without it must say so. */
function egressLines({ egress_unknown: unknown, egress_prices: by }: Estimate): Text[] {
  const known = Object.entries(by).filter(([backend]) => !unknown.includes(backend))
  return [
    ...(known.length === 0
      ? []
      : [`egress at prices of: ${known.map(([backend, whose]) => `${backend} (${whose})`).join(', ')}`]),
    ...(unknown.length === 0
      ? []
      : [
          [
            styled('yellow', 'egress is unknown'),
            ` for ${unknown.join(', ')} and may cost more than everything else: set egress_usd_per_gb for each; if sizes are unknown, only 0 helps`,
          ],
        ]),
  ]
}

/** `r2_class_a` as in Cloudflare's price list. */
function label(key: string): string {
  return key
    .replaceAll('_', ' ')
    .replace(/^r2 class ([ab])$/, (_, letter: string) => `R2 class ${letter.toUpperCase()}`)
}

/** Progress of a backfill. While it lists, the total is unknown, unless a dry run of the same names counted them. */
export function positionOf(
  job: Backfill,
  expected?: number,
): { value: number; total?: number; note?: string } {
  const { listed, copied, present, skipped, failed } = job
  if (job.dry_run) return { value: listed, note: 'listing' }
  const value = copied + present + skipped + failed
  if (job.state === 'running') return { value, total: listed }
  const soFar = `${count(listed)} listed so far`
  if (expected === undefined || expected < listed) return { value, note: soFar }
  return { value, total: expected, note: `total from the dry run, ${soFar}` }
}

/** How many names the newest dry run of the same names counted. */
export function dryRunTotal(jobs: readonly Backfill[], id: string): number | undefined {
  const job = jobs.find((candidate) => candidate.id === id)
  if (!job || job.manifest !== null) return undefined
  const same = jobs.find(
    (other) =>
      other.dry_run &&
      other.state === 'completed' &&
      other.manifest === null &&
      scopeOf(other) === scopeOf(job),
  )
  return same?.listed
}

function scopeOf({ prefix, backends }: Backfill): string {
  return JSON.stringify([prefix, Object.keys(backends).toSorted()])
}
