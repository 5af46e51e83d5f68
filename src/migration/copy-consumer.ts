import { type ErrorCode, StorageError } from '../storage/errors.ts'
import { mapLimited } from '../storage/map-limited.ts'

/** The handling of a name that failed for good. */
export interface DeadLetter {
  name: string
  error: string
  detail: string
  attempts: number
  /** The source whose event it was; absent or `null` for a copy. */
  source?: string | null
}

/** What is used of a queue's message. */
export type Delivery<Body> = Pick<Message<Body>, 'body' | 'attempts' | 'ack' | 'retry'>

export interface ConsumerOptions<Body> {
  handle: (body: Body) => Promise<unknown>
  /** Records a failure after the last attempt. Default: the message ends in the dead-letter queue. */
  giveUp?: (letter: DeadLetter, body: Body) => Promise<unknown>
  /** Removes what was recorded of those that succeed now. Never throws. */
  recover?: (bodies: Body[]) => Promise<unknown>
}

export const MAX_ATTEMPTS = 6
/** Another attempt would meet the same lock, or the same limit. */
const FINAL = new Set<ErrorCode>(['locked', 'too-large'])
const FIRST_DELAY_SECONDS = 2
const MAX_DELAY_SECONDS = 600

/** Handles each message's name; acknowledges what is done, locked or too large, and retries the rest later, up to six times. */
export async function consumeNames<Body extends { name: string }>(
  messages: readonly Delivery<Body>[],
  options: ConsumerOptions<Body>,
): Promise<void> {
  const succeeded = await mapLimited(messages, (message) => consume(message, options))
  const handled = messages.filter((_, index) => succeeded[index]).map(({ body }) => body)
  if (handled.length > 0) await options.recover?.(handled)
}

/** Whether the message's name was handled. */
async function consume<Body extends { name: string }>(
  message: Delivery<Body>,
  { handle, giveUp }: ConsumerOptions<Body>,
): Promise<boolean> {
  const { attempts, body } = message
  try {
    await handle(body)
  } catch (error) {
    const isFinal = error instanceof StorageError && FINAL.has(error.code)
    if (!isFinal && (attempts < MAX_ATTEMPTS || !giveUp))
      message.retry({ delaySeconds: delayAfter(attempts, Math.random()) })
    else {
      await giveUp?.({ name: body.name, ...reasonOf(error), attempts }, body)
      message.ack()
    }
    return false
  }
  message.ack()
  return true
}

/** Doubles with each attempt; `random` (0 to 1) spreads what failed together over half to all of it. */
export function delayAfter(attempts: number, random: number): number {
  const longest = Math.min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** (attempts - 1))
  return Math.ceil(longest * (0.5 + random / 2))
}

function reasonOf(error: unknown): { error: string; detail: string } {
  if (!(error instanceof StorageError)) return { error: 'unexpected', detail: 'see the log' }
  const first = error.failures[0]
  return { error: error.code, detail: first ? `${first.backend}: ${first.message}` : error.message }
}
