import type { VNode } from 'preact'
import { useSignal } from '@preact/signals'
import type { Backfill, Verification } from '../../../client/client.ts'
import { formatBytes, formatCount, formatTime } from '../../format.ts'
import { Badge } from '../../parts/badge.tsx'
import { formatRoute } from '../../route.ts'
import { settledOf, STATES } from './jobs.ts'
import { Scope } from './scope.tsx'
import { isRollback, isSafe, verdictOf } from './verifications.ts'

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
        <List jobs={backfills}>
          {(job) => (
            <a
              href={formatRoute({ view: 'migration', job: job.id })}
              aria-current={job.id === shown ? 'true' : undefined}
            >
              <BackfillItem job={job} />
            </a>
          )}
        </List>
      </section>
      <section class="card" aria-labelledby="verifications-title">
        <h2 id="verifications-title">Verifications</h2>
        <List jobs={verifications}>
          {(job) => (
            <a href={formatRoute({ view: 'verification', job: job.id })}>
              <VerificationItem job={job} />
            </a>
          )}
        </List>
      </section>
    </div>
  )
}

const SHOWN = 6

interface ListProps<Job> {
  jobs: readonly Job[]
  children: (job: Job) => VNode
}

function List<Job extends { id: string }>({ jobs, children }: ListProps<Job>) {
  const isWhole = useSignal(false)
  if (jobs.length === 0) return <p class="muted">None yet.</p>
  return (
    <>
      <ul class="job-list">
        {jobs.slice(0, isWhole.value ? undefined : SHOWN).map((job) => (
          <li key={job.id}>{children(job)}</li>
        ))}
      </ul>
      {jobs.length > SHOWN && !isWhole.value && (
        <button type="button" class="more" onClick={() => (isWhole.value = true)}>
          Show all {jobs.length}
        </button>
      )}
    </>
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
        {job.mirror === null
          ? `from ${Object.keys(job.backends).join(', ')}`
          : `in a resync of ${job.mirror}`}{' '}
        · <Scope job={job} />
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
        {isOver ? (isSafe(job) ? 'safe' : 'not safe') : job.state}
      </Badge>
      <span class="muted small">
        {isRollback(job) && 'rollback: '}
        {formatCount(job.compared)} objects, {job.deep ? 'by bytes' : 'by size and digest'}
      </span>
    </>
  )
}
