import worker, { BackfillJob as Job } from '../../src/index.ts'

export { JobIndex, TimeSeries, VerificationJob } from '../../src/index.ts'

/** The origin of a put: a read that writes back, or the backfill (its queue consumers and Durable Objects). */
type Putter = 'read' | 'backfill'

interface CountedEnv extends Env {
  /** Requested before each put, so that those of a killed Worker count too. */
  PUT_COUNTER: string
}

/** The Worker builds its backends once for each `env`. */
const wrapped: Record<Putter, WeakMap<Env, Env>> = { read: new WeakMap(), backfill: new WeakMap() }

function counted(env: Env, putter: Putter): Env {
  const known = wrapped[putter].get(env)
  if (known) return known
  const { PUT_COUNTER } = env as CountedEnv
  const report = async (): Promise<void> => {
    await (await fetch(`${PUT_COUNTER}${putter}`, { method: 'POST' })).text()
  }
  const own = { ...env, MEDIA: countingBucket(env.MEDIA, report) }
  wrapped[putter].set(env, own)
  return own
}

function countingBucket(bucket: R2Bucket, report: () => Promise<void>): R2Bucket {
  return new Proxy(bucket, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property)
      if (typeof member !== 'function') return member
      if (property !== 'put' && property !== 'createMultipartUpload') return member.bind(target) as unknown
      return async (...call: unknown[]) => {
        await report()
        return Reflect.apply(member, target, call) as unknown
      }
    },
  })
}

/** Counts the puts of alarms, where the job copies by itself. */
export class BackfillJob extends Job {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, counted(env, 'backfill'))
  }
}

export default {
  fetch: (request, env, ctx) => worker.fetch(request, counted(env, 'read'), ctx),
  queue: (batch, env) => worker.queue(batch, counted(env, 'backfill')),
} satisfies ExportedHandler<Env, Parameters<typeof worker.queue>[0]['messages'][number]['body']>
