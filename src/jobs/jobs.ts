import type { BackfillJob } from './backfill-job.ts'
import type { JobIndex } from './job-index.ts'
import type { VerificationJob } from './verification-job.ts'

/** The Durable Objects of jobs, each addressed by its id. */
export interface Jobs {
  backfill(id: string): DurableObjectStub<BackfillJob>
  verification(id: string): DurableObjectStub<VerificationJob>
  index(): DurableObjectStub<JobIndex>
}

/** A namespace has the class that wrangler.toml gives it. */
export interface JobNamespaces {
  backfillJobs?: DurableObjectNamespace
  verificationJobs?: DurableObjectNamespace
  jobIndex?: DurableObjectNamespace
}

/** `undefined` where not all three are bound. */
export function openJobs(namespaces: JobNamespaces): Jobs | undefined {
  const { backfillJobs, verificationJobs, jobIndex } = namespaces as {
    backfillJobs?: DurableObjectNamespace<BackfillJob>
    verificationJobs?: DurableObjectNamespace<VerificationJob>
    jobIndex?: DurableObjectNamespace<JobIndex>
  }
  if (!backfillJobs || !verificationJobs || !jobIndex) return undefined
  return {
    backfill: (id) => backfillJobs.getByName(id),
    verification: (id) => verificationJobs.getByName(id),
    index: () => jobIndex.getByName('index'),
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
