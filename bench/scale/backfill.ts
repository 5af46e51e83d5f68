import { ASSUMED, LIMITS, MEASURED, SETTINGS } from './figures.ts'

export interface BackfillSettings {
  /** Jobs whose prefixes have as many names each. */
  jobs: number
  /** Of each job. */
  maxConcurrency: number
  /** A mirror follows the primary, so every copy is recorded. */
  mirror?: boolean
  copySeconds?: number
  listSeconds?: number
}

/** A part of a backfill and how many objects it can take each second. */
export interface Capacity {
  part: string
  rate: number
}

/** The parts of a backfill, the one that limits it first. */
export function capacities({
  jobs,
  maxConcurrency,
  mirror = false,
  copySeconds = ASSUMED.copySeconds.value,
  listSeconds = ASSUMED.listSeconds.value,
}: BackfillSettings): Capacity[] {
  const { namesPerPage, namesPerListing, pagesPerConsumer, copiesPerConsumer, longBacklog } = SETTINGS
  const each = Math.min(copiesPerConsumer, maxConcurrency)
  const consumers = Math.floor(maxConcurrency / each)
  const pageSeconds = (namesPerPage / each) * copySeconds + 2 * ASSUMED.objectSeconds.value
  const pages = (copying: number): number => (copying * namesPerPage) / pageSeconds

  const wanted = jobs * consumers
  const sent = Math.min(wanted, consumers + longBacklog / pagesPerConsumer) * pagesPerConsumer
  // Above the limit nothing is sent until the backlog has fallen below it, and then all that has room.
  const waiting = sent > longBacklog ? (sent + longBacklog) / 2 : sent
  const stored = Math.max(SETTINGS.pagesAhead, SETTINGS.pagesAheadPerConsumer * consumers)
  const jobSeconds =
    MEASURED.requestsPerPage.value / LIMITS.objectRequests.value + stored * ASSUMED.scanSeconds.value
  const parts: Capacity[] = [
    { part: '`max_concurrency`', rate: pages(wanted) },
    {
      part: 'the backlog of 1,000 messages',
      rate: sent > longBacklog ? pages(waiting / pagesPerConsumer) : Infinity,
    },
    { part: 'the consumers of the queue', rate: pages(LIMITS.consumers.value) },
    { part: 'the lister', rate: (jobs * namesPerListing) / listSeconds },
    { part: 'BackfillJob', rate: (jobs * namesPerPage) / jobSeconds },
    {
      part: 'messages of the queue',
      rate: (LIMITS.queueMessages.value / MEASURED.messagesPerPage.value) * namesPerPage,
    },
    { part: 'the source', rate: LIMITS.sourceGets.value },
    {
      part: 'MirrorLog',
      rate: mirror ? LIMITS.objectRequests.value / MEASURED.mirrorRequests.value : Infinity,
    },
  ]
  return parts.toSorted((one, other) => one.rate - other.rate)
}

/** What limits the backfill. */
export function limitOf(settings: BackfillSettings): Capacity {
  const [first] = capacities(settings)
  if (!first) throw new Error('a backfill has no parts')
  return first
}
