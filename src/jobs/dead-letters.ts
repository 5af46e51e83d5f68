import type { Chain } from '../chain/fallback.ts'
import { copyTargets, hides, mayTakeWrites } from '../chain/placement.ts'
import type { DeadLetter } from '../migration/copy-consumer.ts'
import { describeError, log } from '../observe/log.ts'
import type { PageMessage } from './backfill/job-types.ts'
import type { HandledName } from './job-index.ts'
import type { Jobs } from './jobs.ts'

/** `max_retries` in wrangler.toml, and the first delivery; a dead letter does not say how often it was delivered. */
const DELIVERIES = 9
const DETAIL = `the message was dead-lettered after ${DELIVERIES} deliveries: the Worker failed before it could report why`

/** Whether a batch is of dead letters: their queue's name ends as in wrangler.toml. */
export function isDeadLetters(queue: string): boolean {
  return queue.endsWith('dead-copies')
}

/** About a name: a copy that a read began, or what its source said. */
type NamedMessage = { name: string } & ({ type: 'copy' } | { type: 'source'; backend: string })

/** What consumers do with names that failed for good, and with those that are handled after all. */
export function deadLettersIn(jobs: Jobs | undefined) {
  if (!jobs) return {}
  return {
    giveUp: (letter: DeadLetter) => jobs.index().addDeadLetter(letter),
    /** Never throws: a letter that stays is one too many. */
    recover: (handled: readonly HandledName[]) =>
      jobs
        .index()
        .removeDeadLetters(handled)
        .catch((error: unknown) => log('warn', 'dead letters', { reason: describeError(error) })),
  }
}

/**
 * Whether something is left to do for it. Nothing is if an object or a tombstone is where a copy would be, unless an event was
 * given up after that was stored. No fallback is asked.
 */
export async function isLeft(
  chain: Chain,
  { name, source, at }: DeadLetter & { at: number },
): Promise<boolean> {
  for (const backend of chain.backends.filter((one) => mayTakeWrites(chain, one, name))) {
    const info = await backend.head(name, { fresh: true })
    if (!info || (info.deleted && !hides(chain, { backend, info }))) continue
    const stored = info.deleted ?? info.provenance?.copied ?? info.modified
    if (copyTargets(chain, backend, info).length === 0) return !!source && Number(stored ?? 0) <= at
  }
  return true
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
      log('error', body.type, { name, outcome: 'failed', reason: DETAIL })
      const source = body.type === 'source' ? body.backend : null
      const letter = { name, error: 'unexpected', detail: DETAIL, attempts: DELIVERIES, source }
      await jobs?.index().addDeadLetter(letter)
    } else {
      log('warn', 'backfill', { job: body.job, page: body.page, outcome: 'interrupted', reason: DETAIL })
      await jobs?.backfill(body.job).handleDeadPage(body.page, DELIVERIES)
    }
    message.ack()
  }
}
