import { signal } from '@preact/signals'
import { Icon } from '../../parts/icon.tsx'

const VIEWS = [
  { id: 'list', label: 'List', icon: 'list' },
  { id: 'tiles', label: 'Tiles', icon: 'layout-grid' },
] as const

const KEPT = 'browse-view'

/** How folders are shown; kept in this browser. */
export const view = signal<(typeof VIEWS)[number]['id']>(
  localStorage.getItem(KEPT) === 'tiles' ? 'tiles' : 'list',
)

export function ViewSwitch() {
  return (
    <div class="segmented" role="group" aria-label="View">
      {VIEWS.map(({ id, label, icon }) => (
        <button
          type="button"
          key={id}
          aria-label={label}
          title={label}
          aria-pressed={view.value === id}
          onClick={() => {
            view.value = id
            localStorage.setItem(KEPT, id)
          }}
        >
          <Icon name={icon} />
        </button>
      ))}
    </div>
  )
}
