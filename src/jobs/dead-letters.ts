import { log } from '../observe/log.ts'
import type { PageMessage } from './backfill/job-types.ts'
import type { Jobs } from './jobs.ts'

/** `max_retries` in wrangler.toml, and the first delivery; a dead letter does not say how often it was delivered. */
const DELIVERIES = 9
const DETAIL = `the message was dead-lettered after ${DELIVERIES} deliveries: the Worker failed before it could report why`

/** Whether a batch is of dead letters: their queue's name ends as in wrangler.toml. */
export function isDeadLetters(queue: string): boolean {
  return queue.endsWith('dead-copies')
}

/** About a name: a copy that a read began, or what its source said. */
interface NamedMessage {
  type: 'copy' | 'source'
  name: string
}

/** Records the names, and returns the pages to their jobs. */
export async function consumeDeadLetters(
  messages: readonly Message<NamedMessage | PageMessage>[],
  jobs: Jobs | undefined,
): Promise<void> {
  for (const message of messages) {
    const { body } = message
    if (body.type !== 'page') {
      const { name } = body
      log('error', body.type === 'copy' ? 'copy' : 'source', {
        name,
        outcome: 'failed',
        reason: DETAIL,
      })
      await jobs?.index().addDeadLetter({ name, error: 'unexpected', detail: DETAIL, attempts: DELIVERIES })
    } else {
      log('warn', 'backfill', { job: body.job, page: body.page, outcome: 'interrupted', reason: DETAIL })
      await jobs?.backfill(body.job).handleDeadPage(body.page, DELIVERIES)
    }
    message.ack()
  }
}
