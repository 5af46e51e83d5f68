import { primary } from '../../chain.ts'
import { formatBytes, formatTime } from '../../format.ts'
import { BackendBadge } from '../../parts/badge.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { Thumbnail } from '../../parts/thumbnail.tsx'
import { type ItemProps, linkProps, SelectBox } from './item.tsx'
import { keyOf, type Row } from './listing.ts'
import { ROW_HEIGHT } from './window.ts'

/** One folder or object. `max` is how many characters of a name fit. */
export function ListRow({ max, ...item }: ItemProps & { max: number }) {
  const { row, index, folder, isSelected } = item
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
        <a {...linkProps(item)}>
          {isFolder ? (
            <span class="thumbnail">
              <Icon name="folder" class="folder" />
            </span>
          ) : (
            <Thumbnail object={row.object} />
          )}
          <Name name={keyOf(row).slice(folder.length)} max={max} />
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
        <BackendBadge backend={backend} primary={primary.value} />
      </div>
    </>
  )
}
