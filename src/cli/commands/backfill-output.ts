import type { Backfill, Counters, Estimate } from '../../client/client.ts'
import { bytes, count, duration, type Lines, styled, type Table, type Text, time } from '../output.ts'
import type { Position } from '../progress.ts'

/** One job, as text. */
export function backfillLines(job: Backfill): Lines {
  const { id, prefix, waiting, estimate, dry_run: dryRun, skipped_by: skipped, failed } = job
  const seconds = (Date.parse(job.finished ?? job.updated) - Date.parse(job.started)) / 1000
  const backends = Object.entries(job.backends)
  const shown = backends.length > 1 ? backends : []
  const reasons = Object.entries(skipped).map(([reason, names]) => `${count(names)} ${label(reason)}`)
  return [
    [
      `${kindOf(job)} ${id}: `,
      stateOf(job),
      `, ${duration(seconds)}${dryRun ? '' : `, ${count(job.rate)} objects/s`}`,
    ],
    prefix !== '' && `prefix    ${prefix}`,
    { rows: [HEAD, ...shown.map(counters), counters(['all', job])], right: [1, 2, 3, 4, 5, 6] },
    reasons.length > 0 && `skipped: ${reasons.join(', ')}`,
    waiting &&
      `waiting for ${waiting.backend} until ${time(waiting.until)}: ${waiting.error}: ${waiting.detail}`,
    ...(estimate ? estimateLines(estimate) : []),
    failed > 0 && `see what failed and why: fallback-storage backfill failures ${id}`,
  ]
}

/** Several jobs, one line each. */
export function backfillTable(jobs: readonly Backfill[]): Table {
  const rows = jobs.map((job) => [
    job.id,
    time(job.started),
    job.dry_run || job.mirror ? `${job.state} (${kindOf(job)})` : job.state,
    ...counters(['', job]).slice(1),
  ])
  return { rows: [['job', 'started', 'state', ...HEAD.slice(1)], ...rows], right: [3, 4, 5, 6, 7, 8] }
}

function kindOf({ dry_run: isDryRun, mirror }: Backfill): string {
  if (mirror) return `resync of ${mirror}`
  return isDryRun ? 'dry run' : 'backfill'
}

const HEAD = ['', 'listed', 'copied', 'present', 'skipped', 'failed', 'bytes']

function counters([name, counted]: [string, Counters]): string[] {
  const { listed, copied, present, skipped, failed } = counted
  return [name, ...[listed, copied, present, skipped, failed].map(count), bytes(counted.bytes)]
}

function stateOf({ state }: Backfill): Text {
  if (state === 'completed') return styled('green', state)
  return state === 'completed_with_failures' ? styled('red', state) : styled('yellow', state)
}

function estimateLines(estimate: Estimate): Lines {
  const { objects, operations, cost_usd, prices, egress_unknown, egress_prices, storage_usd_per_month } =
    estimate
  const { total, ...costs } = cost_usd
  const known = Object.values(costs).reduce<number>((sum, cost) => sum + (cost ?? 0), 0)
  const priced = Object.entries(egress_prices)
    .filter(([backend]) => !egress_unknown.includes(backend))
    .map(([backend, source]) => `${backend} (${source})`)
  return [
    `to copy: ${count(objects)} objects, ${sizeOf(estimate)}`,
    { rows: Object.entries(operations).map(([key, value]) => [`  ${label(key)}`, count(value)]), right: [1] },
    `cost beyond what your plan includes, at prices of ${prices.date}${total === null ? ', without egress' : ''}: ${dollars(total ?? known)}`,
    { rows: Object.entries(costs).map(([key, value]) => [`  ${label(key)}`, dollars(value)]), right: [1] },
    priced.length > 0 && `egress at prices of: ${priced.join(', ')}`,
    // Egress may cost more than everything else, so a total without it must say so.
    egress_unknown.length > 0 && [
      styled('yellow', 'egress is unknown'),
      ` for ${egress_unknown.join(', ')} and may cost more than everything else: set egress_usd_per_gb for each; if sizes are unknown, only 0 helps`,
    ],
    storage_usd_per_month === null
      ? 'plus storage, unknown because sizes are unknown'
      : `plus ${dollars(storage_usd_per_month)} a month for storage`,
  ]
}

function dollars(amount: number | null | undefined): string {
  return `$${(amount ?? 0).toFixed(2)}`
}

function sizeOf({ objects, bytes: known, objects_of_unknown_size: unsized }: Estimate): string {
  if (unsized === 0) return bytes(known)
  return unsized === objects
    ? 'of unknown size'
    : `${bytes(known)} and ${count(unsized)} objects of unknown size`
}

/** `r2_class_a` as in Cloudflare's price list. */
function label(key: string): string {
  return key
    .replaceAll('_', ' ')
    .replace(/^r2 class ([ab])$/, (_, letter: string) => `R2 class ${letter.toUpperCase()}`)
}

/** Progress of a backfill. While it lists, the total is unknown, unless a dry run of the same names counted them. */
export function positionOf(job: Backfill, expected?: number): Position {
  const { listed, copied, present, skipped, failed, rate, total } = job
  if (job.dry_run) return { value: listed, note: 'listing' }
  const progress = { value: copied + present + skipped + failed, rate }
  const notes = job.bytes_rate > 0 ? [`${bytes(job.bytes_rate)}/s`] : []
  if (total?.exact) return { ...progress, total: total.objects, note: notes.join() }
  const soFar = `${count(listed)} listed so far`
  if (expected === undefined || expected < listed) return { ...progress, note: [...notes, soFar].join(', ') }
  return { ...progress, total: expected, note: [...notes, 'total from the dry run', soFar].join(', ') }
}

/** How many names the newest dry run of the same names counted. */
export function dryRunTotal(jobs: readonly Backfill[], id: string): number | undefined {
  const job = jobs.find((candidate) => candidate.id === id)
  if (!job || job.manifest !== null) return undefined
  return jobs.find(
    ({ dry_run: isDryRun, state, manifest, ...other }) =>
      isDryRun && state === 'completed' && manifest === null && scopeOf(other) === scopeOf(job),
  )?.listed
}

function scopeOf({ prefix, backends }: Pick<Backfill, 'prefix' | 'backends'>): string {
  return JSON.stringify([prefix, Object.keys(backends).toSorted()])
}
