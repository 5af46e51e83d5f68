import { ApiError, type Series } from '../../../client/client.ts'
import { primary } from '../../chain.ts'
import { formatDuration, formatTime } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { inIntervals } from '../../parts/intervals.ts'
import { Loading } from '../../parts/page.tsx'
import { Plot, type PlotSeries } from '../../parts/plot.tsx'
import { describe, Problem } from '../../parts/problem.tsx'
import { usePoll } from '../../poll.ts'
import { client } from '../../session.ts'

const EVERY_MS = 30_000
const DAY_MS = 86_400_000

/** Reads by result and copies over the last day. */
export function Traffic() {
  const { data, error, reload } = usePoll('series/traffic', loadDay, { every: EVERY_MS })
  if (!data) {
    if (error instanceof ApiError && error.status === 501)
      return (
        <p class="notice tone-idle">
          <Icon name="activity" /> {describe(error).detail}
        </p>
      )
    return error === undefined ? <Loading /> : <Problem error={error} retry={reload} />
  }
  return (
    <div class="columns">
      <Chart title="Reads" label="Reads by result" of={data.reads} series={readSeries(data.reads)} />
      <Chart title="Copies" label="Copies" of={data.copies} series={copySeries(data.copies)} />
    </div>
  )
}

interface ChartProps {
  title: string
  label: string
  of: Series
  series: readonly PlotSeries[]
}

function Chart({ title, label, of, series }: ChartProps) {
  const { at, interval, layers } = inIntervals(of, series)
  const { counted_since: since } = of
  const isShort = since !== null && Date.parse(since) > (of.at[0] ?? 0) * 1000
  const end = (at.at(-1) ?? 0) + interval
  return (
    <section class="card" aria-label={title}>
      <h2>
        {title} per {interval === 60 ? 'minute' : formatDuration(interval)}
      </h2>
      <Plot label={`${label} over the last 24 hours`} at={at} series={layers} />
      <p class="muted small">
        {isShort && `Counted since ${formatTime(since)}. `}
        {since !== null && end * 1000 > Date.parse(since) && `Until ${formatTime(end * 1000)}. `}
        An interval is shown when it is complete.
      </p>
    </section>
  )
}

async function loadDay(): Promise<Record<'reads' | 'copies', Series>> {
  const from = new Date(Date.now() - DAY_MS)
  const [reads, copies] = await Promise.all([
    client.series('reads', { from, step: 60 }),
    client.series('copies', { from, step: 60 }),
  ])
  return { reads, copies }
}

function readSeries({ at, backends, columns }: Series): PlotSeries[] {
  const fallbacks = Object.entries(backends).filter(([name]) => name !== primary.value)
  const sumOf = (index: number): number | null => {
    const known = fallbacks.flatMap(([, { reads }]) => reads?.[index] ?? [])
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
  }
  return [
    { label: 'primary', tone: 'good', values: backends[primary.value ?? '']?.['reads'] ?? [] },
    { label: 'fallbacks', tone: 'warn', values: at.map((_, index) => sumOf(index)) },
    { label: 'not found', tone: 'idle', values: columns['absent'] ?? [] },
    { label: 'failed', tone: 'bad', values: columns['failed'] ?? [] },
  ]
}

function copySeries({ columns }: Series): PlotSeries[] {
  return [
    { label: 'copied', tone: 'good', values: columns['copied'] ?? [] },
    { label: 'failed', tone: 'bad', values: columns['failed'] ?? [] },
  ]
}
