import type { BackfillOptions, PageDesk } from './backfill/job-types.ts'
import type { Action, ActionResult, ToldFailure } from './backfill/job.ts'
import type { ManifestLines } from './backfill/manifest.ts'
import type { BackfillJson } from './backfill/record.ts'
import type { DeadCopy } from '../migration/copy-consumer.ts'
import type { BuriedCopy, JobKind } from './job-index.ts'
import type { UploadLedger } from '../migration/open-uploads.ts'
import type { Difference, DifferenceKind } from './verification/compare.ts'
import type { VerificationJson, VerificationOptions } from './verification/record.ts'

/** What is called of a job's Durable Object. */
export interface JobRpc extends PageDesk {
  createBackfill(id: string, options: BackfillOptions): Promise<BackfillJson>
  /** `null` where no such job was created; so with all that follow. */
  backfill(): Promise<BackfillJson | null>
  act(action: Action): Promise<ActionResult | null>
  failures(after: number, limit: number): Promise<{ failures: ToldFailure[]; cursor: number | null }>
  addNames(lines: ManifestLines): Promise<void>
  endNames(whole: boolean): Promise<BackfillJson | null>
  createVerification(id: string, options: VerificationOptions): Promise<VerificationJson>
  verification(): Promise<VerificationJson | null>
  cancelVerification(): Promise<VerificationJson | null>
  differences(
    kind: DifferenceKind | undefined,
    after: number,
    limit: number,
  ): Promise<{ differences: Difference[]; cursor: number | null }>
}

/** What is called of the one object that knows all jobs. */
export interface JobIndexRpc extends UploadLedger {
  register(id: string, kind: JobKind): Promise<void>
  /** Ids, newest first. */
  jobs(kind: JobKind, limit: number): Promise<string[]>
  /** Records a copy that was given up. */
  bury(dead: DeadCopy): Promise<void>
  /** Newest first. */
  buried(limit: number): Promise<BuriedCopy[]>
}

export interface Jobs {
  job(id: string): JobRpc
  index(): JobIndexRpc
}

/** No job's id can be this one. */
const INDEX = 'index'

/** A namespace tells nothing of its class, which is the wiring's: the object behind it implements both interfaces. */
export function openJobs(namespace: DurableObjectNamespace): Jobs {
  return {
    job: (id) => namespace.getByName(id) as unknown as JobRpc,
    index: () => namespace.getByName(INDEX) as unknown as JobIndexRpc,
  }
}

/** Sorts by the time it was made. */
export function newJobId(now: number): string {
  const random = crypto.getRandomValues(new Uint8Array(6))
  const suffix = [...random].map((byte) => (byte % 36).toString(36)).join('')
  return `${now.toString(36).padStart(9, '0')}${suffix}`
}

export function isJobId(id: string): boolean {
  return /^[0-9a-z]{15}$/.test(id)
}
