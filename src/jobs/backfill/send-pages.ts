import { failureOfCall, StorageError } from '../../storage/errors.ts'
import { cut } from './cut.ts'
import type { BackfillRecord, PageMessage } from './job-types.ts'
import type { JobState } from './store.ts'
import { isActive, putBackUnreported, shares } from './pages.ts'

/** Metrics are missing in older runtimes. */
export type PageQueue = Pick<Queue<PageMessage>, 'sendBatch'> & Partial<Pick<Queue, 'metrics'>>

/** As many as wrangler.toml lets a consumer take at once. */
export const PAGES_PER_CONSUMER = 10
/** With so many messages waiting, nothing more is sent: copies that reads have queued are among them. */
export const LONG_BACKLOG = 1000
/** A consumer runs for 15 minutes at most (Workers limits), and if it dies the queue delivers its message again. */
const DELIVERY_WINDOW_MS = 20 * 60_000
/** The local simulator forgets its queue when it is killed; this long after the job has restarted, that is certain. */
const FORGOTTEN_MS = 5_000
// developers.cloudflare.com/queues/platform/limits
const BATCH = { maxItems: 100, maxBytes: 240_000 }

/**
 * Sends waiting pages, as many as the job's share of consumers can take; `false` if the queue has a long backlog.
 * `started`: when this process of the job did.
 */
export async function sendPages(queue: PageQueue, state: JobState, started: number): Promise<boolean> {
  const { store, load, now } = state
  if (store.pages() === 0) return true
  const metrics = await queue.metrics?.().catch(() => undefined)
  const backlog = metrics?.backlogCount
  putBackUnreported(state, now() - DELIVERY_WINDOW_MS, (backlog ?? 0) > 0)
  if (backlog === 0 && now() >= started + FORGOTTEN_MS) putBackUnreported(state, started, false)
  if ((backlog ?? 0) > LONG_BACKLOG) return false
  // From here to the send nothing is awaited, so no other call sends the same pages.
  const record = load()
  if (!isActive(record, now())) return true
  const messages = store
    .takeWaiting(roomFor(record, state), now())
    .map(({ page, source, names }): PageMessage => ({ type: 'page', job: record.id, page, source, names }))
  try {
    for (const batch of cut(messages, BATCH)) await queue.sendBatch(batch.map((body) => ({ body })))
  } catch (cause) {
    for (const { page } of messages) store.putBack(page)
    const { code } = failureOfCall(cause, 'queue')
    throw new StorageError(code, 'the queue accepted no messages', { backend: 'queue', cause })
  }
  return true
}

/** Pages that may be sent now: none until there is room for a whole consumer's, so that a batch is one consumer's. */
export function roomFor({ options }: BackfillRecord, { store }: JobState): number {
  const room = shares(options.maxConcurrency).consumers * PAGES_PER_CONSUMER - store.pagesInFlight()
  return room < PAGES_PER_CONSUMER ? 0 : room
}
