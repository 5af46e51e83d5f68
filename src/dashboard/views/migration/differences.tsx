import { useSignal } from '@preact/signals'
import type { Verification } from '../../../client/client.ts'
import type { DifferenceKind } from '../../../schemas/reasons.ts'
import { formatCount } from '../../format.ts'
import { Name } from '../../parts/name.tsx'
import { Loading } from '../../parts/page.tsx'
import { Problem } from '../../parts/problem.tsx'
import { formatRoute } from '../../route.ts'
import { client } from '../../session.ts'
import { usePages } from './pages.ts'
import { KINDS, kindCounts } from './verifications.ts'

/** The names that differ, by kind. */
export function Differences({ job }: { job: Verification }) {
  const kinds = kindCounts(job)
  const chosen = useSignal<DifferenceKind | undefined>(undefined)
  const kind = chosen.value ?? kinds[0]?.kind
  if (kind === undefined) return null
  return (
    <section class="card" aria-labelledby="differences-title">
      <h2 id="differences-title">Differences</h2>
      <div class="kinds" role="group" aria-label="Kind">
        {kinds.map((one) => (
          <button
            type="button"
            key={one.kind}
            aria-pressed={one.kind === kind}
            onClick={() => (chosen.value = one.kind)}
          >
            {KINDS[one.kind]} <span class="muted">{formatCount(one.count)}</span>
          </button>
        ))}
      </div>
      <Names job={job.id} kind={kind} />
    </section>
  )
}

function Names({ job, kind }: { job: string; kind: DifferenceKind }) {
  const { items, cursor, isLoading, error, loadMore } = usePages(`${job}/${kind}`, async (after) => {
    const page = await client.differences(job, { kind, cursor: after, limit: 100 })
    return { items: page.differences, cursor: page.cursor }
  })
  return (
    <>
      <ul class="names">
        {items.map(({ name, backend, detail }) => (
          <li key={`${backend} ${name}`}>
            <a href={formatRoute({ view: 'object', name })}>
              <Name name={name} max={120} />
            </a>
            <span class="muted small">
              {backend}: {detail}
            </span>
          </li>
        ))}
      </ul>
      {error !== undefined && <Problem error={error} retry={loadMore} />}
      {isLoading && items.length === 0 && <Loading />}
      {!isLoading && error === undefined && items.length === 0 && <p class="muted">No examples were kept.</p>}
      {cursor !== null && (
        <button type="button" class="more" aria-disabled={isLoading} onClick={loadMore}>
          Show more
        </button>
      )}
    </>
  )
}
