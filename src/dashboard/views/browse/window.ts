/** Which rows of a long list are in the DOM, and where the keys move; pure. */

export const ROW_HEIGHT = 44
/** Pixels beyond the viewport on either side that have rows, so that scrolling shows no gaps. */
const OVERSCAN = 264
/** The window moves by so many pixels at once, so that not every scrolled pixel renders. */
const STEP = 264
/** One row more may be there: the one with the focus. */
const MAX_ROWS = 58

interface Viewport {
  /** Pixels of the list above the viewport; negative while the list begins inside it. */
  top: number
  height: number
  rowHeight?: number
}

/** The rows from `start` up to `end`, without it. */
export interface RowRange {
  start: number
  end: number
}

export function rowsInView(
  { top, height, rowHeight = ROW_HEIGHT }: Viewport,
  count: number,
  overscan = OVERSCAN,
): RowRange {
  const first = clamp(Math.floor(top / rowHeight), 0, count)
  const last = clamp(Math.ceil((top + height) / rowHeight), first, count)
  const visible = Math.ceil(height / rowHeight) + 1
  const step = overscan === 0 ? 1 : Math.max(1, Math.floor(STEP / rowHeight))
  const over = clamp(Math.floor((MAX_ROWS - visible) / 2) - step, 0, Math.ceil(overscan / rowHeight))
  return {
    start: Math.max(0, Math.floor((first - over) / step) * step),
    end: Math.min(count, Math.ceil((last + over) / step) * step),
  }
}

/** The indexes of the rows in the DOM: those of the window, and the active one wherever it is. */
export function renderedRows({ start, end }: RowRange, active: number, count: number): number[] {
  const rows = Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index)
  if (active < 0 || active >= count || (active >= start && active < end)) return rows
  return active < start ? [active, ...rows] : [...rows, active]
}

/** The row that a key moves to; null for other keys. `columns` is more than one in a grid of tiles. */
export function moveTo(
  key: string,
  from: number,
  { count, perPage, columns = 1 }: { count: number; perPage: number; columns?: number },
): number | null {
  const steps: Record<string, number> = {
    ArrowDown: columns,
    ArrowUp: -columns,
    PageDown: perPage * columns,
    PageUp: -perPage * columns,
    Home: -Infinity,
    End: Infinity,
    ...(columns > 1 && { ArrowRight: 1, ArrowLeft: -1 }),
  }
  const step = steps[key]
  if (step === undefined || count === 0) return null
  return clamp(from + step, 0, count - 1)
}

function clamp(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(max, value))
}
