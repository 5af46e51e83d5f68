import type { Chain } from '../../chain/fallback.ts'
import type {
  Backfill as BackfillJson,
  BackfillSeries,
  FailureCounts,
  FailurePage,
} from '../../schemas/job-answers.ts'
import type { ErrorCode } from '../../storage/errors.ts'
import { Job } from '../job.ts'
import { cursorOf, isClosed } from '../job-record.ts'
import { UNLISTABLE } from './classify.ts'
import { copyPage } from './copy-page.ts'
import type { BackfillOptions, BackfillRecord, PageEntry, PageReport, PageStart } from './job-types.ts'
import { addNames, addPages, canList, listPages, openManifest, openWalk, takeNames } from './list-pages.ts'
import type { ManifestLines } from './manifest.ts'
import type { ManifestSlice } from './read-manifest.ts'
import { beginPage, handleDeadPage, isActive, putBackUnreported, reportPage } from './pages.ts'
import { recordProgress, restartRates, secondOf } from './progress.ts'
import { toJson } from './record.ts'
import { type PageQueue, roomFor, sendPages } from './send-pages.ts'
import { createSeries, type Series, SERIES_SCHEMA } from './series.ts'
import { createStore, type JobState, SCHEMA } from './store.ts'

export type Action = 'pause' | 'resume' | 'cancel' | 'retry_failed'

/** `conflict` says why the job cannot do that in its state. */
export type ActionResult = { job: BackfillJson } | { conflict: string }

/** `key` differs from that of earlier versions, whose jobs have other tables. */
const SETTINGS = { kind: 'backfill', key: 'backfill-2', schema: SCHEMA + SERIES_SCHEMA } as const
/** One alarm lists for so long; without a queue, it copies for so long. */
const LISTING_MS = 3_000
const COPYING_MS = 10_000
const POLL_MS = 3_000
/** A client that was sending a manifest and has been silent for so long is gone. */
const MANIFEST_SILENCE_MS = 600_000
const FAILURES_AT_ONCE = 1000

