import { waitAtMost } from '../storage/wait-at-most.ts'
import type { CopyEvent, RequestEvent } from './counts.ts'
import { bucketOf } from './latencies.ts'
import { describeError, log } from './log.ts'
import {
  addCounts,
  addPrefixReads,
  type Delta,
  countedPrefix,
  intervalAt,
  latestMismatches,
  latestReads,
  type Report,
} from './rings.ts'

export interface TallyOptions {
  /** Reports what was counted to the object that sums it. */
  send: (report: Report) => Promise<unknown>
  keepAlive: (work: Promise<unknown>) => void
  /** Runs the task after so many milliseconds, within the request that is served now. Default: it is not run. */
  later?: (ms: number, task: () => void) => void
  now?: () => number
}

/** What this isolate counts for the series, and reports once a minute. */
export type Tally = ReturnType<typeof createTally>

interface CopiedPage {
  /** By backend. */
  counts: Record<string, { copied: number; present: number; bytes: number }>
  failures: readonly unknown[]
}

/** A comparison of a copy with its source. */
export interface ShadowRead {
  backend: string
  name: string
  matched: boolean
  /** What differs. */
  detail: string
}

/** What is counted of a read. */
export type ReadEvent = Pick<RequestEvent, 'outcome' | 'backend' | 'name' | 'attempts'>

type MutableDelta = { -readonly [Key in keyof Delta]: Delta[Key] }

/** What a read counts as; others are no reads of an object. */
const COLUMNS: Partial<Record<RequestEvent['outcome'], 'reads' | 'edge' | 'absent' | 'failed'>> = {
  hit: 'reads',
  fallback: 'reads',
  edge: 'edge',
  absent: 'absent',
  failed: 'failed',
}

const REPORT_MS = 50_000
/** So that isolates that started together do not report together. */
const JITTER_MS = 10_000
/**
 * A read of a fallback, and a batch of copies, are shown sooner: the next one can be hours away. With each report that has
 * reads of fallbacks, the time to the next doubles, since all isolates report to one object.
 */
const SOON_MS = 5000
/** The longest that a request is kept alive for a report; then, others have just reported such reads. */
const LATER_MS = 20_000
/**
 * Shadow reads end after the report of the read itself, and no other read may follow in this isolate. So the first result
 * after this time is reported at once.
 */
const SHADOW_REPORT_MS = { matched: REPORT_MS, mismatched: SOON_MS }
/** A report that takes longer is not waited for. */
const PATIENCE_MS = 2000
/** While so many could not be reported, what follows is counted as one delta. */
const MAX_UNCONFIRMED = 60

