import type { Claim, ClaimedPage, PageReport } from './job-types.ts'
import type { Ledger, PageRow } from './ledger.ts'
import { type BackfillRecord, isClosed, waitingAfter } from './record.ts'
import { HEARTBEAT_MS } from './work.ts'

/** What a job's own record and pages are reached through; all of it synchronous, so nothing comes between. */
export interface JobState {
  ledger: Ledger
  load(): BackfillRecord | undefined
  save(record: BackfillRecord): void
  now(): number
  /** One transaction. */
  atomically(work: () => void): void
}

/** A claim without a sign of life for so long is given to another consumer. */
export const LEASE_MS = 4 * HEARTBEAT_MS
/** Copies at the same time in one consumer: of its six connections one is left for reports. */
const CONCURRENCY = 5
/** Times that a name is tried before it counts as failed. */
export const MAX_TRIES = 3
const RETRY_MS = [2_000, 10_000]

/** How many consumers share the job's concurrency, and how many copies each makes at a time. */
export function shares(maxConcurrency: number): { consumers: number; each: number } {
  const each = Math.min(CONCURRENCY, maxConcurrency)
  return { consumers: Math.floor(maxConcurrency / each), each }
}

/** Gives pages to a consumer. What it may not have now waits to be sent again. */
export function claimPages(job: JobState, lease: string, pages: readonly number[]): Claim {
  const { ledger } = job
  const now = job.now()
  const record = job.load()
  if (!record) return { pages: [], concurrency: 1, interval: 0, probe: false, started: now, sources: [] }
  const { options, probe, started, waiting } = record
  const { consumers, each } = shares(options.maxConcurrency)
  ledger.putBackStale('claimed', now - LEASE_MS)
  const isFree = record.status === 'open' && (waiting?.until ?? 0) <= now && ledger.leases() < consumers
  const claimed: ClaimedPage[] = []
  job.atomically(() => {
    if (!isFree) return ledger.putBack(pages)
    for (const page of pages) {
      const row = ledger.page(page)
      if (row && row.state !== 'claimed') claimed.push(give(ledger, row, { lease, now }))
    }
  })
  const interval = options.maxPerSecond === undefined ? 0 : (1000 * consumers) / options.maxPerSecond
  return { pages: claimed, concurrency: each, interval, probe, started, sources: options.backends }
}

function give(ledger: Ledger, row: PageRow, { lease, now }: { lease: string; now: number }): ClaimedPage {
  ledger.claim(row.page, lease, now)
  const resumed = row.claims > 0
  return { page: row.page, resumed, ...(resumed && { names: ledger.names(row.page) }) }
}

/** Counts what a consumer did, once. `false` tells it to stop. */
export function takeReport(job: JobState, lease: string, page: number, report: PageReport): boolean {
  const { ledger } = job
  const now = job.now()
  let goOn = false
  job.atomically(() => {
    const record = job.load()
    if (!record) return
    const row = ledger.page(page)
    // Counted before, or given to another consumer meanwhile.
    if (row?.lease !== lease || report.seq <= row.seq) return
    countReport(record, ledger, { row, report, now })
    const isCancelled = record.status === 'cancelled'
    ledger.trim(page, isCancelled ? [] : report.remaining, report)
    ledger.touch(lease, now)
    if (report.down) {
      record.waiting = waitingAfter(record.waiting, report.down, now)
      record.probe = true
    } else if (report.ended && Object.keys(report.counts).length > 0) {
      record.probe = false
      delete record.waiting
    }
    record.updated = now
    job.save(record)
    goOn = record.status === 'open' && !report.down
  })
  return goOn
}

interface Counted {
  row: PageRow
  report: PageReport
  now: number
}

function countReport(record: BackfillRecord, ledger: Ledger, { row, report, now }: Counted): void {
  for (const [backend, counts] of Object.entries(report.counts)) {
    // Which backend has a name of a manifest is known only now.
    const listed = row.source === null ? counts.copied + counts.present + counts.skipped : 0
    ledger.count(backend, { ...counts, listed })
    ledger.count(null, counts)
  }
  const attempts = row.tries + 1
  const again = report.failures.filter(({ final }) => !final && attempts < MAX_TRIES && !isClosed(record))
  if (again.length > 0) {
    ledger.addPage({
      source: row.source,
      names: again.map(({ name, size }) => [name, size]),
      tries: attempts,
      due: now + (RETRY_MS[row.tries] ?? 0),
    })
  }
  const retried = new Set(again)
  for (const failure of report.failures) {
    if (retried.has(failure)) continue
    const backend = failure.backend || (row.source ?? record.options.backends[0] ?? 'chain')
    ledger.addFailure({ ...failure, backend, source: row.source, attempts })
    ledger.count(row.source ?? backend, { failed: 1, listed: row.source === null ? 1 : 0 })
    ledger.count(null, { failed: 1 })
  }
}
