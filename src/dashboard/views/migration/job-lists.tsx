import type { Backfill, Verification } from '../../../client/client.ts'
import { formatBytes, formatCount, formatTime } from '../../format.ts'
import { Badge } from '../../parts/badge.tsx'
import { formatRoute } from '../../route.ts'
import { settledOf, STATES } from './jobs.ts'
import { Scope } from './scope.tsx'
import { verdictOf } from './verifications.ts'

interface Props {
  backfills: readonly Backfill[]
  verifications: readonly Verification[]
  /** The id of the backfill that is shown. */
  shown: string | undefined
}

/** All jobs, newest first. */
export function JobLists({ backfills, verifications, shown }: Props) {
  return (
    <div class="columns">
      <section class="card" aria-labelledby="backfills-title">
        <h2 id="backfills-title">Backfills</h2>
        <ul class="job-list">
          {backfills.map((job) => (
            <li key={job.id}>
              <a
                href={formatRoute({ view: 'migration', job: job.id })}
                aria-current={job.id === shown ? 'true' : undefined}
              >
                <BackfillItem job={job} />
              </a>
            </li>
          ))}
        </ul>
        {backfills.length === 0 && <p class="muted">None yet.</p>}
      </section>
      <section class="card" aria-labelledby="verifications-title">
        <h2 id="verifications-title">Verifications</h2>
        <ul class="job-list">
          {verifications.map((job) => (
            <li key={job.id}>
              <a href={formatRoute({ view: 'verification', job: job.id })}>
                <VerificationItem job={job} />
              </a>
            </li>
          ))}
        </ul>
        {verifications.length === 0 && <p class="muted">None yet.</p>}
      </section>
    </div>
  )
}

function BackfillItem({ job }: { job: Backfill }) {
  const { tone, icon, label } = STATES[job.state]
  return (
    <>
      <span class="job-when">{formatTime(job.started)}</span>
      <Badge tone={tone} icon={icon}>
        {label}
      </Badge>
      <span class="muted small">
        {job.dry_run
          ? `dry run, ${formatCount(job.listed)} objects listed`
          : `${formatCount(settledOf(job))} objects, ${formatBytes(job.bytes)}`}{' '}
        from {Object.keys(job.backends).join(', ')} · <Scope job={job} />
      </span>
    </>
  )
}

function VerificationItem({ job }: { job: Verification }) {
  const { tone, icon } = verdictOf(job)
  const isOver = job.state === 'completed'
  return (
    <>
      <span class="job-when">{formatTime(job.started)}</span>
      <Badge tone={tone} icon={icon}>
        {isOver ? (job.safe_to_detach ? 'safe' : 'not safe') : job.state}
      </Badge>
      <span class="muted small">
        {formatCount(job.compared)} objects, {job.deep ? 'by bytes' : 'by size and digest'}
      </span>
    </>
  )
}
