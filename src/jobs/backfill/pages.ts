import { MAX_OPEN_REQUESTS } from '../../storage/map-limited.ts'
import { isClosed, waitAfter } from '../job-record.ts'
import type { BackfillRecord, Failure, PageReport, PageStart } from './job-types.ts'
import type { JobState, Page } from './store.ts'

/** How often a name is tried before it counts as failed. */
const MAX_TRIES = 3
const RETRY_MS = [2_000, 10_000]
/** Before a page is sent again of which nothing was tried, as while a breaker is open. */
const IDLE_MS = 10_000
/** Another try would fail the same way. */
const FINAL = new Set(['absent', 'denied', 'invalid', 'locked', 'too-large', 'unsupported', 'unsatisfiable'])
/** How many consumers may start a page and never report it, if it does not end in the dead-letter queue before. */
const MAX_BEGINS = 5

/** How many consumers share the job's concurrency, and how many copies each makes at a time. */
export function shares(maxConcurrency: number): { consumers: number; each: number } {
  const each = Math.min(MAX_OPEN_REQUESTS, maxConcurrency)
  return { consumers: Math.floor(maxConcurrency / each), each }
}

/** Whether pages may be listed, sent and copied now. */
export function isActive(record: BackfillRecord | undefined, now: number): record is BackfillRecord {
  return record?.status === 'open' && (record.waiting?.until ?? 0) <= now
}

/** Lets a consumer start a page; `null` if it was reported already, or has to be sent again later. */
export function beginPage({ store, load, now }: JobState, id: number): PageStart | null {
  const record = load()
  const page = record && store.page(id)
  if (!page) return null
  const { options, waiting, started } = record
  const { consumers, each } = shares(options.maxConcurrency)
  if (!isActive(record, now()) || store.pagesBegun(id) >= consumers) {
    store.putBack(id)
    return null
  }
  store.begin(id, now())
  return {
    concurrency: each,
    interval: options.maxPerSecond === undefined ? 0 : (1000 * consumers) / options.maxPerSecond,
    probe: waiting !== undefined,
    copiedSince: page.begins > 0 ? started : undefined,
    sources: options.backends,
    ...(options.mirror !== undefined && { mirror: options.mirror }),
  }
}

/** Counts what a consumer did with a page, the first time that it is reported. */
export function reportPage({ store, change, now }: JobState, id: number, report: PageReport): void {
  change((record) => {
    const page = store.page(id)
    if (!page) return false
    store.dropPage(id)
    const { source, tries, begins } = page
    const counted = Object.entries(report.counts)
    for (const [backend, counts] of counted) {
      const { copied, present, skipped } = counts
      // Which backend has a name of a manifest is known only now.
      store.count(backend, { ...counts, listed: source === null ? copied + present + skipped : 0 })
      store.count(null, counts)
    }
    const attempts = tries + 1
    const isOver = isClosed(record)
    if (report.left.length > 0 && !isOver)
      store.addPage({
        source,
        names: report.left,
        tries,
        due: counted.length + report.failures.length > 0 ? 0 : now() + IDLE_MS,
        // Some may have been stored all the same.
        begins: Number(begins > 1 || report.down !== undefined),
      })
    const { again = [], failed = [] } = Object.groupBy(report.failures, ({ error }) =>
      isOver || attempts >= MAX_TRIES || FINAL.has(error) ? 'failed' : 'again',
    )
    const names = again.map(({ name, size }) => [name, size] as const)
    if (names.length > 0)
      store.addPage({ source, names, tries: attempts, due: now() + (RETRY_MS[tries] ?? 0), begins: 1 })
    for (const failure of failed) addFailure(store, failure, { source, attempts })
    if (report.down) waitAfter(record, report.down, now())
    else if (counted.length > 0) delete record.waiting
  })
}

function addFailure(
  store: JobState['store'],
  failure: Failure,
  tried: { source: string | null; attempts: number },
): void {
  store.addFailure({ ...failure, ...tried })
  const isListed = tried.source !== null
  // Which backend a name of a manifest is counted with is known only now.
  store.count(tried.source ?? failure.backend, { failed: 1, listed: isListed ? 0 : 1 })
  store.count(null, { failed: 1 })
}

/** The page's message ended in the dead-letter queue: one of its names may crash every consumer that copies it. */
export function handleDeadPage({ store, change }: JobState, id: number, deliveries: number): void {
  change((record) => {
    const page = store.page(id)
    if (!page) return false
    if (isClosed(record)) store.dropPage(id)
    // No consumer started it, so something else was wrong.
    else if (page.begun === 0) store.putBack(id)
    else split(store, record, page, `its message was dead-lettered after ${deliveries} deliveries`)
  })
}

/** Puts back pages that were sent before that and are not reported, to be sent again. */
export function putBackUnreported({ store, change }: JobState, before: number, onlyBegun: boolean): void {
  change((record) => {
    const bad = store.putBackUnreported(before, onlyBegun).filter(({ begins }) => begins >= MAX_BEGINS)
    for (const page of bad)
      split(store, record, page, `${page.begins} consumers started its page without reporting it`)
    return bad.length === 0 ? false : undefined
  })
}

/** Sends the names of a page one by one; a page of one name is a failure. */
function split(store: JobState['store'], { options }: BackfillRecord, page: Page, why: string): void {
  const { source, names, tries, begins } = page
  store.dropPage(page.page)
  const [first] = names
  if (names.length > 1) for (const entry of names) store.addPage({ source, names: [entry], tries, begins: 1 })
  else if (first) {
    const [name, size] = first
    const backend = source ?? options.backends[0] ?? 'chain'
    const detail = `${why}: every consumer that copied it crashed or ran out of time`
    addFailure(store, { name, size, backend, error: 'timeout', detail }, { source, attempts: begins })
  }
}
