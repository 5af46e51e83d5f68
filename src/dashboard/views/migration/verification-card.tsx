import { useSignal } from '@preact/signals'
import type { Verification } from '../../../client/client.ts'
import { formatAgo, formatCount, plural } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { visible } from '../../parts/name.tsx'
import { formatRoute } from '../../route.ts'
import { client } from '../../session.ts'
import { ActionButton } from './action-button.tsx'
import { Unmet } from './conditions.tsx'
import { describeComparison, summaryOf, verdictOf } from './verifications.ts'
import { type VerificationDirection, VerifyDialog } from './verify-dialog.tsx'
import { WaitingNotice } from './waiting-notice.tsx'

interface Props {
  direction: VerificationDirection
  /** Those of that direction, newest first. */
  jobs: readonly Verification[]
  onChange: () => void
}

const WORDS = {
  detach: {
    title: 'Certificate',
    none: 'A verification compares every object of the fallbacks with what was moved or saved here, and says whether they can be detached.',
  },
  rollback: {
    title: 'Can you go back?',
    none: 'A verification of the way back compares every object that is stored here with the mirrors, and says whether a mirror can become the primary again.',
  },
}

/** Whether the fallbacks can be detached, or the move be undone, as the last completed verification found. */
export function VerificationCard({ direction, jobs, onChange }: Props) {
  const isStarting = useSignal(false)
  const { title, none } = WORDS[direction]
  const running = jobs.filter(({ state }) => state === 'running')
  const last = jobs.find(({ state }) => state === 'completed')
  return (
    <section class="card" aria-labelledby="certificate-title">
      <header class="card-head">
        <h2 id="certificate-title">{title}</h2>
        <div class="actions">
          <button type="button" onClick={() => (isStarting.value = true)}>
            <Icon name="shield-check" /> Verify …
          </button>
          {last && (
            <a class="button" href={formatRoute({ view: 'verification', job: last.id })}>
              <Icon name="file-text" /> Open certificate
            </a>
          )}
        </div>
      </header>
      {running.map((job) => (
        <Progress key={job.id} job={job} onChange={onChange} />
      ))}
      {last && <Result job={last} />}
      {!last && running.length === 0 && <p class="muted">Nothing has been compared yet. {none}</p>}
      {isStarting.value && (
        <VerifyDialog
          direction={direction}
          onClose={() => (isStarting.value = false)}
          onStarted={() => {
            isStarting.value = false
            onChange()
          }}
        />
      )}
    </section>
  )
}

function Progress({ job, onChange }: { job: Verification; onChange: () => void }) {
  return (
    <div class="card-head">
      <div>
        <Verdict job={job} />
        {job.waiting && <WaitingNotice waiting={job.waiting} />}
        <p>
          {plural(job.compared, 'object')} compared so far
          {job.passes > 1 && `, in pass ${formatCount(job.passes)}`}
          {job.prefix !== '' && `, of the names that begin with “${visible(job.prefix)}”`}.
        </p>
      </div>
      <div class="actions">
        <ActionButton
          icon="ban"
          run={async () => {
            await client.cancelVerification(job.id)
            onChange()
          }}
        >
          Cancel
        </ActionButton>
      </div>
    </div>
  )
}

function Result({ job }: { job: Verification }) {
  return (
    <>
      <Verdict job={job} />
      <Unmet job={job} />
      <p class="muted small">
        {summaryOf(job)}. {describeComparison(job)}{' '}
        {job.finished !== null && `Ended ${formatAgo(job.finished)}.`}
      </p>
    </>
  )
}

export function Verdict({ job }: { job: Verification }) {
  const { tone, icon, title } = verdictOf(job)
  return (
    <p class={`verdict tone-${tone}`} role="status">
      <Icon name={icon} /> <strong>{title}</strong>
    </p>
  )
}
