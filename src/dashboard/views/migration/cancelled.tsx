import type { ComponentChildren } from 'preact'
import { Icon } from '../../parts/icon.tsx'

/** In place of what a dialog's dry run would have found out, if it was cancelled. */
export function Cancelled({ children, onBack }: { children: ComponentChildren; onBack: () => void }) {
  return (
    <div class="form">
      <p role="status">{children}</p>
      <footer>
        <button type="button" onClick={onBack}>
          <Icon name="arrow-left" /> Back
        </button>
      </footer>
    </div>
  )
}
