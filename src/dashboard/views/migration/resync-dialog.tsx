import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Verification } from '../../../client/client.ts'
import { formatCount, plural } from '../../format.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Loading, Stale } from '../../parts/page.tsx'
import { describeShort, Problem } from '../../parts/problem.tsx'
import { showToast } from '../../parts/toast.tsx'
import { usePoll } from '../../poll.ts'
import { client } from '../../session.ts'
import { Cancelled } from './cancelled.tsx'
import { SpeedForm } from './speed-form.tsx'
import { plannedRepairs } from './verifications.ts'
import { WaitingNotice } from './waiting-notice.tsx'

interface Props {
  mirror: string
  onClose: () => void
  onStarted: () => void
}

/** Starts a resync, always after a comparison of the same names, which says what it would do. */
export function ResyncDialog({ mirror, onClose, onStarted }: Props) {
  const prefix = useSignal('')
  const comparison = useSignal<string | undefined>(undefined)
  const isClosed = useRef(false)
  useEffect(() => () => void (isClosed.current = true), [])
  return (
    <Dialog title={`Resync ${mirror}`} onClose={onClose}>
      {comparison.value === undefined ? (
        <ScopeForm
          mirror={mirror}
          prefix={prefix.value}
          onCompare={async (chosen) => {
            const request = { direction: 'rollback', mirror, prefix: chosen } as const
            const { id } = await client.startVerification(request)
            if (isClosed.current) return cancelComparison(id)
            comparison.value = id
            prefix.value = chosen
          }}
        />
      ) : (
        <Comparison
          id={comparison.value}
          mirror={mirror}
          onBack={() => (comparison.value = undefined)}
          onStart={async (speed) => {
            await client.resyncMirror(mirror, { prefix: prefix.value, ...speed })
            onStarted()
          }}
        />
      )}
    </Dialog>
  )
}

/** Whoever leaves a comparison does not wait for it any more. */
async function cancelComparison(id: string): Promise<void> {
  try {
    await client.cancelVerification(id)
  } catch (failure) {
    showToast(describeShort(failure), { tone: 'bad' })
  }
}

interface ScopeFormProps {
  mirror: string
  prefix: string
  onCompare: (prefix: string) => Promise<void>
}

function ScopeForm({ mirror, prefix, onCompare }: ScopeFormProps) {
  const error = useSignal<unknown>(undefined)
  const isBusy = useSignal(false)
  const compare = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    if (isBusy.value) return
    isBusy.value = true
    try {
      await onCompare(new FormData(event.currentTarget as HTMLFormElement).get('prefix') as string)
    } catch (failure) {
      error.value = failure
      isBusy.value = false
    }
  }
  return (
    <form class="form" onSubmit={(event) => void compare(event)}>
      <p class="muted">
        A resync makes {mirror} equal to what is stored here: it copies what is missing or differs there, and
        deletes what was deleted. What only {mirror} has stays. A comparison comes first, and changes nothing.
      </p>
      <label class="field">
        Only names that begin with
        <input
          name="prefix"
          defaultValue={prefix}
          placeholder="all names"
          autoComplete="off"
          spellcheck={false}
        />
      </label>
      {error.value !== undefined && <Problem error={error.value} />}
      <footer>
        <button type="submit" class="primary" aria-disabled={isBusy.value}>
          <Icon name="search" /> Compare
        </button>
      </footer>
    </form>
  )
}

interface ComparisonProps {
  id: string
  mirror: string
  onBack: () => void
  onStart: Parameters<typeof SpeedForm>[0]['onStart']
}

function Comparison({ id, mirror, onBack, onStart }: ComparisonProps) {
  const {
    data: job,
    error,
    at,
    reload,
  } = usePoll(`verification/${id}`, () => client.verification(id), {
    every: ({ state }) => (state === 'running' ? 1000 : null),
  })
  const isRunning = useRef(true)
  isRunning.current = job === undefined || job.state === 'running'
  useEffect(
    () => () => {
      if (isRunning.current) void cancelComparison(id)
    },
    [id],
  )
  if (!job) return error === undefined ? <Loading /> : <Problem error={error} retry={reload} />
  if (job.state === 'running')
    return (
      <>
        <Stale at={at} error={error} />
        {job.waiting && <WaitingNotice waiting={job.waiting} />}
        <p class="counting" role="status">
          <Icon name="search" /> {plural(job.compared, 'object')} compared so far …
        </p>
      </>
    )
  if (job.state === 'cancelled')
    return (
      <Cancelled onBack={onBack}>
        The comparison was cancelled after {plural(job.compared, 'object')}, so it is not known what a resync
        would change.
      </Cancelled>
    )
  return (
    <div class="form">
      <Plan job={job} mirror={mirror} />
      <SpeedForm label="Start the resync" onStart={onStart} onBack={onBack} />
    </div>
  )
}

function Plan({ job, mirror }: { job: Verification; mirror: string }) {
  const { copy, remove } = plannedRepairs(job)
  const counts = {
    equal: job.equal,
    'to copy': copy,
    'to delete there': remove,
    'only there, left alone': job.extra,
  }
  return (
    <>
      <dl class="counters">
        {Object.entries(counts).map(([label, count]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{formatCount(count)}</dd>
          </div>
        ))}
      </dl>
      <p role="status">
        {copy + remove === 0
          ? `${mirror} has all of it already: there is nothing to do.`
          : `A resync would change ${plural(copy + remove, 'object')} in ${mirror}.`}
      </p>
    </>
  )
}
