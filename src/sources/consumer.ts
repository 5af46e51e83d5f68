import { consumeNames, type DeadLetter, type Delivery } from '../migration/copy-consumer.ts'
import type { SourceMessage } from './messages.ts'
import type { Reconciled } from './reconcile.ts'
import type { Reconciler } from './reconciler.ts'
import type { Handled, Outcome } from './source-changes.ts'

export interface ConsumerOptions {
  reconcile: Reconciler
  /** Sends a message that is delivered after so many seconds. */
  sendLater: (message: SourceMessage, delaySeconds: number) => Promise<unknown>
  /** Counts what was handled. Never throws. */
  count: (backend: string, handled: readonly Handled[]) => Promise<unknown>
  /** Records an event after its last attempt. Default: the message ends in the dead-letter queue. */
  giveUp?: ((letter: DeadLetter) => Promise<unknown>) | undefined
  /** Removes what was recorded of those that are handled now. Never throws. */
  recover?: ((handled: Pick<DeadLetter, 'name' | 'source'>[]) => Promise<unknown>) | undefined
  lookAgainAfter?: readonly number[]
}

/**
 * When a name is looked at again, in seconds from one look to the next: a copy of the old version that was under way may
 * have been stored after the event was handled. Most take seconds, and none more than the 15 minutes of a consumer (Workers
 * limits).
 */
const LOOK_AGAIN_AFTER = [5, 60, 16 * 60]

const COUNTED: Record<Reconciled['outcome'], Outcome> = {
  copied: 'copied',
  tombstoned: 'tombstoned',
  conflict: 'conflicts',
  same: 'unchanged',
  absent: 'unchanged',
  hidden: 'unchanged',
  'not-migrated': 'unchanged',
  ignored: 'unchanged',
}

/** Brings the copy of each message's name in line with its source; what fails is repeated later. */
export async function consumeSourceMessages(
  messages: readonly Delivery<SourceMessage>[],
  { reconcile, sendLater, count, giveUp, recover, lookAgainAfter = LOOK_AGAIN_AFTER }: ConsumerOptions,
): Promise<void> {
  const handled = new Map<string, Handled[]>()
  const add = ({ backend, received }: SourceMessage, one: Handled): void => {
    // What a read noticed is no event.
    if (received !== undefined) handled.set(backend, [...(handled.get(backend) ?? []), one])
  }

  /** Whether it will be. */
  const lookAgain = async (message: SourceMessage): Promise<boolean> => {
    const { looks = 0 } = message
    const delay = lookAgainAfter[looks]
    if (delay === undefined) return false
    await sendLater({ ...message, looks: looks + 1 }, delay)
    return true
  }
  const handle = async (message: SourceMessage): Promise<void> => {
    const { name, backend, at, looks = 0 } = message
    const result = await reconcile(backend, name)
    const { outcome } = result
    if (mayBeOvertaken(result)) await lookAgain(message)
    const counted = COUNTED[outcome]
    const isInLine = outcome === 'copied' || outcome === 'tombstoned' || outcome === 'same'
    if (looks === 0 || counted !== 'unchanged')
      add(message, { outcome: counted, ...(isInLine && at !== undefined && { at }) })
  }
  const fail = async (letter: DeadLetter, message: SourceMessage): Promise<void> => {
    // The source may be down for longer than a few attempts take.
    if (letter.error !== 'locked' && (await lookAgain(message))) return
    add(message, { outcome: 'failed' })
    await giveUp?.({ ...letter, source: message.backend })
  }
  await consumeNames(messages, {
    handle,
    ...(giveUp && { giveUp: fail }),
    recover: async (bodies) => recover?.(bodies.map(({ name, backend }) => ({ name, source: backend }))),
  })
  await Promise.all(Array.from(handled, ([backend, list]) => count(backend, list)))
}

/** Nothing was stored under the name, which would have kept a copy that is under way from being stored. */
function mayBeOvertaken({ outcome, held }: Reconciled): boolean {
  return outcome === 'not-migrated' || (outcome === 'absent' && !held)
}
