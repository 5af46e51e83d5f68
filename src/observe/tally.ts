import type { CopyEvent, RequestEvent } from './counts.ts'
import { bucketOf } from './latencies.ts'
import { describeError, log } from './log.ts'
import { addCounts, type Counts, type Delta, type FallbackRead, laterRead } from './rings.ts'

export interface TallyOptions {
  /** Reports what was counted to the object that sums it. */
  send: (delta: Delta) => Promise<unknown>
  keepAlive: (work: Promise<unknown>) => void
  now?: () => number
}

/** What this isolate counts for the series, and reports once a minute. */
export type Tally = ReturnType<typeof createTally>

interface CopiedPage {
  /** By backend. */
  counts: Record<string, { copied: number; present: number; bytes: number }>
  failures: readonly unknown[]
}

const REPORT_MS = 60_000
/** So that isolates that started together do not report together. */
const JITTER_MS = 10_000
/** A read of a fallback, and a batch of copies, are shown sooner: the next one can be hours away. */
const SOON_MS = 5000
/** A report that takes longer is not waited for. */
const PATIENCE_MS = 2000

export function createTally({ send, keepAlive, now = Date.now }: TallyOptions) {
  let counts: Counts = {}
  let fallbackRead: FallbackRead | undefined
  /** 0 if nothing is to be reported. */
  let countedAt = 0
  let reportedAt = 0
  let due = 0
  let latest: Promise<void> = Promise.resolve()

  const count = (key: string, by = 1): void => {
    counts[key] = (counts[key] ?? 0) + by
  }

  const report = (): void => {
    const delta = { at: countedAt, counts, fallbackRead }
    reportedAt = now()
    due = reportedAt + REPORT_MS + Math.random() * JITTER_MS
    counts = {}
    fallbackRead = undefined
    countedAt = 0
    latest = sendOrKeep(delta)
    keepAlive(latest)
  }
  /** What could not be reported is reported with the next: it grows no larger, as it consists of the same counters. */
  const sendOrKeep = async (delta: Delta): Promise<void> => {
    try {
      await send(delta)
    } catch (error) {
      log('warn', 'series', { reason: describeError(error) })
      addCounts(counts, delta.counts)
      fallbackRead = laterRead(fallbackRead, delta.fallbackRead)
      countedAt = Math.max(countedAt, delta.at)
    }
  }
  const reportIfDue = (at: number): void => {
    if (countedAt > 0 && at >= due) report()
  }
  const addCopies = (outcome: CopyEvent['outcome'], copies: number, bytes = 0): void => {
    if (copies === 0) return
    count(`copies//${outcome}`, copies)
    count('copies//bytes', bytes)
    countedAt = now()
  }
  const reportSoon = (): void => {
    due = Math.min(due, reportedAt + SOON_MS)
    reportIfDue(now())
  }

  return {
    /** A read of one object by a client. */
    addRead({ outcome, backend, name = '', attempts }: RequestEvent): void {
      if (outcome === 'hit' || outcome === 'fallback') count(`reads/${backend}/reads`)
      else if (outcome === 'edge' || outcome === 'absent' || outcome === 'failed') count(`reads//${outcome}`)
      else return
      for (const attempt of attempts) {
        if (attempt.outcome === 'skipped') continue
        const health = `health/${attempt.backend}/`
        count(`${health}attempts`)
        count(`${health}${bucketOf(attempt.duration)}`)
        if (attempt.outcome === 'error' || attempt.outcome === 'timeout') count(`${health}errors`)
      }
      const at = now()
      countedAt = at
      if (outcome === 'fallback' && backend !== undefined) {
        fallbackRead = { at, name, backend }
        due = Math.min(due, reportedAt + SOON_MS)
      }
      reportIfDue(at)
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
      if (countedAt > 0) {
        report()
        reports.push(latest)
      }
      const { promise: patience, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, PATIENCE_MS)
      await Promise.race([Promise.all(reports), patience])
      clearTimeout(timer)
    },
  }
}
