import type { Explanation } from '../../client/client.ts'
import { chain } from '../chain.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Name } from '../parts/name.tsx'
import { keptByDelete } from './compare.ts'

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
  const [kept] = keptByDelete(explanation)
  const deletes = chain.value?.deletes
  if (deletes === 'first')
    return kept === undefined
      ? 'This cannot be undone.'
      : `This cannot be undone. ${kept} has it as well, and goes on serving it (FALLBACK_DELETES is "first").`
  if (kept === undefined) return 'No other backend has it, so this cannot be undone.'
  if (deletes === undefined) return `${kept} has it as well, but it is not certain that this can be undone.`
  return `An undo would bring back what ${kept} has, and that differs from what is served now.`
}