/** One backfill: its record, counters and pages are in SQLite. Methods return `null` if no such job was created. */
export abstract class Backfill extends Job<BackfillRecord, BackfillJson> {
  readonly #state: JobState
  readonly #started = this.now()
  readonly #series: Series
  /** The open manifest; it is opened again, where the record says, after a restart or a failure. */
  #manifest: AsyncGenerator<ManifestSlice> | undefined
  #maySend = true

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env, SETTINGS)
    const store = createStore(ctx.storage)
    this.#series = createSeries(ctx.storage)
    this.#state = { ...recordProgress(this.saved, store, this.#series), store }
  }

  create(id: string, options: BackfillOptions, startedBy?: string): BackfillJson {
    const now = this.now()
    return this.begin({
      id,
      options,
      status: 'open',
      listed: false,
      found: { objects: 0, bytes: 0, ...(!options.manifest && { sources: {} }) },
      started: now,
      updated: now,
      samples: [{ at: now, settled: 0, bytes: 0 }],
      ...(startedBy !== undefined && { startedBy }),
    })
  }

  act(action: Action): ActionResult | null {
    const record = this.saved.load()
    if (!record) return null
    const conflict = conflictOf(this.#state, record, action)
    if (conflict !== undefined) return { conflict }
    apply(this.#state, action)
    this.#closeManifest()
    this.wake()
    const job = this.status()
    return job && { job }
  }

  /** Of all errors, or of one. */
  failures(after: number, limit: number, error?: ErrorCode): FailurePage | null {
    if (!this.saved.load()) return null
    const rows = this.#state.store.failures(after, limit + 1, error)
    const failures = rows
      .slice(0, limit)
      .map(({ name, backend, error, detail, attempts }) => ({ name, backend, error, detail, attempts }))
    return { failures, cursor: cursorOf(rows, limit) }
  }

  failureCounts(): FailureCounts | null {
    return this.saved.load() ? { by: 'error', failures: this.#state.store.failureCounts() } : null
  }

  series(): BackfillSeries | null {
    const record = this.saved.load()
    if (!record) return null
    const second = secondOf(record, record.finished ?? this.now())
    return this.#series.read(Math.floor(record.started / 1000), second)
  }

  addNames(lines: ManifestLines): void {
    addNames(this.#state, lines)
  }

  /** The client has sent all of the manifest. */
  endNames(): BackfillJson | null {
    this.saved.change((record) => void (record.listed = true))
    this.wake()
    return this.status()
  }

  beginPage(page: number): PageStart | null {
    return beginPage(this.#state, page)
  }

  reportPage(page: number, report: PageReport): void {
    reportPage(this.#state, page, report)
    const record = this.saved.load()
    // An alarm after each page would cost as much as everything else that the job writes.
    if (record && roomFor(record, this.#state) > 0) this.wake()
  }

  /** The page's message ended in the dead-letter queue. */
  handleDeadPage(page: number, deliveries: number): void {
    handleDeadPage(this.#state, page, deliveries)
    this.wake()
  }

  /** Without a queue the job copies by itself. */
  protected queue(): PageQueue | undefined {
    return (this.env as { COPY_QUEUE?: Queue }).COPY_QUEUE
  }

  protected override toJson(record: BackfillRecord): BackfillJson {
    return toJson(record, this.#state.store, {
      now: this.now(),
      backends: () => this.deployment().config.backends,
    })
  }

  protected override async work(): Promise<void> {
    const { copyChain: chain } = this.deployment()
    const queue = this.queue()
    const ends = this.now() + LISTING_MS
    do {
      if (queue) await sendPages(queue, this.#state, this.#started)
      const record = this.saved.load()
      if (!record || !canList(this.#state, record)) break
      await this.#list(chain, record)
    } while (this.now() < ends)
    if (queue) this.#maySend = await sendPages(queue, this.#state, this.#started)
    else await this.#copy(chain)
    await this.#recordResync()
  }

  /** A resync of all names that has met no failure is recorded before it ends, so that it cannot be lost. */
  async #recordResync(): Promise<void> {
    const record = this.saved.load()
    if (!record || !isDone(this.#state, record) || record.options.mirror === undefined) return
    const { mirror, prefix } = record.options
    const isWhole = prefix === '' && this.#state.store.counters(null).failed === 0
    if (isWhole) await this.deployment().mirrors?.log().resynced(mirror, this.now())
    this.#state.change((current) => void (current.recorded = true))
  }

  async #list(chain: Chain, record: BackfillRecord): Promise<void> {
    const { manifest } = record.options
    if (manifest?.from === 'object') {
      const slices = (this.#manifest ??= openManifest(this.deployment(), manifest, record))
      return takeNames(this.#state, manifest, slices).catch((error: unknown) => {
        this.#closeManifest()
        throw error
      })
    }
    this.walk ??= openWalk(chain, record)
    return listPages(this.#state, this.walk, chain, record.options)
  }

  /** So that its connection ends. What was read and not saved is read again. */
  #closeManifest(): void {
    void this.#manifest?.return(undefined)
    this.#manifest = undefined
  }

  async #copy(chain: Chain): Promise<void> {
    const ends = this.now() + COPYING_MS
    const deadline = Date.now() + COPYING_MS
    putBackUnreported(this.#state, this.#started, false)
    while (this.now() < ends) {
      const isReady = isActive(this.saved.load(), this.now())
      const [next] = isReady ? this.#state.store.takeWaiting(1, this.now()) : []
      const start = next && beginPage(this.#state, next.page)
      if (!next || !start) return
      const report = await copyPage({
        ...next,
        chain,
        mirrors: this.deployment().mirrors,
        start,
        ends: deadline,
      })
      this.deployment().series?.tally.addPage(report)
      reportPage(this.#state, next.page, report)
    }
  }

  protected override nextAlarm(): number | undefined {
    endIfDone(this.#state)
    return nextAlarm(this.#state, this.#maySend)
  }
}

function isDone({ store }: JobState, { status, listed }: BackfillRecord): boolean {
  return status === 'open' && listed && store.pages() === 0
}

function endIfDone(state: JobState): void {
  const { store, load, change, now } = state
  const record = load()
  if (record?.status !== 'open') return
  const { options, listed, updated } = record
  // Recorded by the next alarm.
  if (options.mirror !== undefined && !record.recorded) return
  const isAbandoned = options.manifest?.from === 'client' && !listed && now() - updated > MANIFEST_SILENCE_MS
  if (!isAbandoned && !isDone(state, record)) return
  change((ended) => {
    const hasFailed = store.counters(null).failed > 0
    ended.status = isAbandoned ? 'cancelled' : hasFailed ? 'completed_with_failures' : 'completed'
    ended.finished = now()
    delete ended.waiting
    store.dropPages()
  })
}

function nextAlarm(state: JobState, maySend: boolean): number | undefined {
  const { store, load, now } = state
  const record = load()
  if (record?.status !== 'open') return undefined
  const time = now()
  if (record.waiting && record.waiting.until > time) return record.waiting.until
  if (canList(state, record) || isDone(state, record)) return time
  const due = store.nextDue()
  const sendsAt = due !== undefined && maySend && roomFor(record, state) > 0 ? Math.max(due, time) : Infinity
  // Pages in flight may be lost.
  const pollsAt = sendsAt === Infinity || store.pagesInFlight() > 0 ? time + POLL_MS : Infinity
  return Math.min(sendsAt, pollsAt)
}

/** Why the job cannot do that now. */
function conflictOf({ store }: JobState, record: BackfillRecord, action: Action): string | undefined {
  const { status, options } = record
  if (action === 'retry_failed') {
    if (options.dryRun) return 'a dry run copies nothing, so there is nothing to retry'
    if (status === 'cancelled') return 'the job is cancelled; start a new one'
    return store.counters(null).failed === 0 ? 'nothing has failed' : undefined
  }
  const isRepeated = action === 'cancel' && status === 'cancelled'
  return isClosed(record) && !isRepeated ? `the job is ${status}` : undefined
}

function apply(state: JobState, action: Action): void {
  const { store, change, now } = state
  change((record) => {
    if (action === 'pause') record.status = 'paused'
    if (action === 'resume') record.status = 'open'
    if (action === 'cancel') {
      record.status = 'cancelled'
      record.finished ??= now()
      store.dropPages()
    }
    if (action === 'retry_failed') retryFailed(store, record)
    // What an operator does takes effect at once.
    delete record.waiting
    restartRates(record, store, now())
  })
}

function retryFailed(store: JobState['store'], record: BackfillRecord): void {
  for (let after = 0; ;) {
    const failures = store.failures(after, FAILURES_AT_ONCE)
    const last = failures.at(-1)
    if (!last) break
    after = last.id
    // An invalid name stays invalid, and what is not an object is listed by a new job only.
    const again = failures.filter(({ error, detail }) => error !== 'invalid' && detail !== UNLISTABLE)
    for (const [source, own] of Map.groupBy(again, (failure) => failure.source)) {
      addPages(
        store,
        source,
        own.map(({ name, size }): PageEntry => [name, size]),
      )
      store.count(null, { failed: -own.length })
      for (const { backend } of own)
        store.count(source ?? backend, { failed: -1, listed: source === null ? -1 : 0 })
    }
    for (const { id } of again) store.dropFailure(id)
  }
  if (record.status !== 'paused') record.status = 'open'
  delete record.finished
  delete record.recorded
}
