import { useSignal } from '@preact/signals'
import type { Verification } from '../../../client/client.ts'
import { formatAgo, formatCount, plural } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { formatRoute } from '../../route.ts'
import { client } from '../../session.ts'
import { ActionButton } from './action-button.tsx'
import { WaitingNotice } from './job-card.tsx'
import { describeComparison, summaryOf, verdictOf } from './verifications.ts'
import { VerifyDialog } from './verify-dialog.tsx'

interface Props {
  /** The latest one, if there is one. */
  job: Verification | undefined
  onChange: () => void
}

/** Whether the fallbacks can be detached, as the latest verification found. */
export function VerificationCard({ job, onChange }: Props) {
  const isStarting = useSignal(false)
  return (
    <section class="card" aria-labelledby="certificate-title">
      <header class="card-head">
        <h2 id="certificate-title">Certificate</h2>
        <div class="actions">
          {job?.state === 'running' && (
            <ActionButton
              icon="ban"
              run={async () => {
                await client.cancelVerification(job.id)
                onChange()
              }}
            >
              Cancel
            </ActionButton>
          )}
          {job?.state !== 'running' && (
            <button type="button" onClick={() => (isStarting.value = true)}>
              <Icon name="shield-check" /> Verify …
            </button>
          )}
          {job && (
            <a class="button" href={formatRoute({ view: 'verification', job: job.id })}>
              <Icon name="file-text" /> Open certificate
            </a>
          )}
        </div>
      </header>
      {job ? (
        <Result job={job} />
      ) : (
        <p class="muted">
          Nothing has been compared yet. A verification compares every object of the fallbacks with the
          primary, and says whether they can be detached.
        </p>
      )}
      {isStarting.value && (
        <VerifyDialog
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

function Result({ job }: { job: Verification }) {
  if (job.state === 'running')
    return (
      <>
        <Verdict job={job} />
        {job.waiting && <WaitingNotice waiting={job.waiting} />}
        <p>
          {plural(job.compared, 'object')} compared so far
          {job.passes > 1 && `, in pass ${formatCount(job.passes)}`}.
        </p>
      </>
    )
  return (
    <>
      <Verdict job={job} />
      {job.reasons.length > 0 && (
        <ul>
          {job.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
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
