import { formatBytes, formatTime } from '../../format.ts'
import { BackendBadge } from '../../parts/badge.tsx'
import { ItemLink, type ItemProps, SelectBox } from './item.tsx'
import type { Row } from './listing.ts'
import { ROW_HEIGHT } from './window.ts'

/** One folder or object. `max` is how many characters of a name fit. */
export function ListRow({ max, ...item }: ItemProps & { max: number }) {
  const { row, index, isSelected } = item
  const isFolder = 'folder' in row
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
        {!isFolder && <SelectBox {...item} />}
      </div>
      <div role="gridcell" class="cell-name" aria-colspan={isFolder ? 4 : undefined}>
        <ItemLink {...item} max={max} />
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
        <BackendBadge backend={backend} />
      </div>
    </>
  )
}
