import { chain, primary } from '../../chain.ts'
import { formatBytes, formatTime } from '../../format.ts'
import { BackendBadge } from '../../parts/badge.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Name, visible } from '../../parts/name.tsx'
import { Thumbnail } from '../../parts/thumbnail.tsx'
import { formatRoute } from '../../route.ts'
import { keyOf, type Row } from './listing.ts'
import { ROW_HEIGHT } from './window.ts'

interface Props {
  row: Row
  index: number
  /** What the names begin with is not repeated in every row. */
  folder: string
  /** How many characters of a name fit. */
  max: number
  isActive: boolean
  isSelected: boolean
  onSelect: (event: MouseEvent) => void
  onFocus: () => void
}

/** One folder or object. Its link has the focus; the checkbox is reached by Space. */
export function ListRow({ row, index, folder, max, isActive, isSelected, onSelect, onFocus }: Props) {
  const key = keyOf(row)
  const name = key.slice(folder.length)
  const isFolder = 'folder' in row
  const href = isFolder
    ? formatRoute({ view: 'browse', prefix: key, filter: '' })
    : formatRoute({ view: 'object', name: key })
  return (
    <div
      role="row"
      // The header is the first row.
      aria-rowindex={index + 2}
      aria-selected={isFolder ? undefined : isSelected}
      class={isFolder ? 'list-row' : 'list-row is-object'}
      style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
    >
      <div role="gridcell" class="cell-check">
        {!isFolder && (
          <label class="check">
            <input
              type="checkbox"
              tabIndex={-1}
              aria-label={`Select ${visible(name)}`}
              checked={isSelected}
              onClick={onSelect}
            />
          </label>
        )}
      </div>
      <div role="gridcell" class="cell-name" aria-colspan={isFolder ? 4 : undefined}>
        <a href={href} data-row={index} tabIndex={isActive ? 0 : -1} onFocus={onFocus}>
          {isFolder ? (
            <span class="thumbnail">
              <Icon name="folder" class="folder" />
            </span>
          ) : (
            <Thumbnail object={row.object} />
          )}
          <Name name={name} max={max} />
        </a>
      </div>
      {!isFolder && <ObjectCells object={row.object} />}
    </div>
  )
}

function ObjectCells({
  object: { size, modified_time: modified, backend },
}: Extract<Row, { object: object }>) {
  return (
    <>
      <div role="gridcell" class="cell-size">
        {size === null ? <span title="The backend does not list sizes">–</span> : formatBytes(size)}
      </div>
      <div role="gridcell" class="cell-time">
        {modified !== null && <time dateTime={modified}>{formatTime(modified)}</time>}
      </div>
      <div role="gridcell" class="cell-backend">
        <BackendBadge backend={backend} primary={chain.value && primary.value} />
      </div>
    </>
  )
}
