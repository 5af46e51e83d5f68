import { DurableObject } from 'cloudflare:workers'
import pLimit from 'p-limit'
import type { Deployment } from '../deployment.ts'
import { runInvocation } from '../storage/invocation.ts'
import type { BackfillJson } from './backfill/record.ts'
import { type Jobs, openJobs } from './jobs.ts'
import type { DifferenceKind } from './verification/compare.ts'
import { createVerification } from './verification/job.ts'
import type { VerificationOptions } from './verification/record.ts'

/** Backfills whose state matters to a verification; older ones are settled long since. */
const MAX_BACKFILLS = 200
const CONCURRENCY = 5
/** Failures read in one call. */
const FAILURES = 1000
const NO_FAILURES = { failures: [], cursor: null }

/** The class of the Durable Objects that are verifications, one each. */
export function verificationJob(deploymentFor: (env: Env) => Pick<Deployment, 'copyChain' | 'config'>) {
  return class extends DurableObject<Env> {
    readonly #job

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env)
      this.#job = createVerification({
        storage: ctx.storage,
        chain: () => deploymentFor(env).copyChain,
        backfills: () => allBackfills(jobsOf(deploymentFor(env))),
        failures: async (id, after) =>
          (await jobsOf(deploymentFor(env)).backfill(id).failures(after, FAILURES)) ?? NO_FAILURES,
      })
      // A local restart forgets alarms, and the job must go on by itself.
      this.#job.wake()
    }

    override alarm(): Promise<void> {
      return runInvocation(() => this.#job.tick())
    }

    async create(id: string, options: VerificationOptions) {
      return this.#job.create(id, options)
    }

    async status() {
      return this.#job.status()
    }

    async cancel() {
      return this.#job.cancel()
    }

    async differences(kind: DifferenceKind | undefined, after: number, limit: number) {
      return this.#job.differences(kind, after, limit)
    }
  }
}

export type VerificationJob = InstanceType<ReturnType<typeof verificationJob>>

function jobsOf({ config }: Pick<Deployment, 'config'>): Jobs {
  const jobs = openJobs(config.services)
  if (!jobs) throw new Error('BACKFILL_JOBS, VERIFICATION_JOBS and JOB_INDEX must all be bound')
  return jobs
}

async function allBackfills(jobs: Jobs): Promise<BackfillJson[]> {
  const ids = await jobs.index().jobs('backfill', MAX_BACKFILLS)
  const limit = pLimit(CONCURRENCY)
  const found = await Promise.all(ids.map((id) => limit(() => jobs.backfill(id).status())))
  return found.filter((job) => job !== null)
}
