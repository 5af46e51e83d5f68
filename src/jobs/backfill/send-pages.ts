import { failureOfCall } from '../../storage/errors.ts'
import type { JobContext, JobState } from './context.ts'
import type { PageMessage } from './job-types.ts'
import { type BackfillRecord, waitingAfter } from './record.ts'
import { isActive, putBackUnreported, shares } from './take-report.ts'

/** As many as wrangler.toml lets a consumer take at once. */
const PAGES_PER_CONSUMER = 10
/** A queue with so many messages waiting is left to work them off: copies that reads have queued are among them. */
const LONG_BACKLOG = 1000
/** A consumer runs for 15 minutes at most (Workers limits), and the queue delivers the message of one that died again. */
const DELIVERY_WINDOW_MS = 20 * 60_000
/** The local simulator forgets its queue when it is killed; so long after the job has started again that is certain. */
const FORGOTTEN_MS = 5_000
// developers.cloudflare.com/queues/platform/limits
const MAX_BATCH_BYTES = 240_000
const MAX_BATCH_MESSAGES = 100

/** Sends waiting pages, as many as its share of consumers can take. `started`: when this process of the job began. */
export async function sendPages(
  queue: NonNullable<JobContext['queue']>,
  state: JobState,
  started: number,
): Promise<void> {
  const { store, load, save, now } = state
  if (store.pages() === 0) return
  const backlog = await backlogOf(queue)
  putBackUnreported(state, now() - DELIVERY_WINDOW_MS, (backlog ?? 0) > 0)
  if (backlog === 0 && now() >= started + FORGOTTEN_MS) putBackUnreported(state, started, false)
  if ((backlog ?? 0) > LONG_BACKLOG) return
  // From here to the send nothing is awaited, so no other call sends the same pages.
  const record = load()
  if (!isActive(record, now())) return
  const messages = store
    .takeWaiting(roomFor(record, state), now())
    .map(({ page, source, names }): PageMessage => ({ type: 'page', job: record.id, page, source, names }))
  try {
    for (const batch of cutBatches(messages)) await queue.sendBatch(batch.map((body) => ({ body })))
  } catch (error) {
    for (const { page } of messages) store.putBack(page)
    const failed = load()
    if (!failed) return
    const { code } = failureOfCall(error, 'queue')
    const why = { backend: 'queue', error: code, detail: 'the queue took no messages' }
    failed.waiting = waitingAfter(failed.waiting, why, now())
    save(failed)
  }
}

/** Pages that may be sent now: none before a whole consumer's are reported, so that a batch is one consumer's. */
export function roomFor({ options }: BackfillRecord, { store }: JobState): number {
  const room = shares(options.maxConcurrency).consumers * PAGES_PER_CONSUMER - store.pagesInFlight()
  return room < PAGES_PER_CONSUMER ? 0 : room
}

async function backlogOf(queue: NonNullable<JobContext['queue']>): Promise<number | undefined> {
  // Older runtimes have no metrics, and a job can do without them.
  const metrics = await queue.metrics?.().catch(() => undefined)
  return metrics?.backlogCount
}

function* cutBatches(messages: readonly PageMessage[]): Generator<PageMessage[]> {
  let batch: PageMessage[] = []
  let bytes = 0
  for (const message of messages) {
    const length = new TextEncoder().encode(JSON.stringify(message)).length
    if (batch.length === MAX_BATCH_MESSAGES || (batch.length > 0 && bytes + length > MAX_BATCH_BYTES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(message)
    bytes += length
  }
  if (batch.length > 0) yield batch
}
