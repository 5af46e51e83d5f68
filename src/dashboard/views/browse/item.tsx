import { visible } from '../../parts/name.tsx'
import { formatRoute } from '../../route.ts'
import { type Entries, keyOf, type Listing, type Row } from './listing.ts'

/** Of a row or a tile. */
export interface ItemProps {
  listing: Listing
  row: Row
  index: number
  /** What the names begin with is not repeated. */
  folder: string
  isActive: boolean
  isSelected: boolean
}

export interface ListProps {
  listing: Listing
  entries: Entries
  folder: string
  isBusy: boolean
}

/** The attributes of the link, which has the focus of the whole row. */
export function linkProps({ listing, row, isActive }: ItemProps) {
  const key = keyOf(row)
  return {
    href:
      'folder' in row
        ? formatRoute({ view: 'browse', prefix: key, filter: '' })
        : formatRoute({ view: 'object', name: key }),
    tabIndex: isActive ? 0 : -1,
    onFocus: () => {
      listing.active.value = key
    },
  }
}

/** Selects one object, or with Shift all from the active one; keys do it by Space. */
export function SelectBox({ listing, row, index, folder, isSelected }: ItemProps) {
  const key = keyOf(row)
  const onClick = (event: MouseEvent): void => {
    if (event.shiftKey) listing.selectRange(listing.activeIndex.peek(), index)
    else listing.toggle(key)
    listing.active.value = key
    // A click changed the box already, whatever is selected now.
    ;(event.currentTarget as HTMLInputElement).checked = listing.selected.peek().has(key)
  }
  return (
    <label class="check">
      <input
        type="checkbox"
        tabIndex={-1}
        aria-label={`Select ${visible(key.slice(folder.length))}`}
        checked={isSelected}
        onClick={onClick}
      />
    </label>
  )
}

export function gridLabel(folder: string): string {
  return `Folders and objects in ${folder === '' ? 'all media' : visible(folder)}`
}
