import type { Backfill } from '../../../client/client.ts'
import { Failures } from './failures.tsx'
import { JobCard } from './job-card.tsx'

export { ResyncDialog } from './resync-dialog.tsx'

/** How far a resync is, what can be done with it, and why objects failed. */
export function ResyncProgress({ job, onChange }: { job: Backfill; onChange: () => void }) {
  return (
    <>
      <JobCard job={job} onChange={onChange} />
      {job.failed > 0 && <Failures key={job.id} job={job} onRetry={onChange} />}
    </>
  )
}
