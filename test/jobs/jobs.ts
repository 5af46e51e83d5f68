import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { consumePages } from '../../src/jobs/backfill/consumer.ts'
import type { JobStorage } from '../../src/jobs/backfill/context.ts'
import type { EgressPrices } from '../../src/jobs/backfill/egress.ts'
import type { BackfillOptions, PageJob, PageMessage } from '../../src/jobs/backfill/job-types.ts'
import { type Backfill, createBackfill } from '../../src/jobs/backfill/job.ts'
import type { BackfillFailure } from '../../src/schemas/job-answers.ts'
import type { BackfillJson } from '../../src/jobs/backfill/record.ts'
import { createVerification, type Verification } from '../../src/jobs/verification/job.ts'
import type { VerificationOptions } from '../../src/jobs/verification/record.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { type Chain, createChain } from '../../src/chain/fallback.ts'
import { bytesOf } from '../kit/fakes.ts'

/** A queue in memory; tests deliver what was sent, as often as they like. */
export interface HeldQueue {
  sent: PageMessage[]
  metrics?: Queue['metrics']
  sendBatch(messages: Iterable<MessageSendRequest<PageMessage>>): Promise<QueueSendBatchResponse>
}

export function heldQueue(backlog?: number): HeldQueue {
  const sent: PageMessage[] = []
  return {
    sent,
    ...(backlog !== undefined && {
      metrics: async () => ({ backlogCount: backlog, backlogBytes: 0 }) as QueueMetrics,
    }),
    async sendBatch(messages) {
      for (const { body } of messages) sent.push(structuredClone(body))
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } } as QueueSendBatchResponse
    },
  }
}

export interface JobHarness {
  job: Backfill
  chain: Chain
  queue: HeldQueue
  /** The clock of the job; moved on by hand. */
  clock: { now: number }
  /** A new job engine over the same storage, as after a restart. */
  restart(): void
  /** Hands the given messages to a consumer. */
  deliver(messages: readonly PageMessage[], job?: PageJob): Promise<void>
  /** Lets alarms ring and delivers until the job ends, or `rounds` are over. */
  drive(rounds?: number): Promise<BackfillJson>
}

/** Runs `test` with a backfill in the storage of a Durable Object of its own. */
export async function withBackfill(
  backends: readonly Backend[],
  options: Partial<BackfillOptions> & {
    queued?: boolean
    /** What the queue says of its backlog; nothing, as older runtimes, if left out. */
    backlog?: number
    deletes?: 'tombstone' | 'first'
    egress?: EgressPrices
  },
  test: (harness: JobHarness) => Promise<void>,
): Promise<void> {
  const { queued = true, backlog, deletes = 'tombstone', egress = {}, ...given } = options
  const chain = createChain(backends, { deletes })
  await inStorage(async (storage) => {
    const queue = heldQueue(backlog)
    const clock = { now: Date.now() }
    const open = (): Backfill =>
      createBackfill({
        storage,
        chain: () => chain,
        egress: () => egress,
        now: () => clock.now,
        ...(queued && { queue }),
      })
    const harness: JobHarness = {
      job: open(),
      chain,
      queue,
      clock,
      restart() {
        harness.job = open()
      },
      deliver: (messages, job = rpcOf(harness)) =>
        consumePages(messages.map(toMessage), { chain, job: () => job }),
      drive: (rounds = 200) => drive(harness, rounds),
    }
    harness.job.create('job', {
      backends: backends.slice(1).map(({ name }) => name),
      prefix: '',
      dryRun: false,
      maxConcurrency: 4,
      ...given,
    })
    await test(harness)
  })
}

type Differences = ReturnType<Verification['differences']>['differences']

/** Begins a verification and ends it, over the backends of `later` if the configuration changes meanwhile. */
export async function verified(
  backends: readonly Backend[],
  options: Partial<VerificationOptions> & {
    backfills?: BackfillJson[]
    failures?: BackfillFailure[]
    later?: readonly Backend[]
  } = {},
): Promise<ReturnType<Verification['create']> & { all: Differences; bySize: Differences }> {
  const { backfills = [], failures = [], later = backends, ...given } = options
  let chain = createChain(backends, { deletes: 'tombstone' })
  return inStorage(async (storage) => {
    let time = Date.now()
    const open = (): Verification =>
      createVerification({
        storage,
        chain: () => chain,
        backfills: async () => backfills,
        // One at a time: pages must be followed.
        failures: async (_, after) => ({
          failures: failures.slice(after, after + 1),
          cursor: after + 1 < failures.length ? after + 1 : null,
        }),
        // Time flies: each alarm compares no more than it must.
        now: () => (time += 20_000),
      })
    let job = open()
    job.create('job', { prefix: '', deep: false, accept: [], ...given })
    chain = createChain(later, { deletes: 'tombstone' })
    for (let alarm = 0; alarm < 20 && job.status()?.state === 'running'; alarm++) {
      // As after a restart.
      job = open()
      await job.tick()
    }
    const told = job.status()
    if (!told) throw new Error('the verification is gone')
    const all = job.differences(undefined, 0, 1000).differences
    return { ...told, all, bySize: job.differences('equal_by_size', 0, 1000).differences }
  })
}

/** The job as consumers call it. */
export function rpcOf(harness: Pick<JobHarness, 'job'>): PageJob {
  return {
    beginPage: async (page) => harness.job.beginPage(page),
    reportPage: async (page, report) => harness.job.reportPage(page, structuredClone(report)),
    pageGivenUp: async (page, deliveries) => harness.job.pageGivenUp(page, deliveries),
  }
}

/** The same for a consumer that is killed before it can report. */
export function dyingRpcOf(harness: Pick<JobHarness, 'job'>): PageJob {
  return { ...rpcOf(harness), reportPage: () => Promise.reject(new Error('killed')) }
}

export function failuresOf(job: Backfill): NonNullable<ReturnType<Backfill['failures']>>['failures'] {
  return job.failures(0, 100)?.failures ?? []
}

async function drive(harness: JobHarness, rounds: number): Promise<BackfillJson> {
  for (let round = 0; round < rounds; round++) {
    await harness.job.onAlarm()
    const batch = harness.queue.sent.splice(0)
    if (batch.length > 0) await harness.deliver(batch)
    const current = status(harness.job)
    if (!['listing', 'running'].includes(current.state)) return current
    // Whatever the job waits for (retries, a backend) is over by then.
    if (batch.length === 0) harness.clock.now += 15_000
  }
  return status(harness.job)
}

export function status(job: Backfill): BackfillJson {
  const found = job.status()
  if (!found) throw new Error('there is no job')
  return found
}

function toMessage(body: PageMessage): Message<PageMessage> {
  return {
    id: crypto.randomUUID(),
    timestamp: new Date(),
    attempts: 1,
    body,
    ack() {},
    retry() {},
  } as Message<PageMessage>
}

/** A Durable Object's storage whose alarms never ring by themselves. */
async function inStorage<T>(work: (storage: JobStorage) => Promise<T>): Promise<T> {
  const stub = env.BACKFILL_JOBS.get(env.BACKFILL_JOBS.newUniqueId())
  return runInDurableObject(stub, (_, { storage }) =>
    work({
      sql: storage.sql,
      kv: storage.kv,
      transactionSync: (closure) => storage.transactionSync(closure),
      setAlarm: async () => {},
    }),
  )
}

export function nameOf(index: number): string {
  return `photos/${String(index).padStart(5, '0')}.jpg`
}

export async function fill(backend: Pick<Backend, 'put'>, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await backend.put?.(nameOf(index), bytesOf(`bytes ${index}`))
}
