import { ApiError, type PriorVersion } from '../../../client/client.ts'
import { formatBytes, formatTime, plural } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { describeShort, Problem } from '../../parts/problem.tsx'
import { showToast } from '../../parts/toast.tsx'
import { usePoll } from '../../poll.ts'
import { client } from '../../session.ts'

const SHOWN = 20

interface Props {
  name: string
  /** When the object was looked up: its versions are loaded again with it. */
  at: number | undefined
  onChange: () => void
}

/** None where they cannot be listed because JOB_INDEX is not bound. */
async function load(name: string): Promise<PriorVersion[]> {
  try {
    return await client.priorVersions(name)
  } catch (error) {
    if (error instanceof ApiError && error.status === 501) return []
    throw error
  }
}

/** What was replaced or deleted under the name, with a way back; nothing where nothing was kept. */
export function PriorVersions({ name, at, onChange }: Props) {
  const { data, error, reload } = usePoll(`versions ${at} ${name}`, () => load(name), { every: null })
  if (error !== undefined && !data) return <Problem error={error} retry={reload} />
  if (!data?.length) return null
  const restore = async (time: string): Promise<void> => {
    try {
      await client.restore(name, time)
      showToast('The version is restored', { tone: 'good' })
    } catch (failure) {
      showToast(describeShort(failure), { tone: 'bad' })
    }
    onChange()
  }
  return (
    <section class="card">
      <h2>Prior versions</h2>
      <table>
        <tbody>
          {data.slice(0, SHOWN).map(({ time, reason, size, backend }) => (
            <tr key={`${backend} ${time}`}>
              <td>
                {reason} {formatTime(time)}
              </td>
              <td>{size !== null && formatBytes(size)}</td>
              <td>
                <button type="button" onClick={() => void restore(time)}>
                  <Icon name="undo-2" /> Restore
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {data.length > SHOWN && <p class="muted">And {plural(data.length - SHOWN, 'older one')}.</p>}
    </section>
  )
}
