import type { Explanation } from '../../../client/client.ts'
import { chain } from '../../chain.ts'
import { isHeld } from '../../compare.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Name } from '../../parts/name.tsx'
import { followsDeletes, keptBy, recoveryOf } from '../../deletion.ts'

interface Props {
  explanation: Explanation
  onConfirm: () => void
  onClose: () => void
}

/** Asks before a delete that an undelete may not undo. */
export function DeleteDialog({ explanation, onConfirm, onClose }: Props) {
  return (
    <Dialog title="Delete this object?" onClose={onClose}>
      <div class="stack">
        <p>
          <b>
            <Name name={explanation.name} max={200} />
          </b>
        </p>
        <p>{consequence(explanation)}</p>
      </div>
      <footer>
        <button type="button" onClick={onClose}>
          Keep it
        </button>
        <button type="button" class="primary is-danger" onClick={onConfirm}>
          Delete
        </button>
      </footer>
    </Dialog>
  )
}

function consequence(explanation: Explanation): string {
  const kept = keptBy(explanation, chain.value)
  if (chain.value?.deletes === 'first') {
    const others = kept === undefined ? '' : `${kept} has it as well, and goes on serving it. `
    return `${others}${finalBecause('Deletes leave no tombstone here (FALLBACK_DELETES is "first")')}`
  }
  if (kept !== undefined)
    return chain.value
      ? `An undo would bring back what ${kept} has, and that differs from what is served now.`
      : `${kept} has it as well, but it is not known whether deletes are repeated there, so it may be impossible to undo this.`
  if (recoveryOf(explanation, chain.value) === 'uncertain')
    return 'It is not known whether another backend has it, so it may be impossible to undo this.'
  const mirror = explanation.backends.find((one) => isHeld(one) && followsDeletes(one.name, chain.value))
  return finalBecause(
    mirror ? `${mirror.name} is a mirror and follows the delete` : 'No other backend has it',
  )
}

function finalBecause(reason: string): string {
  return `${reason}, so an undelete cannot bring it back. Only a prior version could, if they are kept (FALLBACK_KEEP_REPLACED_DAYS).`
}
