import { describeError, log } from '../../observe/log.ts'
import type { Chain } from '../../chain/fallback.ts'
import { delayAfter } from '../../migration/copy-consumer.ts'
import type { PageDesk, PageMessage } from './job-types.ts'
import { workPages } from './work.ts'

export interface PageConsumerOptions {
  chain: Chain
  desk: (job: string) => PageDesk
}

/** A consumer may run for 15 minutes; one large object may be begun in the last moment. */
const BUDGET_MS = 6 * 60_000

/**
 * Copies the pages of a batch, each job's under one claim. The job keeps what is left to do, so a message is settled
 * as soon as the job has heard of it; only when it cannot be reached the message comes again.
 */
export async function consumePages(
  messages: readonly Message<PageMessage>[],
  options: PageConsumerOptions,
): Promise<void> {
  const byJob = Map.groupBy(messages, ({ body }) => body.job)
  await Promise.all([...byJob].map(([job, own]) => consumeJob(job, own, options)))
}

async function consumeJob(
  job: string,
  messages: readonly Message<PageMessage>[],
  { chain, desk: open }: PageConsumerOptions,
): Promise<void> {
  const lease = crypto.randomUUID()
  try {
    const desk = open(job)
    const pages = new Map(messages.map(({ body }) => [body.page, body]))
    const claim = await desk.claim(lease, [...pages.keys()])
    const claimed = claim.pages.flatMap(({ page, resumed, names }) => {
      const message = pages.get(page)
      return message ? { page, resumed, source: message.source, names: names ?? message.names } : []
    })
    if (claimed.length > 0)
      await workPages({ chain, desk, lease, claim, pages: claimed, budgetMs: BUDGET_MS })
    for (const message of messages) message.ack()
  } catch (error) {
    log('warn', 'backfill', { job, outcome: 'interrupted', reason: describeError(error) })
    for (const message of messages)
      message.retry({ delaySeconds: delayAfter(message.attempts, Math.random()) })
  }
}
