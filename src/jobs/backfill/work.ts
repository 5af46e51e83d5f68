import pLimit from 'p-limit'
import { isListable } from '../../storage/backend.ts'
import { StorageError, toStorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { copyListed, copyNamed, listPresent, type Outcome, skipped } from './copy-listed.ts'
import type { Claim, PageDesk, PageEntry, PageReport } from './job-types.ts'
import { createProgress, type Progress } from './progress.ts'
import { targetFor } from './target.ts'

export interface WorkPage {
  page: number
  source: string | null
  names: readonly PageEntry[]
  resumed: boolean
}

export interface WorkOptions {
  chain: Chain
  desk: PageDesk
  lease: string
  claim: Claim
  pages: readonly WorkPage[]
  /** After so long no further copy is begun, and what is left is handed back. */
  budgetMs: number
}

/** So often a consumer shows that it lives; a claim that shows no sign for some of these is given to another. */
export const HEARTBEAT_MS = 3_000
/** Failures in a row after which the backend itself is suspected. */
const SUSPICIOUS = 5
/** These say that a backend is in trouble, not that something is wrong with one object. */
const TROUBLE = new Set(['unavailable', 'timeout', 'skipped', 'denied', 'interrupted'])

/** Stops all pages of one claim at once. */
interface Shift {
  stopped: boolean
  troubles: number
  /** The backend was asked since, and is well. */
  cleared: boolean
  down?: NonNullable<PageReport['down']>
}

/** Copies the pages of one claim and reports on each. Throws nothing but what the desk throws. */
export async function workPages(options: WorkOptions): Promise<void> {
  const { claim, pages } = options
  const shift: Shift = { stopped: false, troubles: 0, cleared: false }
  if (claim.probe) await suspect(options, shift, pages[0]?.source ?? claim.sources[0])
  const ends = Date.now() + options.budgetMs
  const limit = pLimit(claim.concurrency)
  const turn = createTurns(claim.interval)
  const works = pages.map((page) => {
    const progress = createProgress(page.names)
    const report = reporter(options, page.page, { progress, shift })
    const done = workPage({ ...options, page, progress, shift, ends, limit, turn }).then(() => report(true))
    return { report, done }
  })
  const all = Promise.all(works.map(({ done }) => done))
  const heart = beat(works, shift)
  try {
    await all
  } finally {
    heart.stop()
    // What was begun under a desk that failed ends before the claim is forgotten.
    shift.stopped = true
    await Promise.allSettled(works.map(({ done }) => done))
  }
}

interface PageWork extends WorkOptions {
  page: WorkPage
  progress: Progress
  shift: Shift
  ends: number
  limit: ReturnType<typeof pLimit>
  turn: () => Promise<void>
}

async function workPage(work: PageWork): Promise<void> {
  const { page, progress, shift, limit, turn } = work
  const present = page.resumed && !shift.stopped ? await alreadyThere(work) : undefined
  await Promise.all(
    page.names.map((entry) =>
      limit(async () => {
        if (shift.stopped || Date.now() >= work.ends) return
        const known = present?.get(entry[0])
        if (known) return progress.settle(entry, fromListing(known, work))
        await turn()
        if (!shift.stopped) await attempt(work, entry)
      }),
    ),
  )
  if (!shift.cleared) await suspectLast(work)
}

async function attempt(work: PageWork, entry: PageEntry): Promise<void> {
  const { page, progress, shift, chain, claim } = work
  try {
    const outcome =
      page.source === null
        ? await copyNamed(chain, claim.sources, entry[0])
        : await copyListed(chain, page.source, entry)
    progress.settle(entry, outcome)
    shift.troubles = 0
  } catch (error) {
    const failure = toStorageError(error, page.source ?? 'chain', entry[0])
    progress.fail(entry, failure)
    if (!TROUBLE.has(failure.code)) return
    shift.troubles++
    if (shift.troubles >= SUSPICIOUS) {
      shift.troubles = 0
      await suspect(work, shift, failure.backend ?? page.source ?? claim.sources[0])
    }
  }
}

/** The page ends with names that failed: before they count as tried, it is asked whether their backend is well. */
async function suspectLast({ progress, shift, ...work }: PageWork): Promise<void> {
  const failure = progress.lastTrouble(TROUBLE)
  if (failure && !shift.stopped) await suspect(work, shift, failure.backend ?? work.page.source ?? undefined)
}

/** Asks the backend for one name of its listing: one that fails at that is down, and the claim's work stops. */
async function suspect(
  { chain }: Pick<WorkOptions, 'chain'>,
  shift: Shift,
  name: string | undefined,
): Promise<void> {
  if (shift.stopped) return
  const backend = chain.backends.find((candidate) => candidate.name === name)
  if (!backend || !isListable(backend)) return
  try {
    await backend.list({ limit: 1 })
    shift.cleared = true
  } catch (error) {
    const { code, message } = toStorageError(error, backend.name)
    shift.stopped = true
    shift.down = { backend: backend.name, error: code, detail: message }
  }
}

async function alreadyThere({ chain, page }: PageWork): Promise<Map<string, ObjectInfo> | undefined> {
  const source = chain.backends.find(({ name }) => name === page.source)
  const [first] = page.names
  if (!source || !first) return undefined
  const target = targetFor(chain, source, { name: first[0], size: first[1] ?? undefined })
  if (typeof target === 'string') return undefined
  // When it cannot be told, the create-only puts find out.
  return listPresent(target, page.names).catch((error: unknown) => {
    if (error instanceof StorageError) return undefined
    throw error
  })
}

/** A copy that was made since the job began is the job's own, by a consumer that could not report it. */
function fromListing({ deleted, provenance, size }: ObjectInfo, { page, claim }: PageWork): Outcome {
  const backend = page.source ?? ''
  if (deleted) return skipped(backend, 'tombstoned')
  const isOurs = provenance?.backend === page.source && provenance.copied.getTime() >= claim.started - 1000
  return isOurs ? { backend, what: 'copied', bytes: size ?? 0 } : { backend, what: 'present', bytes: 0 }
}

type Report = (ended: boolean) => Promise<boolean>

/** One report after the other, so that their numbers are in order. */
function reporter(
  { desk, lease }: WorkOptions,
  page: number,
  { progress, shift }: { progress: Progress; shift: Shift },
): Report {
  let sending: Promise<unknown> = Promise.resolve()
  return (ended) => {
    const send = (): Promise<boolean> => {
      const { down, cleared } = shift
      // A backend that was well at first and then failed: the names it failed at may be why.
      const report = progress.report(ended, down !== undefined && !cleared)
      return desk.report(lease, page, { ...report, ...(down && ended && { down }) })
    }
    const sent = sending.then(send, send)
    sending = sent
    return sent
  }
}

/** Tells the desk now and then how far the pages are, and stops when it says so. */
function beat(
  works: readonly { report: Report; done: Promise<unknown> }[],
  shift: Shift,
): { stop: () => void } {
  const open = new Set(works)
  for (const work of works)
    work.done.then(
      () => open.delete(work),
      () => open.delete(work),
    )
  const timer = setInterval(() => {
    const [oldest] = open
    if (!oldest) return
    oldest.report(false).then(
      (goOn) => {
        if (!goOn) shift.stopped = true
      },
      // The claim is lost, or the desk cannot be reached: another consumer takes over.
      () => {
        shift.stopped = true
      },
    )
  }, HEARTBEAT_MS)
  return { stop: () => clearInterval(timer) }
}

/** Lets callers through one after the other, `interval` milliseconds apart. */
function createTurns(interval: number): () => Promise<void> {
  let next = 0
  return async () => {
    if (interval <= 0) return
    const now = Date.now()
    const mine = Math.max(now, next)
    next = mine + interval
    if (mine > now) await new Promise((resolve) => setTimeout(resolve, mine - now))
  }
}
