import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Backfill, BackfillRequest } from '../../../client/client.ts'
import { chain } from '../../chain.ts'
import { formatCount, plural } from '../../format.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Icon } from '../../parts/icon.tsx'
import { describeShort, Problem } from '../../parts/problem.tsx'
import { showToast } from '../../parts/toast.tsx'
import { usePoll } from '../../poll.ts'
import { client } from '../../session.ts'
import { EstimateFacts } from './estimate-facts.tsx'
import { isOpen } from './jobs.ts'
import { Cancelled } from './cancelled.tsx'
import { SpeedForm } from './speed-form.tsx'
import { WaitingNotice } from './waiting-notice.tsx'

interface Props {
  onClose: () => void
  onStarted: (job: Backfill) => void
}

/** Starts a backfill, always after a dry run of the same names. */
export function StartDialog({ onClose, onStarted }: Props) {
  const request = useSignal<BackfillRequest>({})
  const dryRun = useSignal<string | undefined>(undefined)
  const isClosed = useRef(false)
  useEffect(() => () => void (isClosed.current = true), [])
  return (
    <Dialog title="Start a backfill" onClose={onClose}>
      {dryRun.value === undefined ? (
        <ScopeForm
          onEstimate={async (scope) => {
            const { id } = await client.startBackfill({ ...scope, dry_run: true })
            if (isClosed.current) return cancelDryRun(id)
            request.value = scope
            dryRun.value = id
          }}
        />
      ) : (
        <DryRun
          id={dryRun.value}
          scope={request.value}
          onStarted={onStarted}
          onBack={() => (dryRun.value = undefined)}
        />
      )}
    </Dialog>
  )
}

/** Whoever leaves a dry run does not wait for it any more. */
async function cancelDryRun(id: string): Promise<void> {
  try {
    await client.cancelBackfill(id)
  } catch (failure) {
    showToast(describeShort(failure), { tone: 'bad' })
  }
}

function ScopeForm({ onEstimate }: { onEstimate: (scope: BackfillRequest) => Promise<void> }) {
  const error = useSignal<unknown>(undefined)
  const isNoneChosen = useSignal(false)
  const isBusy = useSignal(false)
  const fallbacks = chain.value?.backends.filter(({ role }) => role === 'fallback') ?? []
  const canChoose = fallbacks.length > 1
  const estimate = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget as HTMLFormElement)
    const chosen = fields.getAll('backends').map(String)
    isNoneChosen.value = canChoose && chosen.length === 0
    if (isNoneChosen.value || isBusy.value) return
    isBusy.value = true
    try {
      await onEstimate({
        prefix: fields.get('prefix') as string,
        ...(canChoose && chosen.length < fallbacks.length && { backends: chosen }),
      })
    } catch (failure) {
      error.value = failure
      isBusy.value = false
    }
  }
  return (
    <form class="form" onSubmit={(event) => void estimate(event)}>
      <p class="muted">
        A dry run comes first: it lists what there is to copy, and says what that costs. It copies nothing.
      </p>
      <label class="field">
        Only names that begin with
        <input name="prefix" placeholder="all names" autoComplete="off" spellcheck={false} />
      </label>
      {canChoose && (
        <fieldset>
          <legend>Copy from</legend>
          {fallbacks.map(({ name, type }) => (
            <label class="choice" key={name}>
              <input type="checkbox" name="backends" value={name} defaultChecked />
              <span>
                {name} <span class="muted">{type}</span>
              </span>
            </label>
          ))}
          {isNoneChosen.value && (
            <p class="field-error" role="alert">
              Choose at least one backend to copy from.
            </p>
          )}
        </fieldset>
      )}
      {error.value !== undefined && <Problem error={error.value} />}
      <footer>
        <button type="submit" class="primary" aria-disabled={isBusy.value}>
          <Icon name="search" /> Dry run
        </button>
      </footer>
    </form>
  )
}

interface DryRunProps {
  id: string
  scope: BackfillRequest
  onStarted: (job: Backfill) => void
  onBack: () => void
}

function DryRun({ id, scope, onStarted, onBack }: DryRunProps) {
  const {
    data: job,
    error,
    reload,
  } = usePoll(`backfill/${id}`, () => client.backfill(id), {
    every: (current) => (isOpen(current) ? 1000 : null),
  })
  const open = useRef(true)
  open.current = job === undefined || isOpen(job)
  useEffect(
    () => () => {
      if (open.current) void cancelDryRun(id)
    },
    [id],
  )
  if (!job) return error === undefined ? <Counting /> : <Problem error={error} retry={reload} />
  if (isOpen(job))
    return (
      <>
        {job.waiting && <WaitingNotice waiting={job.waiting} />}
        <Counting listed={job.listed} />
      </>
    )
  if (job.state === 'cancelled')
    return (
      <Cancelled onBack={onBack}>
        The dry run was cancelled after {plural(job.listed, 'object')}, so it is not known what there is to
        copy.
      </Cancelled>
    )
  return (
    <div class="form">
      {job.estimate && <EstimateFacts estimate={job.estimate} />}
      {job.estimate?.objects === 0 ? (
        <p role="status">There is nothing to copy.</p>
      ) : (
        <p class="visually-hidden" role="status">
          The dry run has ended.
        </p>
      )}
      <SpeedForm
        label="Start copying"
        onStart={async (speed) => onStarted(await client.startBackfill({ ...scope, ...speed }))}
        onBack={onBack}
      />
    </div>
  )
}

function Counting({ listed = 0 }: { listed?: number }) {
  return (
    <p class="counting" role="status">
      <Icon name="search" /> Dry run: {formatCount(listed)} objects listed so far …
    </p>
  )
}
