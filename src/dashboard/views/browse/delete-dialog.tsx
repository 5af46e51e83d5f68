import { chain } from '../../chain.ts'
import { followsDeletes } from '../../deletion.ts'
import { plural } from '../../format.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { confirmDelete, deletion } from './actions.ts'

const MAX_SHOWN = 8

/** Asks before a delete that may be final, and says of which objects. */
export function DeleteDialog() {
  const asked = deletion.value
  if (!asked) return null
  const { restorable, final, uncertain } = asked.names
  const total = restorable.length + final.length + uncertain.length
  return (
    <Dialog title={`Delete ${plural(total, 'object')}?`} onClose={() => (deletion.value = null)}>
      <div class="stack">
        <Names names={final}>{whyFinal(final.length === 1 ? 'it' : 'them')}</Names>
        <Names names={uncertain}>
          It is not certain that an undo would bring back the same{' '}
          {uncertain.length === 1 ? 'object' : 'objects'}.
        </Names>
        {restorable.length > 0 && (
          <p class="muted">
            {plural(restorable.length, 'object')} can be restored: another backend keeps{' '}
            {restorable.length === 1 ? 'it' : 'them'}.
          </p>
        )}
      </div>
      <footer>
        <button type="button" onClick={() => (deletion.value = null)}>
          Cancel
        </button>
        <button type="button" class="danger" onClick={() => void confirmDelete(asked)}>
          <Icon name="trash-2" /> Delete
        </button>
      </footer>
    </Dialog>
  )
}

function whyFinal(them: 'it' | 'them'): string {
  if (chain.value?.deletes === 'first')
    return `Deletes leave no tombstones here (FALLBACK_DELETES is "first"), so an undelete cannot bring ${them} back. What another backend has as well goes on being served.`
  const hasMirrors = chain.value?.backends.some(({ name }) => followsDeletes(name, chain.value))
  return `No other backend keeps ${them}${hasMirrors ? ' (mirrors follow deletes)' : ''}, so an undelete cannot bring ${them} back. Only prior versions could, if they are kept.`
}

function Names({ names, children }: { names: readonly string[]; children: string | string[] }) {
  if (names.length === 0) return null
  return (
    <div>
      <p>{children}</p>
      <ul>
        {names.slice(0, MAX_SHOWN).map((name) => (
          <li key={name}>
            <Name name={name} max={60} />
          </li>
        ))}
        {names.length > MAX_SHOWN && <li>and {names.length - MAX_SHOWN} more</li>}
      </ul>
    </div>
  )
}
