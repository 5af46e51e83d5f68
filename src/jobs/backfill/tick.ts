import { describeError, log } from '../../observe/log.ts'
import { isListable, type ListableBackend } from '../../storage/backend.ts'
import { StorageError, toStorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import { createWalk, type Walk } from '../walk.ts'
import { claimPages, type JobState, putBackDead, shares, takeReport } from './desk.ts'
import type { JobContext } from './context.ts'
import { cutPages, type Listed, listSome } from './listing.ts'
import { readManifest } from './named.ts'
import { addFound, type BackfillRecord, isClosed, waitingAfter } from './record.ts'
import { sendPages } from './send.ts'
import { workPages } from './work.ts'

/** One alarm lists for so long; copies by the job itself take so long. */
const LISTING_MS = 3_000
const WORKING_MS = 10_000
/** A lister this far ahead of the copies waits for them. */
const PAGES_AHEAD = 100
const POLL_MS = 3_000
/** A client that sends a manifest and is silent for so long has left. */
const MANIFEST_SILENCE_MS = 600_000

/** A job's work, one alarm at a time. */
export function createTick(
  context: JobContext,
  state: JobState,
): { tick: () => Promise<void>; wake: () => void } {
  let walk: Walk | undefined
  let isWoken = false

  const wake = (): void => {
    isWoken = true
    const record = state.load()
    if (record && !isClosed(record)) void context.storage.setAlarm(state.now())
  }

  const work = async (chain: Chain): Promise<void> => {
    putBackDead(state)
    const ends = state.now() + LISTING_MS
    do {
      if (context.queue) await sendPages(context.queue, state)
      const record = state.load()
      if (!record || !canList(state, record)) break
      if (record.options.manifest) await readManifest(state, chain, record)
      else {
        walk ??= openWalk(chain, record)
        const listed = await listSome(walk, chain, new Set(record.options.backends))
        if (listed.error) walk = keepListed(state, walk, listed)
        else keepListed(state, walk, listed)
      }
    } while (state.now() < ends)
    if (context.queue) await sendPages(context.queue, state)
    else await workAlone(state, chain)
  }

  return {
    wake,
    async tick() {
      isWoken = false
      const record = state.load()
      if (!record || isClosed(record)) return
      try {
        if (record.status === 'open') await work(context.chain())
      } catch (error) {
        walk = undefined
        hold(state, error)
      }
      finish(state)
      const next = isWoken ? state.now() : nextAlarm(context, state)
      if (next !== undefined) await context.storage.setAlarm(next)
    },
  }
}

function canList({ ledger, now }: JobState, record: BackfillRecord): boolean {
  const { status, listed, waiting, options } = record
  if (status !== 'open' || listed || (waiting && waiting.until > now())) return false
  if (options.manifest?.from === 'client') return false
  return ledger.pages() < Math.max(PAGES_AHEAD, 20 * shares(options.maxConcurrency).consumers)
}

/** All that may hold a name before or at the last source: what is not chosen may shadow what is. */
function openWalk(chain: Chain, { options, position }: BackfillRecord): Walk {
  const missing = options.backends.find((name) => !chain.backends.some((backend) => backend.name === name))
  if (missing !== undefined)
    throw new StorageError('unsupported', 'is not configured any more', { backend: missing })
  const last = chain.backends.findLastIndex(({ name }) => options.backends.includes(name))
  const backends: ListableBackend[] = chain.backends.slice(0, last + 1).filter(isListable)
  return createWalk(backends, options.prefix, position)
}

/** Writes down what was listed. Where a listing failed the walk begins anew from here, later. */
function keepListed(state: JobState, walk: Walk, listed: Listed): undefined {
  const { ledger, atomically, load, save, now } = state
  atomically(() => {
    const record = load()
    if (!record || isClosed(record)) return
    const { dryRun } = record.options
    for (const [backend, counts] of listed.counts) {
      ledger.count(backend, counts)
      ledger.count(null, counts)
    }
    for (const [source, names] of listed.copies) {
      addFound(record, source, names)
      if (!dryRun) for (const page of cutPages(names)) ledger.addPage({ source, names: page })
    }
    for (const failure of listed.failures)
      ledger.addFailure({ ...failure, source: failure.backend, attempts: 0 })
    record.position = walk.position()
    record.listed = listed.ended
    record.updated = now()
    if (listed.error) wait(record, listed.error, now())
    else delete record.waiting
    save(record)
  })
}

/** Without a queue the job is its own consumer. */
async function workAlone(state: JobState, chain: Chain): Promise<void> {
  const { ledger, now } = state
  const ends = now() + WORKING_MS
  while (now() < ends) {
    const taken = ledger.takeWaiting(4, now())
    if (taken.length === 0) return
    const lease = crypto.randomUUID()
    const claim = claimPages(
      state,
      lease,
      taken.map(({ page }) => page),
    )
    if (claim.pages.length === 0) return
    const pages = claim.pages.flatMap(({ page, resumed }) => {
      const row = taken.find((candidate) => candidate.page === page)
      return row ? { ...row, resumed } : []
    })
    const desk = {
      claim: async () => claim,
      report: async (
        ...report: Parameters<typeof takeReport> extends [unknown, ...infer Rest] ? Rest : never
      ) => takeReport(state, ...report),
    }
    await workPages({ chain, desk, lease, claim, pages, budgetMs: Math.max(1, ends - now()) })
  }
}

function hold(state: JobState, error: unknown): void {
  log('warn', 'backfill', { outcome: 'waiting', reason: describeError(error) })
  const record = state.load()
  if (!record || record.status !== 'open') return
  wait(record, toStorageError(error, 'chain'), state.now())
  state.save(record)
}

function wait(record: BackfillRecord, { code, message, backend = 'chain' }: StorageError, now: number): void {
  record.waiting = waitingAfter(record.waiting, { backend, error: code, detail: message }, now)
}

function finish({ ledger, load, save, now }: JobState): void {
  const record = load()
  if (!record || record.status !== 'open') return
  const silence = now() - record.updated
  if (record.options.manifest?.from === 'client' && !record.listed && silence > MANIFEST_SILENCE_MS) {
    record.status = 'cancelled'
    ledger.dropPages()
  } else if (record.listed && ledger.pages() === 0) {
    record.status = ledger.counts(null).failed > 0 ? 'completed_with_failures' : 'completed'
    delete record.waiting
  } else return
  record.finished = now()
  record.updated = now()
  save(record)
}

/** When there is something to do next; `undefined` while only a person can change that. */
function nextAlarm({ queue }: JobContext, state: JobState): number | undefined {
  const { ledger, load, now } = state
  const record = load()
  if (!record || record.status !== 'open') return undefined
  const time = now()
  if (record.waiting && record.waiting.until > time) return record.waiting.until
  if (canList(state, record)) return time
  const due = ledger.nextDue()
  const isSendable = due !== undefined && (!queue || ledger.pages('sent') + ledger.pages('claimed') === 0)
  return isSendable ? Math.max(due, time) : time + POLL_MS
}
