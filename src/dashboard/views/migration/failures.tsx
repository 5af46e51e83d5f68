import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { Backfill } from '../../../client/client.ts'
import { formatCount } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { Loading } from '../../parts/page.tsx'
import { Problem } from '../../parts/problem.tsx'
import { usePoll } from '../../poll.ts'
import { formatRoute } from '../../route.ts'
import { client } from '../../session.ts'
import { ActionButton } from './action-button.tsx'
import { type FailureReason, failureReasons, isMoving } from './jobs.ts'
import { usePages } from './pages.ts'

/** Why objects could not be copied: reasons as bars, which open the names. */
export function Failures({ job, onRetry }: { job: Backfill; onRetry: () => void }) {
  const moves = useRef(true)
  moves.current = isMoving(job)
  const { id } = job
  const { data, error, reload } = usePoll(`failure-counts/${id}`, () => client.backfillFailureCounts(id), {
    every: () => (moves.current ? 5000 : 30_000),
  })
  const reasons = failureReasons(data ?? [])
  const most = Math.max(1, ...reasons.map(({ count }) => count))
  return (
    <section class="card" aria-labelledby="failures-title">
      <header class="card-head">
        <h2 id="failures-title">Why objects failed</h2>
        {job.state === 'completed_with_failures' && (
          <div class="actions">
            <ActionButton
              icon="rotate-ccw"
              run={async () => {
                await client.retryFailed(id)
                onRetry()
              }}
            >
              Retry failed
            </ActionButton>
          </div>
        )}
      </header>
      {!data && (error === undefined ? <Loading /> : <Problem error={error} retry={reload} />)}
      <ul class="bars">
        {reasons.map((reason) => (
          <Reason key={reason.error} job={id} reason={reason} share={reason.count / most} />
        ))}
      </ul>
    </section>
  )
}

function Reason({ job, reason, share }: { job: string; reason: FailureReason; share: number }) {
  const isOpen = useSignal(false)
  const { error, count, backends, example } = reason
  return (
    <li>
      <button
        type="button"
        class="bar-button"
        aria-expanded={isOpen.value}
        onClick={() => (isOpen.value = !isOpen.value)}
      >
        <Icon name="chevron-right" />
        <span class="bar-label">{error}</span>
        <span class="meter tone-bad" aria-hidden="true">
          <span style={{ width: `${share * 100}%` }} />
        </span>
        <b class="number">{formatCount(count)}</b>
      </button>
      {isOpen.value ? (
        <FailedNames job={job} error={error} />
      ) : (
        <p class="muted small bar-note">
          {backends.join(', ')}, e.g. <Name name={example} max={48} />
        </p>
      )}
    </li>
  )
}

function FailedNames({ job, error: reason }: { job: string; error: string }) {
  const { items, cursor, isLoading, error, loadMore } = usePages(`${job}/${reason}`, async (after) => {
    const page = await client.backfillFailures(job, { error: reason, cursor: after, limit: 50 })
    return { items: page.failures, cursor: page.cursor }
  })
  return (
    <div class="failed-names">
      <ul>
        {items.map(({ name, backend, detail, attempts }) => (
          <li key={`${backend} ${name}`}>
            <a href={formatRoute({ view: 'object', name })}>
              <Name name={name} max={120} />
            </a>
            <span class="muted small">
              {backend}: {detail} · {attempts === 1 ? '1 attempt' : `${attempts} attempts`}
            </span>
          </li>
        ))}
      </ul>
      {error !== undefined && <Problem error={error} retry={loadMore} />}
      {isLoading && items.length === 0 && <Loading />}
      {cursor !== null && (
        <button type="button" aria-disabled={isLoading} onClick={loadMore}>
          Show more
        </button>
      )}
    </div>
  )
}
