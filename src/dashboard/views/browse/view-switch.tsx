import { signal } from '@preact/signals'
import { Segmented } from '../../parts/segmented.tsx'

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
    <Segmented
      label="View"
      choices={VIEWS}
      chosen={view.value}
      onChoose={(id) => {
        view.value = id
        localStorage.setItem(KEPT, id)
      }}
    />
  )
}
