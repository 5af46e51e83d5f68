import { log } from '../observe/log.ts'
import type { PageMessage } from './backfill/job-types.ts'
import type { DeadCopy } from '../migration/copy-consumer.ts'
import type { CopyMessage } from '../migration/copy-later.ts'

/** `max_retries` in wrangler.toml, and the first delivery; a message does not tell how it came here. */
const DELIVERIES = 9
const DETAIL = `the queue gave the message up after ${DELIVERIES} deliveries: the Worker failed before it could say why`

/** Whether a batch is of messages that the platform gave up: their queue's name ends as in wrangler.toml. */
export function isDeadLetters(queue: string): boolean {
  return queue.endsWith('dead-copies')
}

/** Records copies that nobody could try. A job sends pages that nobody claims again, so they need no record. */
export async function consumeDeadLetters(
  messages: readonly Message<CopyMessage | PageMessage>[],
  bury: ((dead: DeadCopy) => Promise<unknown>) | undefined,
): Promise<void> {
  for (const message of messages) {
    const { body } = message
    if (body.type === 'copy') {
      log('error', 'copy', { name: body.name, outcome: 'failed', reason: DETAIL })
      const { name } = body
      await bury?.({ type: 'dead-copy', name, error: 'unexpected', detail: DETAIL, attempts: DELIVERIES })
    }
    message.ack()
  }
}
