import type { Chain } from '../../chain/fallback.ts'
import { describeError, log } from '../../observe/log.ts'
import { toStorageError } from '../../storage/errors.ts'
import type { Walk } from '../walk.ts'
import type { JobContext, JobState } from './context.ts'
import { copyPage } from './copy-page.ts'
import type { BackfillOptions, Failure, PageEntry, PageReport, PageStart } from './job-types.ts'
import { addNames, canList, listPages, openWalk, readManifest } from './list-pages.ts'
import { cutPages } from './listing.ts'
import type { ManifestLines } from './manifest.ts'
import { type BackfillJson, type BackfillRecord, createRate, isClosed, toJson, waitAfter } from './record.ts'
import { roomFor, sendPages } from './send-pages.ts'
import { createStore } from './store.ts'
import { beginPage, isActive, putBackUnreported, takeGivenUp, takeReport } from './take-report.ts'

export type Action = 'pause' | 'resume' | 'cancel' | 'retry_failed'

/** `conflict` says why the job, being what it is, cannot do that. */
export type ActionResult = { job: BackfillJson } | { conflict: string }

export interface FailurePage {
  failures: (Omit<Failure, 'size'> & { attempts: number })[]
  cursor: number | null
}

export type Backfill = ReturnType<typeof createBackfill>

/** Another key than that of earlier versions, whose jobs have other tables. */
const RECORD = 'backfill-2'
/** One alarm lists for so long; copies by the job itself take so long. */
const LISTING_MS = 3_000
const COPYING_MS = 10_000
const POLL_MS = 3_000
/** A client that sends a manifest and is silent for so long has left. */
const MANIFEST_SILENCE_MS = 600_000
const FAILURES_AT_ONCE = 1000

/**
 * One backfill: its record, counters and pages in SQLite, its work in alarms. What returns `null` does so where no such
 * job was created.
 */
export function createBackfill(context: JobContext) {
  const { storage, queue, now = Date.now } = context
  const started = now()
  const store = createStore(storage)
  const load = (): BackfillRecord | undefined => storage.kv.get<BackfillRecord>(RECORD)
  const save = (record: BackfillRecord): void => storage.kv.put(RECORD, record)
  const state: JobState = { store, load, save, now, atomically: (work) => storage.transactionSync(work) }
  const rate = createRate()
  const json = (record: BackfillRecord): BackfillJson =>
    toJson(record, store, { recent: (settled) => rate.of(settled, now()), egress: context.egress })
  let walk: Walk | undefined
  let isWoken = false

  const wake = (): void => {
    isWoken = true
    const record = load()
    if (record && !isClosed(record)) void storage.setAlarm(now())
  }

  const list = async (chain: Chain, record: BackfillRecord): Promise<void> => {
    const { manifest, backends } = record.options
    if (manifest?.from === 'object') return readManifest(state, chain, manifest.name, record.manifest)
    walk ??= openWalk(chain, record)
    if (!(await listPages(state, walk, chain, backends))) walk = undefined
  }

  const work = async (chain: Chain): Promise<void> => {
    const ends = now() + LISTING_MS
    do {
      if (queue) await sendPages(queue, state, started)
      const record = load()
      if (!record || !canList(state, record)) break
      await list(chain, record)
    } while (now() < ends)
    if (queue) await sendPages(queue, state, started)
    else await copyAlone(state, chain, started)
  }

  return {
    create(id: string, options: BackfillOptions): BackfillJson {
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
      store.create()
      save(record)
      wake()
      return json(record)
    },
    status(): BackfillJson | null {
      const record = load()
      return record ? json(record) : null
    },
    act(action: Action): ActionResult | null {
      const record = load()
      if (!record) return null
      const conflict = conflictOf(state, record, action)
      if (conflict !== undefined) return { conflict }
      apply(state, record, action)
      wake()
      return { job: json(record) }
    },
    failures(after: number, limit: number): FailurePage | null {
      if (!load()) return null
      const found = store.failures(after, limit + 1)
      const page = found.slice(0, limit)
      const failures = page.map(({ name, backend, error, detail, attempts }) => ({
        name,
        backend,
        error,
        detail,
        attempts,
      }))
      return { failures, cursor: found.length > limit ? (page.at(-1)?.id ?? null) : null }
    },
    addNames: (lines: ManifestLines): void => addNames(state, lines),
    /** The client's manifest is whole; or it broke off, which cancels the job. */
    endNames(whole: boolean): BackfillJson | null {
      const record = load()
      if (!record) return null
      if (!whole) apply(state, record, 'cancel')
      else save(Object.assign(record, { listed: true }))
      wake()
      return json(record)
    },
    beginPage: (page: number): PageStart | null => beginPage(state, page),
    reportPage(page: number, report: PageReport): void {
      takeReport(state, page, report)
      const record = load()
      // An alarm after each page would cost as much as all else that the job writes.
      if (record && roomFor(record, state) > 0) wake()
    },
    pageGivenUp(page: number, deliveries: number): void {
      takeGivenUp(state, page, deliveries)
      wake()
    },
    /** Lists, sends and ends what can be; sets the next alarm. */
    async onAlarm(): Promise<void> {
      isWoken = false
      const record = load()
      if (!record || isClosed(record)) return
      try {
        if (record.status === 'open') await work(context.chain())
      } catch (error) {
        walk = undefined
        waitFor(state, error)
      }
      endWhenDone(state)
      const next = isWoken ? now() : nextAlarm(state)
      if (next !== undefined) await storage.setAlarm(next)
    },
    /** Sets an alarm where the job is open: a restart may have lost the one that was set. */
    wake,
  }
}

