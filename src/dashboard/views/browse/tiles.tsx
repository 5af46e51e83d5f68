import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { BackendBadge } from '../../parts/badge.tsx'
import { gridLabel, ItemLink, type ItemProps, type ListProps, SelectBox } from './item.tsx'
import { keyOf, rowAt } from './listing.ts'
import { useList } from './use-list.ts'
import { renderedRows } from './window.ts'

const TILE_HEIGHT = 196
const MIN_TILE_WIDTH = 150

/** The same as the list with larger pictures: the lines of tiles that are near the viewport. */
export function Tiles({ listing, entries, folder, isBusy }: ListProps) {
  const body = useRef<HTMLDivElement>(null)
  const columns = useSignal(1)
  useLayoutEffect(() => {
    const list = body.current
    if (!list) return
    const observer = new ResizeObserver(() => {
      columns.value = Math.max(2, Math.floor(list.clientWidth / MIN_TILE_WIDTH))
    })
    observer.observe(list)
    return () => observer.disconnect()
  }, [])
  const layout = { rowHeight: TILE_HEIGHT, columns: columns.value }
  const { range, lines, onKeyDown } = useList(body, listing, { entries, layout })
  const active = listing.activeIndex.value
  const selected = listing.selected.value
  return (
    <div
      role="grid"
      tabIndex={-1}
      class="list is-tiles"
      aria-label={gridLabel(folder)}
      aria-multiselectable="true"
      aria-colcount={layout.columns}
      aria-rowcount={listing.hasMore.value ? -1 : lines}
      aria-busy={isBusy}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" class="list-body" ref={body} style={{ height: `${lines * TILE_HEIGHT}px` }}>
        {renderedRows(range, Math.floor(active / layout.columns), lines).map((line) => (
          <div
            key={line}
            role="row"
            aria-rowindex={line + 1}
            class="tile-line"
            style={{
              transform: `translateY(${line * TILE_HEIGHT}px)`,
              gridTemplateColumns: `repeat(${layout.columns}, minmax(0, 1fr))`,
            }}
          >
            {Array.from({ length: layout.columns }, (_, column) => {
              const index = line * layout.columns + column
              const row = rowAt(entries, index)
              if (!row) return null
              const key = keyOf(row)
              return (
                <Tile
                  key={'folder' in row ? `folder:${key}` : key}
                  listing={listing}
                  row={row}
                  index={index}
                  folder={folder}
                  isActive={index === active}
                  isSelected={selected.has(key)}
                />
              )
            })}
          </div>
        ))}
      </div>
    </div>
  )
}

function Tile(item: ItemProps) {
  const { row, isSelected } = item
  const isFolder = 'folder' in row
  return (
    <div role="gridcell" class="tile" aria-selected={isFolder ? undefined : isSelected}>
      <ItemLink {...item} max={20} />
      {!isFolder && (
        <>
          <BackendBadge backend={row.object.backend} />
          <SelectBox {...item} />
        </>
      )}
    </div>
  )
}
