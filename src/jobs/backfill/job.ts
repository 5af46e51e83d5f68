import type { JobContext } from './context.ts'
import { claimPages, type JobState, shares, takeReport } from './desk.ts'
import {
  type BackfillOptions,
  type Claim,
  type Failure,
  type PageEntry,
  type PageReport,
} from './job-types.ts'
import { createLedger } from './ledger.ts'
import { cutPages } from './listing.ts'
import type { ManifestLines } from './manifest.ts'
import { addNames } from './named.ts'
import { type BackfillJson, type BackfillRecord, createRate, isClosed, toJson } from './record.ts'
import { createTick } from './tick.ts'

export type Action = 'pause' | 'resume' | 'cancel' | 'retry_failed'

/** `conflict` says why the job, being what it is, cannot do that. */
export type ActionResult = { job: BackfillJson } | { conflict: string }

export interface ToldFailure extends Omit<Failure, 'size'> {
  attempts: number
}

/** One backfill: its record, counters and pages in SQLite, its work in alarms. */
export interface Backfill {
  create(id: string, options: BackfillOptions): BackfillJson
  /** `null` where no such job was created. */
  status(): BackfillJson | null
  act(action: Action): ActionResult | null
  failures(after: number, limit: number): { failures: ToldFailure[]; cursor: number | null }
  addNames(lines: ManifestLines): void
  /** The client's manifest is whole; or it broke off, which cancels the job. */
  endNames(whole: boolean): BackfillJson | null
  claim(lease: string, pages: readonly number[]): Claim
  report(lease: string, page: number, report: PageReport): boolean
  /** Lists, sends and finishes what can be; sets the next alarm. */
  tick(): Promise<void>
  /** Sets an alarm where the job is open: a restart may have lost the one that was set. */
  wake(): void
}

const RECORD = 'backfill'

export function createBackfill(context: JobContext): Backfill {
  const { storage, now = Date.now } = context
  const state: JobState = {
    ledger: createLedger(storage),
    load: () => storage.kv.get<BackfillRecord>(RECORD),
    save: (record) => storage.kv.put(RECORD, record),
    now,
    atomically: (work) => storage.transactionSync(work),
  }
  const rate = createRate()
  const json = (record: BackfillRecord): BackfillJson =>
    toJson(record, state.ledger, {
      recent: (settled) => rate.of(settled, now()),
      egress: context.egress,
    })
  const { tick, wake } = createTick(context, state)

  return {
    create(id, options) {
      const time = now()
      const record: BackfillRecord = {
        id,
        options,
        status: 'open',
        listed: false,
        found: { objects: 0, bytes: 0, ...(!options.manifest && { sources: {} }) },
        probe: false,
        started: time,
        updated: time,
      }
      state.ledger.create()
      state.save(record)
      wake()
      return json(record)
    },
    status() {
      const record = state.load()
      return record ? json(record) : null
    },
    act(action) {
      const record = state.load()
      if (!record) return null
      const conflict = apply(state, record, action)
      if (conflict !== undefined) return { conflict }
      wake()
      return { job: json(record) }
    },
    failures: (after, limit) => tellFailures(state, after, limit),
    addNames: (lines) => addNames(state, lines),
    endNames(whole) {
      const record = state.load()
      if (!record) return null
      if (whole) record.listed = true
      else apply(state, record, 'cancel')
      state.save(record)
      wake()
      return json(record)
    },
    claim: (lease, pages) => claimPages(state, lease, pages),
    report(lease, page, report) {
      const goOn = takeReport(state, lease, page, report)
      if (report.ended && isConsumerFree(state)) wake()
      return goOn
    },
    tick,
    wake,
  }
}

/** An alarm after each page would cost as much as all else that the job writes. */
function isConsumerFree({ ledger, load }: JobState): boolean {
  return ledger.leases() < shares(load()?.options.maxConcurrency ?? 1).consumers
}

/** Changes what the job is, or says why not. */
function apply(
  { ledger, save, now, atomically }: JobState,
  record: BackfillRecord,
  action: Action,
): string | undefined {
  const { status } = record
  if (action === 'retry_failed') {
    if (record.options.dryRun) return 'a dry run copies nothing, so nothing of it can be tried again'
    if (status === 'cancelled') return 'the job is cancelled; begin a new one'
    if (ledger.counts(null).failed === 0) return 'nothing has failed'
  } else if (isClosed(record) && !(action === 'cancel' && status === 'cancelled')) {
    return `the job is ${status}`
  }
  atomically(() => {
    if (action === 'pause') record.status = 'paused'
    if (action === 'resume') record.status = 'open'
    if (action === 'cancel') {
      record.status = 'cancelled'
      record.finished ??= now()
      ledger.dropPages()
    }
    if (action === 'retry_failed') retryFailed(ledger, record)
    // Whoever acts wants it to happen now.
    delete record.waiting
    record.updated = now()
    save(record)
  })
  return undefined
}

const FAILURES_AT_ONCE = 1000

function retryFailed(ledger: JobState['ledger'], record: BackfillRecord): void {
  for (let after = 0; ;) {
    const failures = ledger.failures(after, FAILURES_AT_ONCE)
    const last = failures.at(-1)
    if (!last) break
    after = last.id
    // What can never be a name will not become one.
    const again = failures.filter(({ error }) => error !== 'invalid')
    for (const [source, own] of Map.groupBy(again, (failure) => failure.source)) {
      const names = own.map(({ name, size }): PageEntry => [name, size])
      for (const page of cutPages(names)) ledger.addPage({ source, names: page })
      ledger.count(null, { failed: -own.length })
      for (const { backend } of own)
        ledger.count(source ?? backend, { failed: -1, listed: source === null ? -1 : 0 })
    }
    for (const { id } of again) ledger.dropFailure(id)
  }
  if (record.status !== 'paused') record.status = 'open'
  delete record.finished
}

function tellFailures({ ledger }: JobState, after: number, limit: number): ReturnType<Backfill['failures']> {
  const found = ledger.failures(after, limit + 1)
  const page = found.slice(0, limit)
  return {
    failures: page.map(({ name, backend, error, detail, attempts }) => ({
      name,
      backend,
      error,
      detail,
      attempts,
    })),
    cursor: found.length > limit ? (page.at(-1)?.id ?? null) : null,
  }
}
