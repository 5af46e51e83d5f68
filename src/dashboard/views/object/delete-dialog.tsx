import type { Explanation } from '../../../client/client.ts'
import { chain } from '../../chain.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Name } from '../../parts/name.tsx'
import { keptBy, recoveryOf } from '../../deletion.ts'

interface Props {
  explanation: Explanation
  onConfirm: () => void
  onClose: () => void
}

/** Asks before a delete that cannot be undone. */
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
  if (chain.value?.deletes === 'first')
    return kept === undefined
      ? 'This cannot be undone.'
      : `This cannot be undone. ${kept} has it as well, and goes on serving it (FALLBACK_DELETES is "first").`
  if (kept !== undefined)
    return `An undo would bring back what ${kept} has, and that differs from what is served now.`
  return recoveryOf(explanation, chain.value) === 'final'
    ? 'No other backend has it, so this cannot be undone.'
    : 'It is not known whether another backend has it, so it may be impossible to undo this.'
}