/** Without a queue the job copies by itself. */
async function copyAlone(state: JobState, chain: Chain, started: number): Promise<void> {
  const { store, now } = state
  const ends = now() + COPYING_MS
  const deadline = Date.now() + COPYING_MS
  putBackUnreported(state, started, false)
  while (now() < ends) {
    const [next] = isActive(state.load(), now()) ? store.takeWaiting(1, now()) : []
    const start = next && beginPage(state, next.page)
    if (!next || !start) return
    const report = await copyPage({ ...next, chain, start, ends: deadline })
    takeReport(state, next.page, report)
  }
}

function waitFor({ load, save, now }: JobState, error: unknown): void {
  log('warn', 'backfill', { outcome: 'waiting', reason: describeError(error) })
  const record = load()
  if (record?.status !== 'open') return
  waitAfter(record, toStorageError(error, 'chain'), now())
  save(record)
}

function endWhenDone({ store, load, save, now }: JobState): void {
  const record = load()
  if (record?.status !== 'open') return
  const silence = now() - record.updated
  if (record.options.manifest?.from === 'client' && !record.listed && silence > MANIFEST_SILENCE_MS) {
    record.status = 'cancelled'
    store.dropPages()
  } else if (record.listed && store.pages() === 0) {
    record.status = store.counts(null).failed > 0 ? 'completed_with_failures' : 'completed'
    delete record.waiting
  } else return
  record.finished = now()
  record.updated = now()
  save(record)
}

/** When there is something to do next; `undefined` while only a person can change that. */
function nextAlarm(state: JobState): number | undefined {
  const { store, load, now } = state
  const record = load()
  if (record?.status !== 'open') return undefined
  const time = now()
  if (record.waiting && record.waiting.until > time) return record.waiting.until
  if (canList(state, record)) return time
  const due = store.nextDue()
  const canSend = due !== undefined && roomFor(record, state) > 0
  // What is in flight may be lost.
  if (!canSend || store.pagesInFlight() > 0)
    return Math.min(time + POLL_MS, canSend ? Math.max(due, time) : Infinity)
  return Math.max(due, time)
}

/** Why the job cannot do that now. */
function conflictOf({ store }: JobState, record: BackfillRecord, action: Action): string | undefined {
  const { status, options } = record
  if (action === 'retry_failed') {
    if (options.dryRun) return 'a dry run copies nothing, so nothing of it can be tried again'
    if (status === 'cancelled') return 'the job is cancelled; begin a new one'
    return store.counts(null).failed === 0 ? 'nothing has failed' : undefined
  }
  const isRepeated = action === 'cancel' && status === 'cancelled'
  return isClosed(record) && !isRepeated ? `the job is ${status}` : undefined
}

function apply(state: JobState, record: BackfillRecord, action: Action): void {
  const { store, save, now, atomically } = state
  atomically(() => {
    if (action === 'pause') record.status = 'paused'
    if (action === 'resume') record.status = 'open'
    if (action === 'cancel') {
      record.status = 'cancelled'
      record.finished ??= now()
      store.dropPages()
    }
    if (action === 'retry_failed') retryFailed(state, record)
    // An operator's action takes effect at once.
    delete record.waiting
    record.updated = now()
    save(record)
  })
}

function retryFailed({ store }: JobState, record: BackfillRecord): void {
  for (let after = 0; ;) {
    const failures = store.failures(after, FAILURES_AT_ONCE)
    const last = failures.at(-1)
    if (!last) break
    after = last.id
    // What can never be a name will not become one.
    const again = failures.filter(({ error }) => error !== 'invalid')
    for (const [source, own] of Map.groupBy(again, (failure) => failure.source)) {
      const names = own.map(({ name, size }): PageEntry => [name, size])
      for (const page of cutPages(names)) store.addPage({ source, names: page })
      store.count(null, { failed: -own.length })
      for (const { backend } of own)
        store.count(source ?? backend, { failed: -1, listed: source === null ? -1 : 0 })
    }
    for (const { id } of again) store.dropFailure(id)
  }
  if (record.status !== 'paused') record.status = 'open'
  delete record.finished
}
