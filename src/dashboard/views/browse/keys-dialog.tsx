import { Dialog } from '../../parts/dialog.tsx'

const KEYS = [
  ['↑ ↓', 'move by a row'],
  ['Page Up, Page Down', 'move by a page'],
  ['Home, End', 'first and last row'],
  ['Enter', 'open'],
  ['Backspace', 'the folder above'],
  ['Space', 'select'],
  ['Shift + ↑ ↓', 'select what is passed'],
  ['Ctrl + A', 'select all that are shown'],
  ['Esc', 'clear the selection'],
  ['Delete', 'delete what is selected, or this object'],
  ['/', 'filter by the beginning of the name'],
  ['U', 'upload'],
  ['?', 'these keys'],
] as const

export function KeysDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="facts">
        {KEYS.map(([keys, meaning]) => (
          <>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </>
        ))}
      </dl>
    </Dialog>
  )
}
