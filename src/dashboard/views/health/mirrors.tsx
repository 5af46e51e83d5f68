import { formatTime, plural } from '../../format.ts'
import { Problem } from '../../parts/problem.tsx'
import { usePoll } from '../../poll.ts'
import { client } from '../../session.ts'

const EVERY_MS = 15_000

/** How far each mirror is behind, and why. */
export function Mirrors() {
  const { data, error, reload } = usePoll('mirrors', () => client.mirrors(), { every: EVERY_MS })
  if (data === undefined) return error === undefined ? null : <Problem error={error} retry={reload} />
  return (
    <section class="card" aria-label="Mirrors">
      <header class="card-header">
        <h2>Mirrors</h2>
      </header>
      {data.map(
        ({ name, pending, failed, oldest_pending_seconds: oldest, failures, last_resync: resync }) => (
          <div key={name}>
            <p>
              <b>{name}</b>{' '}
              {pending === 0
                ? 'has every change of the primary.'
                : `is behind by ${plural(pending, 'name')}, the oldest for ${plural(oldest ?? 0, 'second')}. ${failed} failed.`}
              {resync !== null && ` Last resync: ${formatTime(resync)}.`}
            </p>
            <ul class="small">
              {failures.slice(0, 10).map((failure) => (
                <li key={failure.name}>
                  {failure.name}: <b>{failure.error}</b> {failure.detail} (
                  {plural(failure.attempts, 'attempt')})
                </li>
              ))}
            </ul>
          </div>
        ),
      )}
    </section>
  )
}
