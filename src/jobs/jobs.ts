import type { Backfill } from './backfill/job.ts'
import type { JobIndex, JobKind } from './job-index.ts'
import type { Verification } from './verification/job.ts'
import { mapLimited } from '../storage/map-limited.ts'

/** The Durable Objects of jobs, each addressed by its id. */
export type Jobs = NonNullable<ReturnType<typeof openJobs>>

type Namespaces = Partial<Record<'backfillJobs' | 'verificationJobs' | 'jobIndex', DurableObjectNamespace>>

/** `undefined` if not all three are bound. wrangler.toml says which class a namespace has. */
export function openJobs({ backfillJobs, verificationJobs, jobIndex }: Namespaces) {
  if (!backfillJobs || !verificationJobs || !jobIndex) return undefined
  return {
    backfill: (id: string) => backfillJobs.getByName(id) as DurableObjectStub<Backfill>,
    verification: (id: string) => verificationJobs.getByName(id) as DurableObjectStub<Verification>,
    index: openIndex(jobIndex),
  }
}

/** The index is of use without the jobs, too. */
export function openIndex(namespace: DurableObjectNamespace): () => DurableObjectStub<JobIndex> {
  return () => namespace.getByName('index') as DurableObjectStub<JobIndex>
}

/** As SQLite's LIMIT understands it. */
const ALL = -1

/** The latest jobs of one kind, or all of them, newest first, as `read` returns them. */
export async function latestJobs<Json>(
  jobs: Jobs,
  { kind, limit = ALL }: { kind: JobKind; limit?: number },
  read: (id: string) => Promise<Json | null>,
): Promise<Json[]> {
  const ids = await jobs.index().jobs(kind, limit)
  const latest = await mapLimited(ids, read)
  return latest.filter((job) => job !== null)
}

/** Ids sort by time. */
export function newJobId(now: number): string {
  const random = crypto.getRandomValues(new Uint8Array(6))
  const suffix = [...random].map((byte) => (byte % 36).toString(36)).join('')
  return `${now.toString(36).padStart(9, '0')}${suffix}`
}

export function isJobId(id: string): boolean {
  return /^[0-9a-z]{15}$/.test(id)
}
