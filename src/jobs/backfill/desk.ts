import type { Claim, ClaimedPage, Failure, PageReport } from './job-types.ts'
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
const LEASE_MS = 4 * HEARTBEAT_MS
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
  putBackDead(job)
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

/** Consumers that die over one page before its names are tried one by one, and over one name before it is given up. */
const MAX_DEATHS = 3

/** Takes back what dead consumers had claimed. A name that kills whoever copies it ends as a failure, alone. */
export function putBackDead({ ledger, load, now, atomically }: JobState): void {
  atomically(() => {
    for (const { page, deaths } of ledger.putBackDead(now() - LEASE_MS)) {
      const row = ledger.page(page)
      const record = load()
      if (deaths < MAX_DEATHS || !row || !record) continue
      const names = ledger.names(page)
      ledger.forget(page)
      if (names.length > 1) {
        for (const entry of names) ledger.addPage({ source: row.source, names: [entry], tries: row.tries })
      } else {
        const [name, size] = names[0] ?? ['', null]
        const detail = `${deaths} consumers ended or ran out of time while they copied it`
        fail(record, ledger, {
          row,
          failure: { name, size, backend: '', error: 'timeout', detail },
          attempts: deaths,
        })
      }
    }
  })
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
    fail(record, ledger, { row, failure, attempts })
  }
}

function fail(
  { options }: BackfillRecord,
  ledger: Ledger,
  { row: { source }, failure, attempts }: { row: PageRow; failure: Failure; attempts: number },
): void {
  const backend = failure.backend || (source ?? options.backends[0] ?? 'chain')
  ledger.addFailure({ ...failure, backend, source, attempts })
  // Which backend a name of a manifest is counted with is known only now.
  ledger.count(source ?? backend, { failed: 1, listed: source === null ? 1 : 0 })
  ledger.count(null, { failed: 1 })
}
