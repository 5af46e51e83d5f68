import type { JobState } from './context.ts'
import type { Failure, PageReport, PageStart } from './job-types.ts'
import { type BackfillRecord, isClosed, waitingAfter } from './record.ts'
import type { Page } from './store.ts'

/** Copies at the same time in one consumer: of its six connections one is left for the job. */
const CONCURRENCY = 5
/** Times that a name is tried before it counts as failed. */
const MAX_TRIES = 3
const RETRY_MS = [2_000, 10_000]
/** Consumers that may begin a page and never report it, where no dead-letter queue gives it up before. */
const MAX_LOSSES = 5

/** How many consumers share the job's concurrency, and how many copies each makes at a time. */
export function shares(maxConcurrency: number): { consumers: number; each: number } {
  const each = Math.min(CONCURRENCY, maxConcurrency)
  return { consumers: Math.floor(maxConcurrency / each), each }
}

/** Whether pages may be listed, sent and copied now. */
export function isActive(record: BackfillRecord | undefined, now: number): record is BackfillRecord {
  return record?.status === 'open' && (record.waiting?.until ?? 0) <= now
}

/** Lets a consumer begin a page; `null` where it was reported already, or is put back to be sent again later. */
export function beginPage({ store, load, now, atomically }: JobState, id: number): PageStart | null {
  let start: PageStart | null = null
  atomically(() => {
    const record = load()
    const page = record && store.page(id)
    if (!page) return
    const { options, probe, started } = record
    const { consumers, each } = shares(options.maxConcurrency)
    if (!isActive(record, now()) || store.pagesBegun(id) >= consumers) return store.putBack(id)
    store.begin(id, now())
    start = {
      concurrency: each,
      interval: options.maxPerSecond === undefined ? 0 : (1000 * consumers) / options.maxPerSecond,
      probe,
      copiedSince: page.begins > 0 ? started : undefined,
      sources: options.backends,
    }
  })
  return start
}

/** Counts what a consumer did with a page, the first time that it is reported. */
export function takeReport(
  { store, load, save, now, atomically }: JobState,
  id: number,
  report: PageReport,
): void {
  atomically(() => {
    const record = load()
    const page = record && store.page(id)
    if (!page) return
    store.dropPage(id)
    const { source, tries } = page
    for (const [backend, counts] of Object.entries(report.counts)) {
      // Which backend has a name of a manifest is known only now.
      const listed = source === null ? counts.copied + counts.present + counts.skipped : 0
      store.count(backend, { ...counts, listed })
      store.count(null, counts)
    }
    if (report.left.length > 0 && !isClosed(record)) store.addPage({ source, names: report.left, tries })
    takeFailures({ store, now }, record, page, report.failures)
    if (report.down) {
      record.waiting = waitingAfter(record.waiting, report.down, now())
      record.probe = true
    } else if (Object.keys(report.counts).length > 0) {
      record.probe = false
      delete record.waiting
    }
    record.updated = now()
    save(record)
  })
}

function takeFailures(
  { store, now }: Pick<JobState, 'store' | 'now'>,
  record: BackfillRecord,
  { source, tries }: Page,
  failures: PageReport['failures'],
): void {
  const attempts = tries + 1
  const isTriedAgain = ({ final }: { final: boolean }): boolean =>
    !final && attempts < MAX_TRIES && !isClosed(record)
  const again = failures.filter(isTriedAgain)
  if (again.length > 0)
    store.addPage({
      source,
      names: again.map(({ name, size }) => [name, size]),
      tries: attempts,
      due: now() + (RETRY_MS[tries] ?? 0),
    })
  for (const failure of failures)
    if (!isTriedAgain(failure)) addFailure(store, record, { ...failure, source, attempts })
}

function addFailure(
  store: JobState['store'],
  { options }: BackfillRecord,
  failure: Failure & { source: string | null; attempts: number },
): void {
  const { source } = failure
  const backend = failure.backend || (source ?? options.backends[0] ?? 'chain')
  store.addFailure({ ...failure, backend })
  // Which backend a name of a manifest is counted with is known only now.
  store.count(source ?? backend, { failed: 1, listed: source === null ? 1 : 0 })
  store.count(null, { failed: 1 })
}

/** The queue gave up a page's message: one of its names may kill every consumer that copies it. */
export function takeGivenUp(state: JobState, id: number, deliveries: number): void {
  const { store, load, save, now, atomically } = state
  atomically(() => {
    const record = load()
    const page = record && store.page(id)
    if (!page) return
    if (isClosed(record)) store.dropPage(id)
    // Its turn never came, so something else was wrong.
    else if (page.begins === 0) store.putBack(id)
    else split(state, record, page, `the queue gave its message up after ${deliveries} deliveries`)
    record.updated = now()
    save(record)
  })
}

/** Puts pages back that were sent before that and not reported, to be sent again. */
export function putBackUnreported(state: JobState, before: number, onlyBegun: boolean): void {
  const { store, load, atomically } = state
  atomically(() => {
    const record = load()
    for (const page of store.putBackUnreported(before, onlyBegun))
      if (record && page.losses >= MAX_LOSSES)
        split(state, record, page, `${page.losses} consumers began its page without reporting it`)
  })
}

/** Sends the names of a page one by one; a page of one name is a failure. */
function split({ store }: JobState, record: BackfillRecord, page: Page, why: string): void {
  const { source, names, tries, begins } = page
  store.dropPage(page.page)
  const [first] = names
  if (names.length > 1) for (const entry of names) store.addPage({ source, names: [entry], tries, begins: 1 })
  else if (first) {
    const [name, size] = first
    const detail = `${why}: every consumer that copied it crashed or ran out of time`
    addFailure(store, record, { name, size, backend: '', error: 'timeout', detail, source, attempts: begins })
  }
}
