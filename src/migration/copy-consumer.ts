import pLimit from 'p-limit'
import { StorageError } from '../storage/errors.ts'
import type { CopyMessage } from './copy-later.ts'

/** A copy that failed for good. */
export interface DeadLetter {
  name: string
  error: string
  detail: string
  attempts: number
}

export interface ConsumerOptions {
  copy: (name: string) => Promise<unknown>
  /** Records a copy after its last attempt. Default: the message ends in the dead-letter queue. */
  giveUp?: (letter: DeadLetter) => Promise<unknown>
}

/** Of the six connections that may wait for response headers (Workers limits), one is left for the queue itself. */
const CONCURRENCY = 5
export const MAX_ATTEMPTS = 6
const FIRST_DELAY_SECONDS = 2
const MAX_DELAY_SECONDS = 600

/** Copies each message's name; acknowledges what is done or locked, and retries the rest later, up to six times. */
export async function consumeCopies(
  messages: readonly Message<CopyMessage>[],
  options: ConsumerOptions,
): Promise<void> {
  const limit = pLimit(CONCURRENCY)
  await Promise.all(messages.map((message) => limit(() => consume(message, options))))
}

async function consume(message: Message<CopyMessage>, { copy, giveUp }: ConsumerOptions): Promise<void> {
  const { attempts, body } = message
  try {
    await copy(body.name)
  } catch (error) {
    // Another attempt would meet the same lock.
    const isLocked = error instanceof StorageError && error.code === 'locked'
    if (!isLocked && (attempts < MAX_ATTEMPTS || !giveUp))
      return message.retry({ delaySeconds: delayAfter(attempts, Math.random()) })
    await giveUp?.({ name: body.name, ...reasonOf(error), attempts })
  }
  message.ack()
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
