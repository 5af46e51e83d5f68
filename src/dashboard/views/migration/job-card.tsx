import { useSignal } from '@preact/signals'
import type { Backfill, Counters } from '../../../client/client.ts'
import { destinations } from '../../chain.ts'
import { formatAgo, formatBytes, formatCount, formatPercent } from '../../format.ts'
import { Badge } from '../../parts/badge.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Icon } from '../../parts/icon.tsx'
import { client } from '../../session.ts'
import { ActionButton } from './action-button.tsx'
import { EstimateFacts } from './estimate-facts.tsx'
import { Scope } from './scope.tsx'
import {
  announcement,
  describeLimits,
  fractionOf,
  isMoving,
  isOpen,
  nounOf,
  progressParts,
  skippedReasons,
  STATES,
} from './jobs.ts'
import { WaitingNotice } from './waiting-notice.tsx'

interface Props {
  job: Backfill
  /** Called when a request has changed it. */
  onChange: () => void
}

/** How far a backfill is, from where to where, and what can be done with it. */
export function JobCard({ job, onChange }: Props) {
  const { tone, icon, label } = STATES[job.state]
  return (
    <section class="card job-card" aria-labelledby="job-title">
      <header class="card-head">
        <h2 id="job-title">{titleOf(job)}</h2>
        <Badge tone={tone} icon={icon}>
          {label}
        </Badge>
        <span class="muted small">
          started {formatAgo(job.started)}
          {job.started_by !== null && ` by ${job.started_by}`}
        </span>
        <Actions job={job} onChange={onChange} />
      </header>
      {job.waiting && <WaitingNotice waiting={job.waiting} />}
      {job.dry_run ? <DryRun job={job} /> : <Headline job={job} />}
      {!job.dry_run && <FromTo job={job} />}
      <p class="muted small job-id">
        <Scope job={job} /> · {describeLimits(job)} · <code>{job.id}</code>
      </p>
      <p class="visually-hidden" role="status">
        {announcement(job)}
      </p>
    </section>
  )
}

function Headline({ job }: { job: Backfill }) {
  const fraction = fractionOf(job)
  const parts = progressParts(job)
  return (
    <div class={`job-progress tone-${STATES[job.state].tone}`}>
      <p class="big-figure">{fraction === null ? 'Listing …' : formatPercent(fraction)}</p>
      <ul class="parts">
        {parts.map((part) => (
          <li key={part.replaceAll(/[\d.,]+/g, '')}>{part}</li>
        ))}
      </ul>
      <div
        class="meter"
        data-unknown={fraction === null}
        role="progressbar"
        aria-label="Objects done"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={fraction === null ? undefined : Math.floor(fraction * 100)}
        aria-valuetext={parts[0]}
      >
        <span style={{ width: `${(fraction ?? 0) * 100}%` }} />
      </div>
    </div>
  )
}

function DryRun({ job }: { job: Backfill }) {
  if (isOpen(job) || !job.estimate)
    return <p class="big-figure">{`${formatCount(job.listed)} objects listed so far`}</p>
  return <EstimateFacts estimate={job.estimate} />
}

function titleOf({ dry_run: isDryRun, mirror }: Backfill): string {
  if (mirror !== null) return `Resync of ${mirror}`
  return isDryRun ? 'Dry run' : 'Backfill'
}

function FromTo({ job }: { job: Backfill }) {
  const target = destinations.value.join(', ') || 'the primary'
  return (
    <ul class="from-to" aria-label="From where to where">
      {Object.entries(job.backends).map(([name, counters]) => (
        <li key={name}>
          <h3>
            {job.mirror === null ? name : target} <Icon name="arrow-right" />{' '}
            <span class="visually-hidden">to</span> {job.mirror ?? target}
          </h3>
          <CounterFacts counters={counters} />
          {skippedReasons(counters).length > 0 && (
            <p class="muted small">Skipped: {skippedReasons(counters).join(' · ')}</p>
          )}
        </li>
      ))}
    </ul>
  )
}

function CounterFacts({ counters }: { counters: Counters }) {
  const { copied, present, skipped, failed, bytes } = counters
  return (
    <dl class="counters">
      {Object.entries({ copied, present, skipped, failed }).map(([label, count]) => (
        <div key={label} class={label === 'failed' && count > 0 ? 'tone-bad' : ''}>
          <dt>{label}</dt>
          <dd>{formatCount(count)}</dd>
        </div>
      ))}
      <div>
        <dt>bytes</dt>
        <dd>{formatBytes(bytes)}</dd>
      </div>
    </dl>
  )
}

function Actions({ job, onChange }: Props) {
  const isAsking = useSignal(false)
  const { id } = job
  const noun = nounOf(job)
  const change = (request: (id: string) => Promise<unknown>) => async (): Promise<void> => {
    await request(id)
    onChange()
  }
  return (
    <div class="actions">
      {isOpen(job) && (
        <ActionButton
          icon={isMoving(job) ? 'pause' : 'play'}
          run={change(isMoving(job) ? client.pauseBackfill : client.resumeBackfill)}
        >
          {isMoving(job) ? 'Pause' : 'Resume'}
        </ActionButton>
      )}
      {isOpen(job) && (
        <button type="button" class="danger" onClick={() => (isAsking.value = true)}>
          <Icon name="ban" /> Cancel
        </button>
      )}
      {isAsking.value && (
        <Dialog title={`Cancel this ${noun}?`} onClose={() => (isAsking.value = false)}>
          <p>A cancelled {noun} cannot be resumed. What it has copied stays.</p>
          <footer>
            <button type="button" onClick={() => (isAsking.value = false)}>
              Keep it
            </button>
            <ActionButton
              icon="ban"
              class="danger"
              run={async () => {
                await change(client.cancelBackfill)()
                isAsking.value = false
              }}
            >
              Cancel the {noun}
            </ActionButton>
          </footer>
        </Dialog>
      )}
    </div>
  )
}
