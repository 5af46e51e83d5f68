import type { RefObject } from 'preact'
import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { visible } from '../../parts/name.tsx'
import { ListHead } from './list-head.tsx'
import { type Entries, keyOf, type Listing, rowAt } from './listing.ts'
import { ListRow } from './row.tsx'
import { useWindow } from './use-window.ts'
import { moveTo, renderedRows, ROW_HEIGHT } from './window.ts'

/** So many rows before the end the next page is loaded. */
const AHEAD = 200

interface Props {
  listing: Listing
  entries: Entries
  folder: string
  isBusy: boolean
}

/** The rows near the viewport as a grid; screen readers are told how many there are in all. */
export function List({ listing, entries, folder, isBusy }: Props) {
  const body = useRef<HTMLDivElement>(null)
  const count = listing.count.value
  const active = listing.activeIndex.value
  const selected = listing.selected.value
  const { start, end } = useWindow(body, count, ROW_HEIGHT)
  const nameLength = useNameLength(body)
  const onKeyDown = useKeys(body, listing)
  useKeptPosition(body, entries)

  const { hasMore, isLoading, error } = listing
  const isNextWanted = hasMore.value && !isLoading.value && error.value === undefined && end + AHEAD >= count
  useEffect(() => {
    if (isNextWanted) void listing.loadMore()
  }, [isNextWanted, entries])

  return (
    <div
      role="grid"
      tabIndex={-1}
      class="list"
      aria-label={`Folders and objects in ${folder === '' ? 'all media' : visible(folder)}`}
      aria-multiselectable="true"
      aria-colcount={5}
      aria-rowcount={hasMore.value ? -1 : count + 1}
      aria-busy={isBusy}
      onKeyDown={onKeyDown}
    >
      <ListHead listing={listing} objects={entries.objects.length} />
      <div role="rowgroup" class="list-body" ref={body} style={{ height: `${count * ROW_HEIGHT}px` }}>
        {renderedRows({ start, end }, active, count).map((index) => {
          const row = rowAt(entries, index)
          if (!row) return null
          const key = keyOf(row)
          return (
            <ListRow
              key={'folder' in row ? `folder:${key}` : key}
              row={row}
              index={index}
              folder={folder}
              max={nameLength}
              isActive={index === active}
              isSelected={selected.has(key)}
              onFocus={() => (listing.active.value = key)}
              onSelect={(event) => {
                if (event.shiftKey) listing.selectRange(active, index)
                else listing.toggle(key)
                listing.active.value = key
                // A click changed the box already, whatever is selected now.
                ;(event.currentTarget as HTMLInputElement).checked = listing.selected.peek().has(key)
              }}
            />
          )
        })}
      </div>
    </div>
  )
}

/** Gives the focus to the row that keys act on. */
export function focusActiveRow(): void {
  document.querySelector<HTMLElement>('.list-body a[tabindex="0"]')?.focus()
}

/** Whether the folder was opened by a key: then the keys go on in its list. */
let isOpenedByKey = false

export function openByKey(): void {
  isOpenedByKey = true
}

export function focusIfOpenedByKey(): void {
  if (isOpenedByKey) focusActiveRow()
  isOpenedByKey = false
}

/** Arrows, Home, End and pages move; with Shift they select what they pass. Space selects one, Ctrl+A all. */
function useKeys(body: RefObject<HTMLElement | null>, listing: Listing): (event: KeyboardEvent) => void {
  const isFocusWanted = useRef(false)
  useLayoutEffect(() => {
    if (isFocusWanted.current) focusActiveRow()
    isFocusWanted.current = false
  })
  return (event) => {
    const entries = listing.entries.peek()
    const count = listing.count.peek()
    const active = listing.activeIndex.peek()
    const row = entries && rowAt(entries, active)
    if (!row || event.altKey || !body.current?.contains(event.target as Node)) return
    if (event.ctrlKey || event.metaKey) {
      if (event.key !== 'a') return
      event.preventDefault()
      return listing.selectRange(0, count - 1)
    }
    // The link opens by itself.
    if (event.key === 'Enter') return openByKey()
    if (event.key === ' ' && !(event.target instanceof HTMLInputElement)) {
      event.preventDefault()
      if ('object' in row) listing.toggle(row.object.name)
      return
    }
    const perPage = Math.max(1, Math.floor(innerHeight / ROW_HEIGHT) - 4)
    const to = moveTo(event.key, active, { count, perPage })
    const next = to === null ? undefined : rowAt(entries, to)
    if (to === null || !next) return
    event.preventDefault()
    if (to === active) return
    if (event.shiftKey) listing.selectRange(active, to)
    listing.active.value = keyOf(next)
    isFocusWanted.current = true
  }
}

/** Later pages insert their folders before the objects: what is looked at stays where it is. */
function useKeptPosition(body: RefObject<HTMLElement | null>, { folders, pages }: Entries): void {
  const before = useRef({ folders: folders.length, pages })
  useLayoutEffect(() => {
    const inserted = folders.length - before.current.folders
    const top = -(body.current?.getBoundingClientRect().top ?? 0)
    if (pages > before.current.pages && inserted > 0 && top > before.current.folders * ROW_HEIGHT)
      scrollBy({ top: inserted * ROW_HEIGHT, behavior: 'instant' })
    before.current = { folders: folders.length, pages }
  }, [folders, pages])
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
