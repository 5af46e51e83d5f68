import pLimit from 'p-limit'
import type { Backfill } from './backfill/job.ts'
import type { JobIndex, JobKind } from './job-index.ts'
import type { Verification } from './verification/job.ts'

/** The Durable Objects of jobs, each addressed by its id. */
export interface Jobs {
  backfill(id: string): DurableObjectStub<Backfill>
  verification(id: string): DurableObjectStub<Verification>
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
    backfillJobs?: DurableObjectNamespace<Backfill>
    verificationJobs?: DurableObjectNamespace<Verification>
    jobIndex?: DurableObjectNamespace<JobIndex>
  }
  if (!backfillJobs || !verificationJobs || !jobIndex) return undefined
  return {
    backfill: (id) => backfillJobs.getByName(id),
    verification: (id) => verificationJobs.getByName(id),
    index: () => jobIndex.getByName('index'),
  }
}

const CONCURRENCY = 5

/** The latest jobs of one kind, newest first, as `read` returns them. */
export async function latestJobs<Json>(
  jobs: Jobs,
  { kind, limit }: { kind: JobKind; limit: number },
  read: (id: string) => Promise<Json | null>,
): Promise<Json[]> {
  const ids = await jobs.index().jobs(kind, limit)
  const inTurn = pLimit(CONCURRENCY)
  const latest = await Promise.all(ids.map((id) => inTurn(() => read(id))))
  return latest.filter((job) => job !== null)
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
