import type { RefObject } from 'preact'
import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect } from 'preact/hooks'
import { type RowRange, rowsInView } from './window.ts'

/** The rows of a list that are near the viewport, as the page is scrolled. */
export function useWindow(body: RefObject<HTMLElement | null>, count: number, rowHeight: number): RowRange {
  const range = useSignal<RowRange>({ start: 0, end: Math.min(count, 24) })

  const update = (): void => {
    if (!body.current) return
    const { top } = body.current.getBoundingClientRect()
    const next = rowsInView({ top: -top, height: innerHeight, rowHeight }, count)
    const { start, end } = range.peek()
    if (next.start !== start || next.end !== end) range.value = next
  }

  // What is above the list may have changed too, so this is checked after every rendering.
  useLayoutEffect(update)
  useEffect(() => {
    let frame = 0
    const schedule = (): void => {
      cancelAnimationFrame(frame)
      frame = requestAnimationFrame(update)
    }
    addEventListener('scroll', schedule, { passive: true })
    addEventListener('resize', schedule)
    return () => {
      cancelAnimationFrame(frame)
      removeEventListener('scroll', schedule)
      removeEventListener('resize', schedule)
    }
  }, [count, rowHeight])

  return range.value
}
