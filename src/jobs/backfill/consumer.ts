import type { Chain } from '../../chain/fallback.ts'
import { delayAfter } from '../../migration/copy-consumer.ts'
import type { Mirrors } from '../../mirrors/mirrors.ts'
import { describeError, log } from '../../observe/log.ts'
import { copyPage } from './copy-page.ts'
import type { PageJob, PageMessage, PageReport } from './job-types.ts'

export interface PageConsumerOptions {
  chain: Chain
  mirrors: Mirrors | null
  job: (id: string) => PageJob
  onReport?: ((report: PageReport) => void) | undefined
}

/** A consumer may run for 15 minutes; the copy of a large object may start just before that. */
const BATCH_MS = 6 * 60_000
/** A page that takes longer is reported, and its remaining names become another page: so a pause is noticed. */
const PAGE_MS = 10_000

/** Copies the pages of a batch, each job's one after the other. */
export async function consumePages(
  messages: readonly Message<PageMessage>[],
  options: PageConsumerOptions,
): Promise<void> {
  const byJob = Map.groupBy(messages, ({ body }) => body.job)
  await Promise.all([...byJob.values()].map((own) => consumeInTurn(own, options)))
}

async function consumeInTurn(
  messages: readonly Message<PageMessage>[],
  { chain, mirrors, job: open, onReport }: PageConsumerOptions,
): Promise<void> {
  const batchEnds = Date.now() + BATCH_MS
  for (const message of messages) {
    const { job: id, page, source, names } = message.body
    try {
      const job = open(id)
      const start = await job.beginPage(page)
      if (start) {
        const ends = Math.min(batchEnds, Date.now() + PAGE_MS)
        const report = await copyPage({ chain, mirrors, source, names, start, ends })
        onReport?.(report)
        await job.reportPage(page, report)
      }
      message.ack()
    } catch (error) {
      log('warn', 'backfill', { job: id, page, outcome: 'interrupted', reason: describeError(error) })
      message.retry({ delaySeconds: delayAfter(message.attempts, Math.random()) })
    }
  }
}
