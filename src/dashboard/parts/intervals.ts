import type { Series } from '../../client/client.ts'
import type { Column } from './plot-data.ts'

/** The intervals that a plot shows of a series; pure. */

const MAX_POINTS = 300
const MIN_POINTS = 15
/** Intervals that may be summed in one: of minutes, up to ten; quarters of an hour become hours. */
const FACTORS = [1, 2, 4, 5, 10] as const
const DAY_SECONDS = 86_400

/**
 * The complete intervals since something was counted, several summed where there would be too many. They begin at multiples
 * of their length, so that they stay what they are as time goes on.
 */
export function inIntervals<Layer extends { values: Column }>(
  { at, step }: Pick<Series, 'at' | 'step'>,
  layers: readonly Layer[],
) {
  // The last one is not over, and isolates report up to a minute later: a line would seem to fall to nothing there.
  const complete = Math.max(0, at.length - (step === 60 ? 2 : 1))
  const known = at.findIndex((_, index) => layers.some(({ values }) => (values[index] ?? null) !== null))
  const earliest = Math.max(0, Math.min(known, complete - MIN_POINTS))
  const fits = (factor: number): boolean => (complete - earliest) / factor <= MAX_POINTS
  const factor = step === DAY_SECONDS ? 1 : (FACTORS.find(fits) ?? 10)
  const start = at.findIndex((time, index) => index >= earliest && time % (step * factor) === 0)
  const end = complete - ((complete - start) % factor)
  return {
    at: at.slice(start, end).filter((_, index) => index % factor === 0),
    interval: step * factor,
    layers: layers.map((layer) => ({ ...layer, values: sums(layer.values.slice(start, end), factor) })),
  }
}

/** Of every `factor` values. Null where all of them are null. */
function sums(column: Column, factor: number): Column {
  return Array.from({ length: column.length / factor }, (_, index) => {
    const known = column.slice(index * factor, (index + 1) * factor).filter((value) => value !== null)
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
  })
}
