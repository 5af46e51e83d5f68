import { DurableObject } from 'cloudflare:workers'
import type { Deployment } from '../deployment.ts'
import { runInvocation } from '../storage/invocation.ts'
import { egressPrices } from './backfill/egress.ts'
import type { BackfillOptions, PageJob, PageReport } from './backfill/job-types.ts'
import { type Action, createBackfill } from './backfill/job.ts'
import type { ManifestLines } from './backfill/manifest.ts'

/** The class of the Durable Objects that are backfills, one each. */
export function backfillJob(deploymentFor: (env: Env) => Pick<Deployment, 'copyChain' | 'config'>) {
  return class extends DurableObject<Env> implements PageJob {
    readonly #job

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env)
      const queue = env.COPY_QUEUE as Queue | undefined
      this.#job = createBackfill({
        storage: ctx.storage,
        chain: () => deploymentFor(env).copyChain,
        egress: () => egressPrices(deploymentFor(env).config.backends),
        ...(queue && { queue }),
      })
      // A local restart forgets alarms, and the job must go on by itself.
      this.#job.wake()
    }

    override alarm(): Promise<void> {
      return runInvocation(() => this.#job.onAlarm())
    }

    async create(id: string, options: BackfillOptions) {
      return this.#job.create(id, options)
    }

    async status() {
      return this.#job.status()
    }

    async act(action: Action) {
      return this.#job.act(action)
    }

    async failures(after: number, limit: number) {
      return this.#job.failures(after, limit)
    }

    async addNames(lines: ManifestLines) {
      this.#job.addNames(lines)
    }

    async endNames(whole: boolean) {
      return this.#job.endNames(whole)
    }

    async beginPage(page: number) {
      return this.#job.beginPage(page)
    }

    async reportPage(page: number, report: PageReport) {
      this.#job.reportPage(page, report)
    }

    async pageGivenUp(page: number, deliveries: number) {
      this.#job.pageGivenUp(page, deliveries)
    }
  }
}

export type BackfillJob = InstanceType<ReturnType<typeof backfillJob>>
