import { failureOfCall } from '../../storage/errors.ts'
import { type JobState, shares } from './desk.ts'
import type { JobContext } from './context.ts'
import type { PageMessage } from './job-types.ts'
import { waitingAfter } from './record.ts'

/** As many as wrangler.toml lets a consumer take at once. */
const PAGES_PER_CONSUMER = 10
/** A queue with so many messages before ours is left to work them off: the copies that reads asked for are among them. */
const LONG_BACKLOG = 1000
/** Sent and not claimed for so long, with nothing in the queue: the message is lost. */
const LOST_MS = 10_000
/** The same, where the queue does not tell its backlog, or has one. */
const LATE_MS = 600_000
// developers.cloudflare.com/queues/platform/limits
const MAX_BATCH_BYTES = 240_000
const MAX_BATCH_MESSAGES = 100

/** Sends waiting pages, as many as there are consumers free for them. */
export async function sendPages(queue: NonNullable<JobContext['queue']>, state: JobState): Promise<void> {
  const { ledger, now } = state
  if (ledger.pages('sent') === 0 && ledger.pages('waiting') === 0) return
  const backlog = await backlogOf(queue)
  ledger.putBackLost(now() - (backlog === 0 ? LOST_MS : LATE_MS))
  if ((backlog ?? 0) > LONG_BACKLOG) return
  // From here to the send nothing is awaited, so nobody else sends the same pages.
  const record = state.load()
  if (!record || record.status !== 'open' || (record.waiting?.until ?? 0) > now()) return
  const { consumers } = shares(record.options.maxConcurrency)
  const free = (consumers - ledger.leases()) * pagesEach(record.options) - ledger.pages('sent')
  if (free <= 0) return
  const messages = ledger
    .takeWaiting(free, now())
    .map(({ page, source, names }): PageMessage => ({ type: 'page', job: record.id, page, source, names }))
  try {
    for (const batch of cutBatches(messages)) await queue.sendBatch(batch.map((body) => ({ body })))
  } catch (error) {
    ledger.putBack(messages.map(({ page }) => page))
    const failed = state.load()
    if (!failed) return
    const { code } = failureOfCall(error, 'queue')
    const why = { backend: 'queue', error: code, detail: 'the queue took no messages' }
    failed.waiting = waitingAfter(failed.waiting, why, now())
    state.save(failed)
  }
}

/** Slow jobs send less at once, so that a consumer is through in a few minutes. */
function pagesEach({
  maxConcurrency,
  maxPerSecond,
}: {
  maxConcurrency: number
  maxPerSecond?: number
}): number {
  if (maxPerSecond === undefined) return PAGES_PER_CONSUMER
  const perMinute = (60 * maxPerSecond) / shares(maxConcurrency).consumers
  return Math.max(1, Math.min(PAGES_PER_CONSUMER, Math.floor(perMinute / 100)))
}

async function backlogOf(queue: NonNullable<JobContext['queue']>): Promise<number | undefined> {
  // Older runtimes have no metrics; a failure to tell them is no reason to stop.
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
