import { DurableObject } from 'cloudflare:workers'
import pLimit from 'p-limit'
import { runInvocation } from './backends/invocation.ts'
import { deploymentFor } from './deployment.ts'
import { egressPrices } from './jobs/backfill/egress.ts'
import type { BackfillOptions, Claim, PageReport } from './jobs/backfill/job-types.ts'
import { type Action, type ActionResult, type Backfill, createBackfill } from './jobs/backfill/job.ts'
import type { ManifestLines } from './jobs/backfill/manifest.ts'
import type { BackfillJson } from './jobs/backfill/record.ts'
import type { DeadCopy } from './migration/copy-consumer.ts'
import { type BuriedCopy, createJobIndex, type JobIndex, type JobKind } from './jobs/job-index.ts'
import { type JobIndexRpc, type JobRpc, openJobs } from './jobs/jobs.ts'
import type { OpenUpload } from './migration/open-uploads.ts'
import type { DifferenceKind } from './jobs/verification/compare.ts'
import { createVerification, type Verification } from './jobs/verification/job.ts'
import type { VerificationJson, VerificationOptions } from './jobs/verification/record.ts'

/** Jobs whose state a verification asks for; older ones are settled long since. */
const MAX_JOBS = 200
/** Failures asked for in one call. */
const FAILURES = 1000
const CONCURRENCY = 5

/** One backfill or verification; or, under the name `index`, the list of them all. */
export class BackfillJob extends DurableObject<Env> implements JobRpc, JobIndexRpc {
  readonly #backfill: Backfill
  readonly #verification: Verification
  readonly #index: JobIndex

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const { storage } = ctx
    const chain = () => deploymentFor(env).copyChain
    const egress = () => egressPrices(deploymentFor(env).config.backends)
    const queue = env.COPY_QUEUE as Queue | undefined
    this.#backfill = createBackfill({ storage, chain, egress, ...(queue && { queue }) })
    this.#verification = createVerification({
      storage,
      chain,
      backfills: () => allBackfills(env),
      failures: (id, after) => openJobs(env.BACKFILL_JOBS).job(id).failures(after, FAILURES),
    })
    this.#index = createJobIndex(storage)
    // A local restart forgets alarms, and a job must not wait for somebody to ask.
    this.#backfill.wake()
    this.#verification.wake()
  }

  override async alarm(): Promise<void> {
    await runInvocation(async () => {
      await this.#backfill.tick()
      await this.#verification.tick()
    })
  }

  async createBackfill(id: string, options: BackfillOptions): Promise<BackfillJson> {
    return this.#backfill.create(id, options)
  }

  async backfill(): Promise<BackfillJson | null> {
    return this.#backfill.status()
  }

  async act(action: Action): Promise<ActionResult | null> {
    return this.#backfill.act(action)
  }

  async failures(after: number, limit: number) {
    return this.#backfill.failures(after, limit)
  }

  async addNames(lines: ManifestLines): Promise<void> {
    this.#backfill.addNames(lines)
  }

  async endNames(whole: boolean): Promise<BackfillJson | null> {
    return this.#backfill.endNames(whole)
  }

  async claim(lease: string, pages: readonly number[]): Promise<Claim> {
    return this.#backfill.claim(lease, pages)
  }

  async report(lease: string, page: number, report: PageReport): Promise<boolean> {
    return this.#backfill.report(lease, page, report)
  }

  async createVerification(id: string, options: VerificationOptions): Promise<VerificationJson> {
    return this.#verification.create(id, options)
  }

  async verification(): Promise<VerificationJson | null> {
    return this.#verification.status()
  }

  async cancelVerification(): Promise<VerificationJson | null> {
    return this.#verification.cancel()
  }

  async differences(kind: DifferenceKind | undefined, after: number, limit: number) {
    return this.#verification.differences(kind, after, limit)
  }

  async register(id: string, kind: JobKind): Promise<void> {
    this.#index.register(id, kind)
  }

  async jobs(kind: JobKind, limit: number): Promise<string[]> {
    return this.#index.jobs(kind, limit)
  }

  async bury(dead: DeadCopy): Promise<void> {
    this.#index.bury(dead)
  }

  async buried(limit: number): Promise<BuriedCopy[]> {
    return this.#index.buried(limit)
  }

  async openUpload(upload: OpenUpload): Promise<void> {
    this.#index.openUpload(upload)
  }

  async closeUpload(upload: OpenUpload): Promise<OpenUpload[]> {
    return this.#index.closeUpload(upload)
  }
}

async function allBackfills(env: Env): Promise<BackfillJson[]> {
  const jobs = openJobs(env.BACKFILL_JOBS)
  const ids = await jobs.index().jobs('backfill', MAX_JOBS)
  const limit = pLimit(CONCURRENCY)
  const found = await Promise.all(ids.map((id) => limit(() => jobs.job(id).backfill())))
  return found.filter((job) => job !== null)
}
