/** What a plot draws, computed from its figures; pure. */

export type Column = readonly (number | null)[]

/** Each column on top of those before it. Null only where no column has a value. */
export function stackColumns(columns: readonly Column[]): (number | null)[][] {
  const sums: (number | null)[] = []
  return columns.map((column) =>
    column.map((value, index) => {
      const below = sums[index] ?? null
      const sum = value === null ? below : (below ?? 0) + value
      sums[index] = sum
      return sum
    }),
  )
}

/** Fractions, which do not fall in an interval that is not over. Null where there is nothing to have a share of. */
export function sharesOf(parts: Column, wholes: Column): Column {
  return wholes.map((whole, index) => (whole ? (parts[index] ?? 0) / whole : null))
}

const SHORTEST_SECONDS = 60

/** The times with their columns. uPlot shows a single time on an axis of years, so it gets an end without values. */
export function drawable(at: readonly number[], columns: readonly Column[]): Column[] {
  const [only, ...more] = at
  if (only === undefined || more.length > 0) return [at, ...columns]
  return [[only, only + SHORTEST_SECONDS], ...columns.map((column) => [...column, null])]
}

/** 1, 2, 5, 10, 20 … */
export const WHOLE_STEPS = Array.from({ length: 45 }, (_, index) =>
  Number(`${[1, 2, 5][index % 3]}e${Math.floor(index / 3)}`),
)

/** The indexes of values between two gaps: a line cannot show them. */
export function isolatedPoints(column: Column): number[] {
  const isMissing = (index: number): boolean => (column[index] ?? null) === null
  return column.flatMap((_value, index) =>
    !isMissing(index) && isMissing(index - 1) && isMissing(index + 1) ? [index] : [],
  )
}

const DAY = 86_400

/** Labels of a time axis, in the reader's time zone. `increment` is the seconds between them. */
export function timeLabels(seconds: readonly number[], increment: number): string[] {
  const pad = (value: number): string => `${value}`.padStart(2, '0')
  return seconds.map((second) => {
    const date = new Date(second * 1000)
    const time = `${pad(date.getHours())}:${pad(date.getMinutes())}`
    if (increment >= DAY || time === '00:00') return `${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
    return increment >= 60 ? time : `${time}:${pad(date.getSeconds())}`
  })
}
