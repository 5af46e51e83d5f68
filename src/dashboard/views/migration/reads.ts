import type { Series } from '../../../client/client.ts'
import type { PlotSeries } from '../../parts/plot.tsx'

/** Reads by who answered them, as a plot shows them; pure. */

const MAX_POINTS = 144
const MIN_POINTS = 15
/** Minutes that may be summed in one interval. */
const FACTORS = [1, 2, 5, 10] as const
const TONES = ['accent', 'warn', 'idle', 'good'] as const

type Column = readonly (number | null)[]

/** Adds up every `factor` intervals. Null where all of them are null. */
export function mergeIntervals(column: Column, factor: number): (number | null)[] {
  return Array.from({ length: Math.ceil(column.length / factor) }, (_, index) => {
    const known = column.slice(index * factor, (index + 1) * factor).filter((value) => value !== null)
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
  })
}

/**
 * Reads by backend since something was counted: the primary at the bottom, the other backends in their order, and the
 * edge cache on top. Intervals begin at multiples of their length, so that they stay what they are as time goes on.
 */
export function readsByBackend({ at, step, columns, backends }: Series, order: readonly string[]) {
  const names = [...new Set([...order, ...Object.keys(backends)])]
  const layers = [
    ...names.map((label) => ({ label, values: backends[label]?.['reads'] ?? [] })),
    { label: 'edge cache', values: columns['edge'] ?? [] },
  ].filter(({ values }, index) => index < order.length || values.some((value) => (value ?? 0) > 0))
  const known = at.findIndex((_, index) => layers.some(({ values }) => (values[index] ?? null) !== null))
  const earliest = Math.max(0, Math.min(known, at.length - MIN_POINTS))
  const factor = FACTORS.find((one) => (at.length - earliest) / one <= MAX_POINTS) ?? 10
  const aligned = at.findIndex((time, index) => index >= earliest && time % (step * factor) === 0)
  const start = Math.max(0, aligned)
  // The latest minute may be incomplete, but a longer interval would seem to fall to nothing.
  const end = at.length - (factor === 1 ? 0 : (at.length - start) % factor)
  return {
    at: at.slice(start, end).filter((_, index) => index % factor === 0),
    minutes: Math.round((step * factor) / 60),
    series: layers.map(({ label, values }, index): PlotSeries => ({
      label,
      values: mergeIntervals(values.slice(start, end), factor),
      tone: label === 'edge cache' ? 'good' : (TONES[index] ?? 'idle'),
    })),
  }
}
