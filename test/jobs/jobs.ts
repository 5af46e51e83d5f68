import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { consumePages } from '../../src/jobs/backfill/consumer.ts'
import type { PricedBackend } from '../../src/jobs/backfill/estimate.ts'
import type {
  BackfillOptions,
  BackfillRecord,
  PageJob,
  PageMessage,
} from '../../src/jobs/backfill/job-types.ts'
import { Backfill } from '../../src/jobs/backfill/job.ts'
import type {
  Backfill as BackfillJson,
  BackfillFailure,
  Difference,
  Verification as VerificationJson,
} from '../../src/schemas/job-answers.ts'
import type { Evidence } from '../../src/jobs/verification/evidence.ts'
import { Verification } from '../../src/jobs/verification/job.ts'
import type { MirrorState } from '../../src/jobs/verification/rollback.ts'
import type { VerificationOptions, VerificationRecord } from '../../src/jobs/verification/record.ts'
import type { Deployment } from '../../src/deployment.ts'
import { openMirrors } from '../../src/mirrors/mirrors.ts'
import { type Backend, isWritable } from '../../src/storage/backend.ts'
import { type Chain, createChain, type DeleteMode } from '../../src/chain/fallback.ts'
import { bytesOf } from '../kit/fakes.ts'

/** A queue in memory; tests deliver its messages as often as they like. */
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
  /** The job's clock, which tests advance. */
  clock: { now: number }
  /** Every time that the job has set its alarm to. */
  alarms: number[]
  /** A new job engine over the same storage, as after a restart. */
  restart(): void
  /** Removes what earlier versions did not store: their jobs continue. */
  forget(): void
  /** Delivers the given messages to a consumer. */
  deliver(messages: readonly PageMessage[], job?: PageJob): Promise<void>
  /** Runs alarms and delivers messages until the job ends, or for `rounds` rounds. */
  drive(rounds?: number): Promise<BackfillJson>
}

/** Runs `test` with a backfill in the storage of a new Durable Object. */
export async function withBackfill(
  backends: readonly Backend[],
  options: Partial<BackfillOptions> & {
    queued?: boolean
    /** The backlog that the queue reports; by default none, as in older runtimes. */
    backlog?: number
    deletes?: DeleteMode
    /** The configuration for looking up prices. */
    configured?: readonly PricedBackend[]
  },
  test: (harness: JobHarness) => Promise<void>,
): Promise<void> {
  const { queued = true, backlog, deletes = 'tombstone', configured = [], ...given } = options
  const chain = createChain(backends, { deletes })
  const mirrors = openMirrors(backends, { namespace: env.MIRROR_LOG, tombstones: true })
  await inObject(async (ctx) => {
    const queue = heldQueue(backlog)
    const clock = { now: Date.now() }
    const alarms: number[] = []
    class TestJob extends Backfill {
      protected override readonly deployment = () => ({ ...deploymentOver(chain, configured), mirrors })
      protected override queue() {
        return queued ? queue : undefined
      }
      protected override now() {
        return clock.now
      }
      protected override async setAlarm(time: number) {
        alarms.push(time)
      }
    }
    const open = (): Backfill => new TestJob(ctx, env)
    const harness: JobHarness = {
      job: open(),
      chain,
      queue,
      clock,
      alarms,
      restart() {
        harness.job = open()
      },
      forget() {
        ctx.storage.sql.exec('DROP TABLE series')
        const { samples: _, ...record } = ctx.storage.kv.get<BackfillRecord>('backfill-2') ?? {}
        ctx.storage.kv.put('backfill-2', record)
      },
      deliver: (messages, job = rpcOf(harness)) =>
        consumePages(messages.map(toMessage), { chain, mirrors, job: () => job }),
      drive: (rounds = 200) => drive(harness, rounds),
    }
    harness.job.create('job', {
      backends: given.mirror === undefined ? backends.slice(1).map(({ name }) => name) : [given.mirror],
      prefix: '',
      dryRun: false,
      maxConcurrency: 4,
      ...given,
    })
    await test(harness)
  })
}

/** As without the Durable Objects that count and receive. */
const UNSEEN: Evidence = {
  at: Date.now(),
  dependence: { unseen: 'a test counts nothing' },
  sources: { unseen: 'a test receives nothing' },
  mirrors: [],
}

