import { mapLimited } from '../storage/map-limited.ts'
import type { Backfill } from './backfill/job.ts'
import type { JobIndex, JobKind } from './job-index.ts'

export type Namespaces = Partial<
  Record<'backfillJobs' | 'verificationJobs' | 'jobIndex', DurableObjectNamespace>
>

/** The Durable Objects of backfills, each addressed by its id, and the index of all jobs. */
export type Backfills = NonNullable<ReturnType<typeof openBackfills>>

/** `undefined` if they are not bound. wrangler.toml says which class a namespace has. */
export function openBackfills({ backfillJobs, jobIndex }: Namespaces) {
  if (!backfillJobs || !jobIndex) return undefined
  return {
    backfill: (id: string) => backfillJobs.getByName(id) as DurableObjectStub<Backfill>,
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
  { index }: Pick<Backfills, 'index'>,
  { kind, limit = ALL }: { kind: JobKind; limit?: number },
  read: (id: string) => Promise<Json | null>,
): Promise<Json[]> {
  const ids = await index().jobs(kind, limit)
  const latest = await mapLimited(ids, read)
  return latest.filter((job) => job !== null)
}
