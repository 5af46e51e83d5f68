import pLimit from 'p-limit'
import type { Chain } from '../../chain/fallback.ts'
import { isListable } from '../../storage/backend.ts'
import { type StorageError, toStorageError } from '../../storage/errors.ts'
import { copyListed, copyNamed, type Outcome } from './copy-listed.ts'
import type { PageEntry, PageReport, PageStart } from './job-types.ts'

export interface PageWork {
  chain: Chain
  /** `null` for names of a manifest. */
  source: string | null
  names: readonly PageEntry[]
  start: PageStart
  /** From then on no copy is begun. */
  ends: number
}

/** Failures in a row after which the backend itself is checked. */
const FAILURES_IN_A_ROW = 5
/** These say that a backend is in trouble, not that something is wrong with one object. */
const TROUBLE = new Set(['unavailable', 'timeout', 'skipped', 'denied', 'interrupted'])
/** Another try would bring the same. */
const FINAL = new Set(['absent', 'denied', 'invalid', 'too-large', 'unsupported', 'unsatisfiable'])
/** The breaker was open: the backend was not called, so this was no try. */
const NOT_TRIED = 'skipped'
const MAX_DETAIL = 500

/** Copies the names of a page, as far as there is time and the source answers. */
export async function copyPage({ chain, source, names, start, ends }: PageWork): Promise<PageReport> {
  const { sources, copiedSince } = start
  const report: PageReport = { counts: {}, failures: [], left: [] }
  const failed: { entry: PageEntry; error: StorageError }[] = []
  let failuresInARow = 0
  /** Since the page was begun, the backend has listed a name. */
  let isWell = false

  /** A backend that cannot even list one name is down. */
  const check = async (name: string | null | undefined): Promise<void> => {
    const backend = chain.backends.find((candidate) => candidate.name === name)
    if (report.down || !backend || !isListable(backend)) return
    try {
      await backend.list({ limit: 1 })
      isWell = true
    } catch (error) {
      const { code, message } = toStorageError(error, backend.name)
      report.down = { backend: backend.name, error: code, detail: message }
    }
  }

  const copy = async (entry: PageEntry): Promise<void> => {
    try {
      const outcome =
        source === null
          ? await copyNamed(chain, sources, { name: entry[0], copiedSince })
          : await copyListed(chain, source, { entry, copiedSince })
      count(report, outcome)
      failuresInARow = 0
    } catch (thrown) {
      const error = toStorageError(thrown, source ?? 'chain', entry[0])
      failed.push({ entry, error })
      if (!TROUBLE.has(error.code) || ++failuresInARow < FAILURES_IN_A_ROW) return
      failuresInARow = 0
      await check(error.backend ?? source ?? sources[0])
    }
  }

  if (start.probe) await check(source ?? sources[0])
  const limit = pLimit(start.concurrency)
  const turn = createTurns(start.interval)
  const isOver = (): boolean => report.down !== undefined || Date.now() >= ends
  await Promise.all(
    names.map((entry) =>
      limit(async () => {
        if (isOver()) return report.left.push(entry)
        await turn()
        return report.down ? report.left.push(entry) : copy(entry)
      }),
    ),
  )
  // Before its names count as tried: is their backend well?
  const last = failed.at(-1)?.error
  if (last && TROUBLE.has(last.code) && !isWell) await check(last.backend ?? source)
  for (const { entry, error } of failed) {
    const mayPass = error.code === 'denied' || !FINAL.has(error.code)
    // Where the backend was well at first and then failed, these names may be why.
    const isItsFault = report.down !== undefined && !isWell && mayPass
    if (error.code === NOT_TRIED || isItsFault) report.left.push(entry)
    else report.failures.push(describe(entry, error))
  }
  return report
}

function count({ counts }: PageReport, { backend, bytes, ...outcome }: Outcome): void {
  const own = (counts[backend] ??= { copied: 0, present: 0, skipped: 0, bytes: 0 })
  own[outcome.what]++
  own.bytes += bytes
  if (outcome.what !== 'skipped') return
  const skips = (own.skips ??= {})
  skips[outcome.reason] = (skips[outcome.reason] ?? 0) + 1
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

/** Lets callers through one after the other, `interval` milliseconds apart, the first one too: pages follow each other. */
function createTurns(interval: number): () => Promise<void> {
  let last = Date.now()
  return async () => {
    if (interval <= 0) return
    const now = Date.now()
    last = Math.max(now, last + interval)
    if (last > now) await new Promise((resolve) => setTimeout(resolve, last - now))
  }
}