/** Runs a verification, over the backends of `later` if the configuration changes meanwhile. */
export async function verified(
  backends: readonly Backend[],
  options: Partial<VerificationOptions> & {
    /** They are asked for before each pass and at the end. */
    backfills?: BackfillJson[] | (() => Promise<BackfillJson[]>)
    failures?: BackfillFailure[]
    later?: readonly Backend[]
    /** What the log of changes says about the mirrors, each time that it is asked. */
    states?: () => MirrorState[] | Promise<MirrorState[]>
    /** What is known at its end. */
    evidence?: Evidence
    /** The chain has another configuration in the end, or for a time. */
    reconfigured?: boolean | 'for a time'
    deletes?: DeleteMode
    /** Resolves when the next alarm is killed; by default none is. */
    dies?: () => Promise<void>
    /** Gets how long each restarted job waits before it continues. */
    waits?: number[]
    purge?: Deployment['purge']
    /** Makes the stored job one that an earlier version has begun. */
    age?: (record: VerificationRecord) => void
  } = {},
): Promise<VerificationJson & { all: Difference[]; bySize: Difference[] }> {
  const {
    backfills = [],
    failures = [],
    later = backends,
    states = () => [],
    evidence = UNSEEN,
    reconfigured = false,
    deletes = 'tombstone',
    dies = () => new Promise(() => {}),
    waits = [],
    purge = async () => {},
    age,
    ...given
  } = options
  let chain = createChain(backends, { deletes })
  const configured = backends.map((backend) => ({
    name: backend.name,
    read_only: !isWritable(backend),
    mirror: backend.mirror ?? false,
  }))
  return inObject(async (ctx) => {
    let time = Date.now()
    let migration = true
    let wait = 0
    class TestJob extends Verification {
      protected override readonly deployment = () => {
        const deployment = deploymentOver(chain, [])
        const configuration = { ...deployment.configuration, backends: configured, migration }
        return { ...deployment, configuration, purge }
      }
      protected override async backfills() {
        return typeof backfills === 'function' ? backfills() : backfills
      }
      /** One at a time: pages must be followed. */
      protected override async failures(_: string, after: number) {
        const cursor = after + 1 < failures.length ? String(after + 1) : null
        return { failures: failures.slice(after, after + 1), cursor }
      }
      protected override async mirrorStates() {
        return states()
      }
      protected override async evidence() {
        return evidence
      }
      /** Time passes quickly, so that each alarm compares as little as possible. */
      protected override now() {
        return (time += 20_000)
      }
      protected override async setAlarm(at: number) {
        wait = at - time
      }
    }
    let job = new TestJob(ctx, env)
    job.create('job', { prefix: '', deep: false, accept: [], ...given })
    const stored = ctx.storage.kv.get<VerificationRecord>('verification')
    if (age && stored) {
      age(stored)
      ctx.storage.kv.put('verification', stored)
    }
    chain = createChain(later, { deletes })
    for (let alarm = 0; alarm < 100 && job.status()?.state === 'running'; alarm++) {
      // As after a restart.
      job = new TestJob(ctx, env)
      waits.push(wait)
      if (reconfigured === 'for a time') migration = alarm !== 1
      await Promise.race([job.alarm(), dies()])
    }
    if (reconfigured) migration = reconfigured === 'for a time'
    const result = job.status()
    const all = job.differences(undefined, 0, 1000)?.differences
    const bySize = job.differences('equal_by_size', 0, 1000)?.differences
    if (!result || !all || !bySize) throw new Error('the verification is gone')
    return { ...result, all, bySize }
  })
}

/** The job as consumers call it. */
export function rpcOf(harness: Pick<JobHarness, 'job'>): PageJob {
  return {
    beginPage: async (page) => harness.job.beginPage(page),
    reportPage: async (page, report) => harness.job.reportPage(page, structuredClone(report)),
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
    await harness.job.alarm()
    const batch = harness.queue.sent.splice(0)
    if (batch.length > 0) await harness.deliver(batch)
    const current = status(harness.job)
    if (!['listing', 'running'].includes(current.state)) return current
    // Long enough for anything that the job waits for (retries, a backend).
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

/** Runs `work` with the state of a new Durable Object. */
export async function inObject<T>(work: (ctx: DurableObjectState) => Promise<T>): Promise<T> {
  const stub = env.BACKFILL_JOBS.get(env.BACKFILL_JOBS.newUniqueId())
  return runInDurableObject(stub, (_, ctx) => work(ctx))
}

function deploymentOver(
  copyChain: Chain,
  backends: readonly PricedBackend[],
): ReturnType<Verification['deployment']> {
  return {
    copyChain,
    comparedChain: copyChain,
    config: { backends } as Deployment['config'],
    configuration: { backends: [], migration: true, deletes: 'tombstone' },
    purge: async () => {},
    id: 'test',
    mirrors: null,
    series: null,
    sources: { changes: undefined },
  }
}

export function nameOf(index: number): string {
  return `photos/${String(index).padStart(5, '0')}.jpg`
}

export async function fill(backend: Pick<Backend, 'put'>, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await backend.put?.(nameOf(index), bytesOf(`bytes ${index}`))
}
