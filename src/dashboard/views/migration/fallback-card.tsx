import { chain, chainError } from '../../chain.ts'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { Loading } from '../../parts/page.tsx'
import { describeShort } from '../../parts/problem.tsx'
import { usePoll } from '../../poll.ts'
import { formatRoute } from '../../route.ts'
import { client } from '../../session.ts'
import { isMissing } from './missing.tsx'
import { fallbackUse } from './verifications.ts'

/** The one number that says whether the fallbacks are still needed. */
export function FallbackCard() {
  const known = chain.value
  return (
    <section class="card fallback-card" aria-labelledby="fallback-title">
      <h2 id="fallback-title">Last fallback read</h2>
      {known ? <Use use={fallbackUse(known)} /> : chainError.value === undefined && <Loading />}
      <DeadLetterCount />
    </section>
  )
}

function Use({ use }: { use: ReturnType<typeof fallbackUse> }) {
  if (!use)
    return (
      <p class="muted">
        Not known: this deployment keeps no counts over time. See “Who still needs the old storage” for how to
        turn them on.
      </p>
    )
  return (
    <>
      <p class="big-figure">{use.figure}</p>
      <p>{use.text}</p>
      {use.last && (
        <p class="small">
          <a href={formatRoute({ view: 'object', name: use.last.name })}>
            <Name name={use.last.name} max={44} />
          </a>{' '}
          <span class="muted">from {use.last.backend}</span>
        </p>
      )}
    </>
  )
}

function DeadLetterCount() {
  const { data, error } = usePoll('dead-copies', () => client.deadCopies(), { every: 60_000 })
  // Without jobs there are none, and the view says so already.
  if (isMissing(error)) return null
  if (error !== undefined) return <p class="muted small">Dead letters: {describeShort(error)}</p>
  if (!data) return null
  const { total } = data
  if (total === 0) return <p class="muted small">No copy was given up.</p>
  return (
    <p class="tone-bad dead-count">
      <a href="#/health">
        <Icon name="triangle-alert" /> {total === 1 ? '1 copy was given up' : `${total} copies were given up`}
      </a>
    </p>
  )
}
