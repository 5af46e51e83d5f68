import type { Series } from '../../../client/client.ts'
import type { PlotSeries } from '../../parts/plot.tsx'

/** Reads by who answered them, as a plot shows them; pure. */

const MAX_POINTS = 144
const TONES = ['accent', 'warn', 'bad', 'idle'] as const

type Column = readonly (number | null)[]

/** Adds up every `factor` intervals. Null where all of them are null. */
export function mergeIntervals(column: Column, factor: number): (number | null)[] {
  return Array.from({ length: Math.ceil(column.length / factor) }, (_, index) => {
    const known = column.slice(index * factor, (index + 1) * factor).filter((value) => value !== null)
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
  })
}

/** The primary at the bottom, the fallbacks in their order, and the edge cache on top of them. */
export function readsByBackend({ at, step, columns, backends }: Series, order: readonly string[]) {
  const factor = Math.max(1, Math.ceil(at.length / MAX_POINTS))
  const known = order.filter((name) => backends[name]?.['reads'])
  const layers = known.map((name, index): PlotSeries => ({
    label: name,
    values: mergeIntervals(backends[name]?.['reads'] ?? [], factor),
    tone: TONES[Math.min(index, TONES.length - 1)] ?? 'idle',
  }))
  const edge = columns['edge']
  if (edge?.some((value) => (value ?? 0) > 0))
    layers.push({ label: 'edge cache', values: mergeIntervals(edge, factor), tone: 'good' })
  return {
    at: at.filter((_, index) => index % factor === 0),
    minutes: Math.round((step * factor) / 60),
    series: layers,
  }
}
