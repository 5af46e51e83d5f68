import { MAX_ATTEMPTS, type Delivery } from '../migration/copy-consumer.ts'
import { describeError, log } from '../observe/log.ts'
import { StorageError } from '../storage/errors.ts'
import { parseJson } from '../storage/parse-json.ts'
import { acceptEvents, type Source } from './accept.ts'
import { type ConsumerOptions, consumeSourceMessages } from './consumer.ts'
import type { SourceMessage } from './messages.ts'
import type { Reconciler } from './reconciler.ts'
import { readEvents, type SourceEvent } from './shapes.ts'
import { claimsToBeFromSns, type Sns } from './sns.ts'
import type { SourceChanges } from './source-changes.ts'

export interface SourcesOptions extends Pick<ConsumerOptions, 'giveUp' | 'recover'> {
  sources: readonly Source[]
  reconcile: Reconciler
  sns: Sns
  keepAlive: (work: Promise<unknown>) => void
  queue?: Pick<Queue<SourceMessage>, 'send' | 'sendBatch'> | undefined
  changes?: (() => DurableObjectStub<SourceChanges>) | undefined
}

/** How many of the events in a message will be handled. */
export interface Receipt {
  accepted: number
  ignored: number
}

/** The events can be handled neither now nor later; the sender should repeat them. */
export class NotQueuedError extends Error {}

/** What a queue accepts at once (Queues limits). */
const MAX_BATCH = 100
/** Without a queue, they are handled within the request's allowance. */
const MAX_AT_ONCE = 20
/** A request's `waitUntil` has about 30 s (Workers limits). */
const ALLOWANCE_MS = 25_000

const NOTHING: Receipt = { accepted: 0, ignored: 0 }

export type Sources = ReturnType<typeof createSources>

/** Takes what sources say of their changes, and brings the copies in line. */
export function createSources({ sources, sns, keepAlive, queue, changes, ...options }: SourcesOptions) {
  const { reconcile, giveUp, recover } = options
  let running = 0

  const count = async (
    backend: string,
    report: (object: DurableObjectStub<SourceChanges>) => Promise<unknown>,
  ) => {
    if (!changes) return
    await report(changes()).catch((error: unknown) =>
      log('error', 'source events', { backend, operation: 'count', reason: describeError(error) }),
    )
  }
  const consume = (messages: readonly Delivery<SourceMessage>[], own: Partial<ConsumerOptions> = {}) =>
    consumeSourceMessages(messages, {
      reconcile,
      sendLater: async (message, delaySeconds) => queue?.send(message, { delaySeconds }),
      count: (backend, handled) => count(backend, (object) => object.addHandled(backend, [...handled])),
      giveUp,
      recover,
      ...own,
    })
  /** Each once, within the allowance of the request. */
  const handleNow = async (messages: readonly SourceMessage[]): Promise<void> => {
    running += messages.length
    const signal = AbortSignal.timeout(ALLOWANCE_MS)
    try {
      await consume(
        messages.map((body) => ({ body, attempts: MAX_ATTEMPTS, ack() {}, retry() {} })),
        {
          reconcile: (source, name) => reconcile(source, name, signal),
          giveUp: async (letter) => giveUp?.(letter),
          lookAgainAfter: [],
        },
      )
    } finally {
      running -= messages.length
    }
  }
  const send = async (messages: readonly SourceMessage[]): Promise<void> => {
    if (!queue) {
      if (running + messages.length > MAX_AT_ONCE)
        throw new NotQueuedError(
          'more events at once than are handled without a queue; bind one as COPY_QUEUE',
        )
      return keepAlive(handleNow(messages))
    }
    for (let at = 0; at < messages.length; at += MAX_BATCH) {
      const batch = messages.slice(at, at + MAX_BATCH).map((body) => ({ body }))
      await queue.sendBatch(batch).catch((cause: unknown) => {
        throw new NotQueuedError('the queue did not accept the events', { cause })
      })
    }
  }

  const take = async (source: Source, events: readonly (SourceEvent | null)[]): Promise<Receipt> => {
    const received = Date.now()
    const { name: backend } = source.backend
    const { changes: names, accepted, ignored } = acceptEvents(source, events, received)
    await send(Array.from(names, ([name, at]) => ({ type: 'source', backend, name, at, received })))
    const receipt = { accepted, ignored: events.length - accepted }
    log('info', 'source events', { backend, accepted, ignored })
    const lastEvent = names.size > 0 ? Math.max(...names.values()) : null
    keepAlive(count(backend, (object) => object.addReceived(backend, { ...receipt, lastEvent })))
    return receipt
  }

  return {
    all: sources,
    changes,
    consume: (messages: readonly Delivery<SourceMessage>[]) => consume(messages),
    /** Throws `invalid` for a message of no known sender, `ForgedError` and `NotQueuedError`. */
    async receive(source: Source, message: unknown): Promise<Receipt> {
      if (!claimsToBeFromSns(message)) return take(source, eventsIn(message))
      const verified = await sns.verify(message)
      const { Type: type, TopicArn: topic } = verified
      log('info', 'sns', { backend: source.backend.name, type, topic })
      if (type === 'Notification') return take(source, eventsIn(parseJson(verified.Message)))
      if (type === 'SubscriptionConfirmation') await sns.confirm(verified)
      return NOTHING
    },
    /** Takes R2's notifications for each source whose bucket it is, all of a source at once. */
    async consumeNotifications(messages: readonly Delivery<unknown>[]): Promise<void> {
      const notified = messages.map((message) => ({ message, event: readEvents(message.body)?.[0] ?? null }))
      const failed = new Set<Delivery<unknown>>()
      for (const { event } of notified)
        if (!sources.some((source) => isOf(source, event)))
          log('warn', 'source events', { ignored: 'no fallback has that bucket', bucket: event?.bucket })
      for (const source of sources) {
        const own = notified.filter(({ event }) => isOf(source, event))
        // Without a queue there may be room for some of them only.
        const groups = queue && own.length > 0 ? [own] : own.map((one) => [one])
        for (const group of groups) {
          const events = group.map(({ event }) => event)
          await take(source, events).catch((error: unknown) => {
            log('error', 'source events', { operation: 'send', reason: describeError(error) })
            for (const { message } of group) failed.add(message)
          })
        }
      }
      for (const message of messages)
        if (failed.has(message)) message.retry({ delaySeconds: RETRY_SECONDS })
        else message.ack()
    },
  }
}

function isOf({ bucket }: Source, event: SourceEvent | null): boolean {
  return bucket !== undefined && bucket === event?.bucket
}

const RETRY_SECONDS = 30

/** Whether a queue delivers R2's notifications, by its name. */
export function isSourceEvents(queue: string): boolean {
  return queue.endsWith('source-events')
}

function eventsIn(message: unknown): (SourceEvent | null)[] {
  const events = readEvents(message)
  if (events) return events
  const known = 'S3 (also of MinIO, RustFS and Ceph), SNS, EventBridge or R2'
  throw new StorageError('invalid', `the body is not a notification of ${known}`)
}
