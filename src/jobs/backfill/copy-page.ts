import type { Chain } from '../../chain/fallback.ts'
import type { Mirrors } from '../../mirrors/mirrors.ts'
import { isListable } from '../../storage/backend.ts'
import { type StorageError, toStorageError } from '../../storage/errors.ts'
import { mapLimited } from '../../storage/map-limited.ts'
import { failureOf } from '../job-record.ts'
import { createPace } from '../pace.ts'
import { copyEntry } from './copy-entry.ts'
import type { PageEntry, PageMessage, PageReport, PageStart } from './job-types.ts'
import { resyncName } from './resync.ts'
import { addOutcome, noCounts } from './store.ts'

interface PageWork extends Pick<PageMessage, 'source' | 'names'> {
  chain: Chain
  mirrors: Mirrors | null
  start: PageStart
  /** No copy is started after that. */
  ends: number
}

/** Failures in a row after which the backend itself is checked. */
const FAILURES_IN_A_ROW = 5
/** These say that something is wrong with a backend, not with one object. */
const BACKEND_ERRORS = new Set(['unavailable', 'timeout', 'skipped', 'denied', 'interrupted'])
/** Errors that waiting for the backend would not fix. */
const OF_THE_OBJECT = new Set(['absent', 'invalid', 'locked', 'too-large', 'unsupported', 'unsatisfiable'])
/** The breaker was open: the backend was not called, so this does not count as a try. */
const NOT_TRIED = 'skipped'
const MAX_DETAIL = 500

/** Copies the names of a page, as far as time allows and the source responds. */
export async function copyPage({
  chain,
  mirrors,
  source,
  names,
  start,
  ends,
}: PageWork): Promise<PageReport> {
  const report: PageReport = { counts: {}, failures: [], left: [] }
  const failed: { entry: PageEntry; error: StorageError }[] = []
  const first = source ?? start.sources[0] ?? 'chain'
  let failuresInARow = 0
  /** The backend has listed a name since the page was started. */
  let isHealthy = false

  /** A backend that cannot even list one name is down. */
  const check = async (name: string): Promise<void> => {
    const backend = chain.backends.find((candidate) => candidate.name === name)
    if (report.down || !backend || !isListable(backend)) return
    try {
      await backend.list({ limit: 1 })
      isHealthy = true
    } catch (error) {
      report.down = { ...failureOf(toStorageError(error, name)), backend: name }
    }
  }

  const copy = async (entry: PageEntry): Promise<void> => {
    try {
      const outcome = await (start.mirror === undefined
        ? copyEntry(chain, source, entry, start)
        : resyncName(mirrors, start.mirror, entry[0]))
      addOutcome((report.counts[outcome.backend] ??= noCounts()), outcome)
      failuresInARow = 0
    } catch (thrown) {
      const error = toStorageError(thrown, first)
      failed.push({ entry, error })
      if (!BACKEND_ERRORS.has(error.code) || ++failuresInARow < FAILURES_IN_A_ROW) return
      failuresInARow = 0
      await check(error.backend ?? first)
    }
  }

  if (start.probe) await check(first)
  // The first one waits, too: pages follow each other.
  const turn = createPace(start.interval, Date.now() + start.interval)
  const isOver = (): boolean => report.down !== undefined || Date.now() >= ends
  const copyInTurn = async (entry: PageEntry): Promise<unknown> => {
    if (isOver()) return report.left.push(entry)
    await turn()
    return report.down ? report.left.push(entry) : copy(entry)
  }
  await mapLimited(names, copyInTurn, start.concurrency)
  // Checked before failures are counted: does the backend still respond?
  const last = failed.at(-1)?.error
  if (last && BACKEND_ERRORS.has(last.code) && !isHealthy) await check(last.backend ?? first)
  for (const { entry, error } of failed) {
    // If the backend worked at first and then failed, these names may be the reason.
    const isItsFault = report.down !== undefined && !isHealthy && !OF_THE_OBJECT.has(error.code)
    if (error.code === NOT_TRIED || isItsFault) report.left.push(entry)
    else {
      const [name, size] = entry
      const { detail, ...failure } = failureOf(error, first)
      report.failures.push({ name, size, ...failure, detail: detail.slice(0, MAX_DETAIL) })
    }
  }
  return report
}