export function createTally({ send, keepAlive, later, now = Date.now }: TallyOptions) {
  const isolate = crypto.randomUUID()
  let current = emptyDelta()
  /** Those that are not known to be counted, in order. */
  const unconfirmed: Delta[] = []
  /** How many are. */
  let confirmed = 0
  let reportedAt = 0
  let shadowReportedAt = 0
  let due = 0
  /** When a task will look whether a report is due. */
  let looksAt = 0
  let soonMs = SOON_MS
  let hasFallbackReads = false
  let latest: Promise<void> = Promise.resolve()

  const close = (): void => {
    if (current.at === 0 || unconfirmed.length >= MAX_UNCONFIRMED) return
    unconfirmed.push(current)
    current = emptyDelta()
  }
  /** The delta for what is counted now. */
  const open = (at = now()): MutableDelta => {
    if (intervalAt(at, 60) !== intervalAt(current.at, 60)) close()
    current.at = at
    return current
  }
  const hasUnconfirmed = (): boolean => current.at > 0 || unconfirmed.length > 0
  const report = (): void => {
    close()
    reportedAt = now()
    due = reportedAt + REPORT_MS + Math.random() * JITTER_MS
    soonMs = hasFallbackReads ? 2 * soonMs : SOON_MS
    hasFallbackReads = false
    latest = sendUnconfirmed()
    keepAlive(latest)
  }
  /** What could not be reported is reported again with the next, under the same numbers. */
  const sendUnconfirmed = async (): Promise<void> => {
    const first = confirmed + 1
    const deltas = [...unconfirmed]
    try {
      await send({ isolate, first, deltas })
      // A later report may have been faster.
      const more = Math.max(0, first - 1 + deltas.length - confirmed)
      unconfirmed.splice(0, more)
      confirmed += more
    } catch (error) {
      log('warn', 'series', { reason: describeError(error) })
    }
  }
  const reportIfDue = (at: number): void => {
    if (at >= due && hasUnconfirmed()) report()
  }
  /** No other read may follow in this isolate, so a task reports what this one must not lose. */
  const reportBy = (at: number, latestAt: number): void => {
    due = Math.min(due, latestAt)
    if (at >= due || at < looksAt || due - at > LATER_MS) return reportIfDue(at)
    looksAt = due
    later?.(due - at, () => reportIfDue(now()))
  }
  const addCopies = (outcome: CopyEvent['outcome'], copies: number, bytes = 0): void => {
    if (copies > 0) addCounts(open().counts, { [`copies//${outcome}`]: copies, 'copies//bytes': bytes })
  }
  const reportSoon = (): void => {
    due = Math.min(due, reportedAt + SOON_MS)
    reportIfDue(now())
  }

  return {
    /** A read of one object by a client. */
    addRead({ outcome, backend, name = '', attempts }: ReadEvent): void {
      const column = COLUMNS[outcome]
      if (column === undefined) return
      const at = now()
      const delta = open(at)
      const count = (key: string): void => {
        delta.counts[key] = (delta.counts[key] ?? 0) + 1
      }
      count(column === 'reads' ? `reads/${backend}/reads` : `reads//${column}`)
      for (const attempt of attempts) {
        if (attempt.outcome === 'skipped' || attempt.outcome === 'cancelled') continue
        const health = `health/${attempt.backend}/`
        count(`${health}attempts`)
        count(`${health}${bucketOf(attempt.duration)}`)
        if (attempt.outcome === 'error' || attempt.outcome === 'timeout') count(`${health}errors`)
      }
      if (outcome === 'fallback' && backend !== undefined) {
        delta.fallbackReads = latestReads([...delta.fallbackReads, { at, name, backend }])
        addPrefixReads(delta.prefixes, { [`${backend}/${countedPrefix(name)}`]: [1, at] })
        hasFallbackReads = true
        return reportBy(at, reportedAt + soonMs)
      }
      reportIfDue(at)
    },
    /** A copy that was compared with its source in the background. `backend` is the source. */
    addShadow({ backend, name, matched, detail }: ShadowRead): void {
      const at = now()
      const delta = open(at)
      const result = matched ? 'matched' : 'mismatched'
      addCounts(delta.counts, { [`shadow/${backend}/${result}`]: 1 })
      if (!matched) delta.mismatches = latestMismatches([{ at, name, backend, detail }, ...delta.mismatches])
      const earliest = shadowReportedAt + SHADOW_REPORT_MS[result]
      if (at < earliest) return matched ? reportIfDue(at) : reportBy(at, earliest)
      shadowReportedAt = at
      report()
    },
    addCopy: ({ outcome, bytes }: Pick<CopyEvent, 'outcome' | 'bytes'>): void => addCopies(outcome, 1, bytes),
    /** A page of a backfill. */
    addPage({ counts: sources, failures }: CopiedPage): void {
      addCopies('failed', failures.length)
      for (const { copied, present, bytes } of Object.values(sources)) {
        addCopies('copied', copied, bytes)
        addCopies('present', present)
      }
      reportSoon()
    },
    /** Reports at the end of a batch of copies, which no request may follow. */
    reportSoon,
    /** Reports everything, and waits until it is known; for a few seconds at most. */
    async settle(): Promise<void> {
      const reports = [latest]
      if (hasUnconfirmed()) {
        report()
        reports.push(latest)
      }
      await waitAtMost(PATIENCE_MS, Promise.all(reports))
    },
  }
}

function emptyDelta(): MutableDelta {
  return { at: 0, counts: {}, prefixes: {}, fallbackReads: [], mismatches: [] }
}
