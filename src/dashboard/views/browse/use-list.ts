import type { RefObject } from 'preact'
import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { type Entries, keyOf, type Listing, rowAt } from './listing.ts'
import { moveTo, type RowRange, rowsInView } from './window.ts'

export interface Layout {
  /** Of one row, or of one line of tiles. */
  rowHeight: number
  /** How many objects are in a line. */
  columns: number
}

/** So many objects before the end the next page is loaded. */
const AHEAD = 200

/** What rows and tiles have in common: which lines are near the viewport, keys, and loading what is scrolled to. */
export function useList(
  body: RefObject<HTMLElement | null>,
  listing: Listing,
  { entries, layout }: { entries: Entries; layout: Layout },
) {
  const lines = Math.ceil(listing.count.value / layout.columns)
  const range = useWindow(body, lines, layout.rowHeight)
  useKeptPosition(body, entries, layout)
  useLoadAhead(listing, entries, range.end * layout.columns)
  return { range, lines, onKeyDown: useKeys(body, listing, layout) }
}

/** The lines of a list that are near the viewport, as the page is scrolled. */
function useWindow(body: RefObject<HTMLElement | null>, count: number, rowHeight: number): RowRange {
  const range = useSignal<RowRange>({ start: 0, end: Math.min(count, 12) })

  const frame = useRef(0)
  const schedule = (): void => {
    cancelAnimationFrame(frame.current)
    frame.current = requestAnimationFrame(update)
  }
  const update = (): void => {
    if (!body.current) return
    const { top } = body.current.getBoundingClientRect()
    const viewport = { top: -top, height: innerHeight, rowHeight }
    const next = rowsInView(viewport, count)
    const { start, end } = range.peek()
    if (next.start === start && next.end === end) return
    // While somebody scrolls by whole screens only what is seen is rendered; the rest when it stops.
    const isJump = next.start >= end || next.end <= start
    range.value = isJump ? rowsInView(viewport, count, 0) : next
  }

  // What is above the list may have changed too, so this is checked after every rendering.
  useLayoutEffect(schedule)
  useEffect(() => {
    addEventListener('scroll', schedule, { passive: true })
    addEventListener('resize', schedule)
    return () => {
      cancelAnimationFrame(frame.current)
      removeEventListener('scroll', schedule)
      removeEventListener('resize', schedule)
    }
  }, [count, rowHeight])

  return range.value
}

function useLoadAhead(
  { hasMore, isLoading, error, count, loadMore }: Listing,
  entries: Entries,
  end: number,
): void {
  const isWanted =
    hasMore.value && !isLoading.value && error.value === undefined && end + AHEAD >= count.value
  useEffect(() => {
    if (isWanted) void loadMore()
  }, [isWanted, entries])
}

/** Later pages insert their folders before the objects: what is looked at stays where it is. */
function useKeptPosition(
  body: RefObject<HTMLElement | null>,
  { folders, pages }: Entries,
  { rowHeight, columns }: Layout,
): void {
  const before = useRef({ folders: folders.length, pages })
  useLayoutEffect(() => {
    const known = Math.ceil(before.current.folders / columns)
    const inserted = Math.ceil(folders.length / columns) - known
    const top = -(body.current?.getBoundingClientRect().top ?? 0)
    if (pages > before.current.pages && inserted > 0 && top > known * rowHeight)
      scrollBy({ top: inserted * rowHeight, behavior: 'instant' })
    before.current = { folders: folders.length, pages }
  }, [folders, pages])
}

/** Gives the focus to the row or tile that keys act on. */
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
function useKeys(
  body: RefObject<HTMLElement | null>,
  listing: Listing,
  { rowHeight, columns }: Layout,
): (event: KeyboardEvent) => void {
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
    const perPage = Math.max(1, Math.floor((innerHeight - 160) / rowHeight))
    const to = moveTo(event.key, active, { count, perPage, columns })
    const next = to === null ? undefined : rowAt(entries, to)
    if (to === null || !next) return
    event.preventDefault()
    if (to === active) return
    if (event.shiftKey) listing.selectRange(active, to)
    listing.active.value = keyOf(next)
    isFocusWanted.current = true
  }
}
