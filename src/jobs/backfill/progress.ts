import type { StorageError } from '../../storage/errors.ts'
import type { Outcome } from './copy-listed.ts'
import type { PageEntry, PageReport } from './job-types.ts'

/** What became of one page's names, from one report to the next. */
export interface Progress {
  settle(entry: PageEntry, outcome: Outcome): void
  fail(entry: PageEntry, error: StorageError): void
  lastTrouble(codes: ReadonlySet<string>): StorageError | undefined
  /** What happened since the last report. Failures are told in the last one; with `down` those that may pass do not count. */
  report(ended: boolean, down: boolean): Omit<PageReport, 'down'>
}

/** Asking again would bring the same. */
const FINAL = new Set(['absent', 'denied', 'invalid', 'too-large', 'unsupported', 'unsatisfiable'])
/** Not asked, so not tried. */
const UNTRIED = 'skipped'
const MAX_DETAIL = 500

export function createProgress(names: readonly PageEntry[]): Progress {
  const open = new Set(names)
  const failed = new Map<PageEntry, StorageError>()
  let counts: PageReport['counts'] = {}
  let seq = 0
  let last: StorageError | undefined

  return {
    settle(entry, outcome) {
      open.delete(entry)
      const own = (counts[outcome.backend] ??= { copied: 0, present: 0, skipped: 0, bytes: 0 })
      own[outcome.what]++
      own.bytes += outcome.bytes
      if (outcome.what !== 'skipped') return
      const skips = (own.skips ??= {})
      skips[outcome.reason] = (skips[outcome.reason] ?? 0) + 1
    },
    fail(entry, error) {
      failed.set(entry, error)
      last = error
    },
    lastTrouble: (codes) => (last && codes.has(last.code) ? last : undefined),
    report(ended, down) {
      const told = counts
      counts = {}
      const failures: PageReport['failures'] = []
      if (ended) {
        for (const [entry, error] of failed) {
          const mayPass = error.code === 'denied' || !FINAL.has(error.code)
          if (error.code === UNTRIED || (down && mayPass)) continue
          open.delete(entry)
          failures.push(describe(entry, error))
        }
      }
      return { seq: ++seq, counts: told, failures, remaining: [...open], ended }
    },
  }
}

function describe([name, size]: PageEntry, error: StorageError): PageReport['failures'][number] {
  const { code, message, backend } = error.failures[0] ?? error
  return {
    name,
    size,
    backend: backend ?? '',
    error: code,
    detail: message.slice(0, MAX_DETAIL),
    final: FINAL.has(error.code),
  }
}
