import { useEffect } from 'preact/hooks'
import { formatCount, formatTime, plural } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { describeShort, Problem } from '../../parts/problem.tsx'
import { showToast } from '../../parts/toast.tsx'
import { usePoll } from '../../poll.ts'
import { formatRoute } from '../../route.ts'
import { client } from '../../session.ts'

const EVERY_MS = 30_000

/** The copies and events that the queue has given up, with a way to try each again. */
export function DeadLetters() {
  const { data, error, reload } = usePoll('dead-copies', () => client.deadCopies(), { every: EVERY_MS })
  // All that were looked at are settled, so the next ones are.
  const areNext = data !== undefined && data.dead_copies.length === 0 && data.total > 0
  useEffect(() => {
    if (areNext) reload()
  }, [data])
  if (data === undefined) return error === undefined ? null : <Problem error={error} retry={reload} />
  const { dead_copies: letters, total } = data
  const copyAgain = async (names: string[]): Promise<void> => {
    try {
      const results = await client.migrate(names)
      const failed = results.filter(({ outcome }) => outcome === 'failed')
      const [first] = failed
      if (first)
        showToast(`${plural(failed.length, 'object')} failed again: ${first.detail ?? first.error}`, {
          tone: 'bad',
        })
      else showToast(`${plural(names.length, 'object')} copied or no longer needed`, { tone: 'good' })
    } catch (failure) {
      showToast(describeShort(failure), { tone: 'bad' })
    }
    reload()
  }
  return (
    <section class="card" aria-label="Dead letters">
      <header class="card-header">
        <h2>Copies and events that were given up{total > 0 && ` (${formatCount(total)})`}</h2>
        {letters.length > 0 && (
          <button type="button" onClick={() => void copyAgain(letters.map(({ name }) => name))}>
            <Icon name="rotate-ccw" /> Copy {total > letters.length ? `the first ${letters.length}` : 'all'}{' '}
            again
          </button>
        )}
      </header>
      {total === 0 ? (
        <p class="muted">None. A copy or an event that keeps failing ends here, with its reason.</p>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th>Error</th>
                <th class="number">Attempts</th>
                <th>Time</th>
                <th>
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {letters.map(({ name, error: code, detail, attempts, time }) => (
                <tr key={name}>
                  <td>
                    <a href={formatRoute({ view: 'object', name })}>
                      <Name name={name} max={60} />
                    </a>
                  </td>
                  <td>
                    <b>{code}</b> {detail}
                  </td>
                  <td class="number">{attempts}</td>
                  <td>{formatTime(time)}</td>
                  <td>
                    <button type="button" onClick={() => void copyAgain([name])}>
                      Copy again
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
