import { signal } from '@preact/signals'
import { Icon } from './icon.tsx'

interface Toast {
  id: number
  text: string
  tone: 'good' | 'bad' | 'idle'
  action?: { label: string; run: () => void }
}

const toasts = signal<readonly Toast[]>([])
const SHOWN_MS = 8000
let next = 0

/** Says briefly what happened; errors stay until they are closed. */
export function showToast(
  text: string,
  { tone = 'idle', action }: Partial<Omit<Toast, 'id' | 'text'>> = {},
): void {
  const id = (next += 1)
  toasts.value = [...toasts.value.slice(-3), { id, text, tone, ...(action && { action }) }]
  if (tone !== 'bad') setTimeout(() => close(id), SHOWN_MS)
}

function close(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id)
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, tone, action }) => (
        <div class={`toast tone-${tone}`} key={id}>
          <Icon name={tone === 'bad' ? 'circle-alert' : tone === 'good' ? 'circle-check' : 'check'} />
          <span class="toast-text">{text}</span>
          {action && (
            <button
              type="button"
              onClick={() => {
                close(id)
                action.run()
              }}
            >
              {action.label}
            </button>
          )}
          <button type="button" class="icon-button" aria-label="Close" onClick={() => close(id)}>
            <Icon name="x" />
          </button>
        </div>
      ))}
    </div>
  )
}
