import pLimit from 'p-limit'
import { StorageError } from '../storage/errors.ts'
import type { CopyMessage } from './copy-later.ts'
import type { CopyResult } from './copy-result.ts'

/** What is kept of a copy that was given up. */
export interface DeadLetter {
  name: string
  error: string
  detail: string
  attempts: number
}

export interface ConsumerOptions {
  copy: (name: string) => Promise<CopyResult>
  onCopied: (name: string, result: CopyResult) => void
  onFailure: (name: string, error: unknown) => void
  /** Records a copy that is given up, with its reason. Left out: the queue's own dead letters. */
  giveUp?: (letter: DeadLetter) => Promise<unknown>
}

/** Of the six connections that may wait for response headers (Workers limits), one is left for the queue itself. */
const CONCURRENCY = 5
export const MAX_ATTEMPTS = 6
const FIRST_DELAY_SECONDS = 2
const MAX_DELAY_SECONDS = 600

/** Copies each message's name; acknowledges what is settled, retries the rest later, and gives up in the end. */
export async function consumeCopies(
  messages: readonly Message<CopyMessage>[],
  options: ConsumerOptions,
): Promise<void> {
  const limit = pLimit(CONCURRENCY)
  await Promise.all(messages.map((message) => limit(() => consume(message, options))))
}

async function consume(message: Message<CopyMessage>, options: ConsumerOptions): Promise<void> {
  const { name } = message.body
  try {
    options.onCopied(name, await options.copy(name))
    message.ack()
  } catch (error) {
    options.onFailure(name, error)
    if (message.attempts < MAX_ATTEMPTS || !options.giveUp) {
      message.retry({ delaySeconds: delayAfter(message.attempts, Math.random()) })
      return
    }
    await options.giveUp({ name, ...reasonOf(error), attempts: message.attempts })
    message.ack()
  }
}

/** Doubles with each attempt; `random` (0 to 1) spreads what failed together over half to whole. */
export function delayAfter(attempts: number, random: number): number {
  const longest = Math.min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** (attempts - 1))
  return Math.ceil(longest * (0.5 + random / 2))
}

function reasonOf(error: unknown): { error: string; detail: string } {
  if (!(error instanceof StorageError)) return { error: 'unexpected', detail: 'see the log' }
  const first = error.failures[0]
  return { error: error.code, detail: first ? `${first.backend}: ${first.message}` : error.message }
}
