import type { Dependence, Series } from '../../../client/client.ts'
import { formatCount, formatShare, plural } from '../../format.ts'
import type { Tone } from '../../parts/badge.tsx'
import type { IconName } from '../../parts/icons.ts'
import { inIntervals } from '../../parts/intervals.ts'
import type { PlotSeries } from '../../parts/plot.tsx'

/** Reads by who answered them, as a plot shows them; pure. */

const DAY_SECONDS = 86_400

/** What a plot can show, and in which intervals it is kept. */
export const SPANS = [
  { id: 'hour', label: 'Hour', seconds: 3600, step: 60 },
  { id: 'day', label: 'Day', seconds: DAY_SECONDS, step: 60 },
  { id: 'week', label: 'Week', seconds: 7 * DAY_SECONDS, step: 900 },
  { id: 'year', label: 'Year', seconds: 365 * DAY_SECONDS, step: DAY_SECONDS },
] as const
export type Span = (typeof SPANS)[number]

const TONES = ['accent', 'warn', 'idle', 'good'] as const

/** Reads by backend since something was counted: the primary at the bottom, the other backends in their order, and the edge cache on top. */
export function readsByBackend({ at, step, columns, backends }: Series, order: readonly string[]) {
  const names = [...new Set([...order, ...Object.keys(backends)])]
  const layers = [
    ...names.map((label) => ({ label, values: backends[label]?.['reads'] ?? [] })),
    { label: 'edge cache', values: columns['edge'] ?? [] },
  ].filter(({ values }, index) => index < order.length || values.some((value) => (value ?? 0) > 0))
  const { layers: shown, ...times } = inIntervals({ at, step }, layers)
  const toned = shown.map((layer, index): PlotSeries => ({
    ...layer,
    tone: layer.label === 'edge cache' ? 'good' : (TONES[index] ?? 'idle'),
  }))
  return { ...times, series: toned }
}

type Fallback = Dependence['fallbacks'][number]

/** After so many days without a read, a fallback looks unneeded. */
const QUIET_DAYS = 30

/** For how long nothing was read from a fallback. */
export function quietOf({ quiet_days: days, last_read: last }: Fallback): {
  figure: string
  text: string
  tone: Tone
} {
  if (days === null) return { figure: '–', text: 'nothing was counted yet', tone: 'idle' }
  const text = last ? 'without a read' : 'of counting, without a read'
  return {
    figure: plural(days, 'day'),
    text,
    tone: days === 0 ? 'warn' : days < QUIET_DAYS ? 'idle' : 'good',
  }
}

/** `12 reads in the last hour, 340 in a day (2.1 % of all), 2,310 in a week`. */
export function describeReads({ reads: { hour, day, week }, share }: Fallback): string {
  if (week === 0) return 'No read in the last week.'
  const part = day === 0 || share === null ? '' : ` (${formatShare(share)} of all)`
  return `${plural(hour, 'read')} in the last hour, ${formatCount(day)} in a day${part}, ${formatCount(week)} in a week`
}

/** What shadow reads found. */
export function describeShadows({ shadow_percent: percent, shadowed, mismatched }: Dependence): {
  tone: Tone
  icon: IconName
  text: string
} {
  const compared = `${plural(shadowed, 'copy', 'copies')} of the last week ${shadowed === 1 ? 'was' : 'were'} compared with the source on read`
  if (mismatched > 0)
    return { tone: 'bad', icon: 'triangle-alert', text: `${compared}: ${formatCount(mismatched)} differed.` }
  if (shadowed > 0) return { tone: 'good', icon: 'circle-check', text: `${compared}: all are the same.` }
  const text =
    percent > 0
      ? 'No copy was compared with its source on read in the last week.'
      : 'Copies are not compared with their sources on read: FALLBACK_SHADOW_PERCENT is 0.'
  return { tone: 'idle', icon: 'circle-dashed', text }
}
