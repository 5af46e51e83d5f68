import { Icon } from '../../parts/icon.tsx'
import { Name, visible } from '../../parts/name.tsx'
import { Thumbnail } from '../../parts/thumbnail.tsx'
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

/** The picture and name, as the link that has the focus of the whole row. `max` is how many characters of a name fit. */
export function ItemLink({ listing, row, folder, isActive, max }: ItemProps & { max: number }) {
  const key = keyOf(row)
  const isFolder = 'folder' in row
  return (
    <a
      href={
        isFolder
          ? formatRoute({ view: 'browse', prefix: key, filter: '' })
          : formatRoute({ view: 'object', name: key })
      }
      tabIndex={isActive ? 0 : -1}
      onFocus={() => (listing.active.value = key)}
    >
      {isFolder ? (
        <span class="thumbnail">
          <Icon name="folder" class="folder" />
        </span>
      ) : (
        <Thumbnail object={row.object} />
      )}
      <Name name={key.slice(folder.length)} max={max} />
    </a>
  )
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
