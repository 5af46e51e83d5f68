import type { Explanation } from '../../../client/client.ts'
import { chain } from '../../chain.ts'
import { isHeld } from '../../compare.ts'
import { followsDeletes } from '../../deletion.ts'
import { formatAgo, formatTime } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { may } from '../../session.ts'
import { migrateName, undelete } from './actions.tsx'

/** Says that the name is deleted, and what an undelete would bring back. */
export function Tombstone({ explanation, onChange }: { explanation: Explanation; onChange: () => void }) {
  const { name, tombstone, backends } = explanation
  if (!tombstone) return null
  const holders = backends.filter(isHeld).map((backend) => backend.name)
  const isKept = holders.some((holder) => !followsDeletes(holder, chain.value))
  return (
    <section class="notice tone-warn">
      <Icon name="trash-2" />
      <div>
        <strong>Deleted{tombstone.deleted_time && ` ${formatTime(tombstone.deleted_time)}`}</strong>
        <p>
          {holders.length > 0
            ? `${holders.join(', ')} still ${holders.length === 1 ? 'has' : 'have'} it, hidden by the tombstone in ${tombstone.backend}.${isKept ? '' : ' A mirror follows the delete, usually within seconds.'}`
            : 'No backend has it any more, so an undelete would bring nothing back.'}
        </p>
        {holders.length > 0 && may('write') && (
          <button type="button" onClick={() => void undelete(name, onChange)}>
            <Icon name="undo-2" /> Undelete
          </button>
        )}
      </div>
    </section>
  )
}

/** Says that the latest copy failed, and why. */
export function LastCopy({ explanation, onChange }: { explanation: Explanation; onChange: () => void }) {
  const { name, migration } = explanation
  const { last_copy: last, state, target } = migration
  if (last?.outcome !== 'failed' || state === 'present') return null
  return (
    <section class="notice tone-bad">
      <Icon name="circle-x" />
      <div>
        <strong>
          The last copy{target && ` to ${target}`} failed {formatAgo(last.time)}
        </strong>
        {last.reason !== undefined && <p>{last.reason}</p>}
        {may('write') && (
          <button type="button" onClick={() => void migrateName(name, onChange)}>
            <Icon name="rotate-ccw" /> Try again
          </button>
        )}
      </div>
    </section>
  )
}
