import type { Explanation } from '../../../client/client.ts'
import { formatBytes, formatTime } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { describeShort } from '../../parts/problem.tsx'
import { showToast } from '../../parts/toast.tsx'
import { usePoll } from '../../poll.ts'
import { client } from '../../session.ts'

const SHOWN = 20

interface Props {
  explanation: Explanation
  onChange: () => void
}

/** What was replaced or deleted under the name, with a way back; nothing where nothing was kept. */
export function PriorVersions({ explanation: { name }, onChange }: Props) {
  const { data, reload } = usePoll(`versions ${name}`, () => client.priorVersions(name), { every: null })
  if (!data?.length) return null
  const restore = async (time: string): Promise<void> => {
    try {
      await client.restore(name, time)
      showToast('The version is restored', { tone: 'good' })
    } catch (error) {
      showToast(describeShort(error), { tone: 'bad' })
    }
    reload()
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
    </section>
  )
}
