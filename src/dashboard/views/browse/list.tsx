import type { RefObject } from 'preact'
import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { gridLabel, type ListProps } from './item.tsx'
import { ListHead } from './list-head.tsx'
import { keyOf, rowAt } from './listing.ts'
import { ListRow } from './row.tsx'
import { useList } from './use-list.ts'
import { renderedRows, ROW_HEIGHT } from './window.ts'

const LAYOUT = { rowHeight: ROW_HEIGHT, columns: 1 }

/** The rows near the viewport as a grid; screen readers get the number of all of them. */
export function List({ listing, entries, folder, isBusy }: ListProps) {
  const body = useRef<HTMLDivElement>(null)
  const count = listing.count.value
  const active = listing.activeIndex.value
  const selected = listing.selected.value
  const { range, onKeyDown } = useList(body, listing, { entries, layout: LAYOUT })
  const max = useNameLength(body)
  return (
    <div
      role="grid"
      tabIndex={-1}
      class="list"
      aria-label={gridLabel(folder)}
      aria-multiselectable="true"
      aria-colcount={5}
      aria-rowcount={listing.hasMore.value ? -1 : count + 1}
      aria-busy={isBusy}
      onKeyDown={onKeyDown}
    >
      <ListHead listing={listing} objects={entries.objects.length} />
      <div role="rowgroup" class="list-body" ref={body} style={{ height: `${count * ROW_HEIGHT}px` }}>
        {renderedRows(range, active, count).map((index) => {
          const row = rowAt(entries, index)
          if (!row) return null
          const key = keyOf(row)
          return (
            <ListRow
              key={'folder' in row ? `folder:${key}` : key}
              listing={listing}
              row={row}
              index={index}
              folder={folder}
              max={max}
              isActive={index === active}
              isSelected={selected.has(key)}
            />
          )
        })}
      </div>
    </div>
  )
}

const CHARACTER_WIDTH = 8.8
const THUMBNAIL_WIDTH = 48

/** How many characters of a name fit into its cell, so that long names are cut in the middle. */
function useNameLength(body: RefObject<HTMLElement | null>): number {
  const length = useSignal(48)
  useLayoutEffect(() => {
    const list = body.current
    if (!list) return
    const observer = new ResizeObserver(() => {
      const cell = list.parentElement?.querySelector('.cell-name')?.clientWidth ?? 0
      length.value = Math.max(12, Math.floor((cell - THUMBNAIL_WIDTH) / CHARACTER_WIDTH))
    })
    observer.observe(list)
    return () => observer.disconnect()
  }, [])
  return length.value
}
