import { ApiError, type Series } from '../../../client/client.ts'
import { primary } from '../../chain.ts'
import { formatTime } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { Loading } from '../../parts/page.tsx'
import { Plot, type PlotSeries } from '../../parts/plot.tsx'
import { describe, Problem } from '../../parts/problem.tsx'
import { usePoll } from '../../poll.ts'
import { client } from '../../session.ts'

const EVERY_MS = 30_000
const DAY_MS = 86_400_000

/** Reads by result and copies, a quarter of an hour each, over the last day. */
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
  const { reads, copies, isShort } = data
  const since = isShort && reads.counted_since !== null && (
    <p class="muted small">Counted since {formatTime(reads.counted_since)}.</p>
  )
  return (
    <div class="columns">
      <section class="card" aria-label="Reads">
        <h2>Reads per 15 minutes</h2>
        <Plot label="Reads by result over the last 24 hours" at={reads.at} series={readSeries(reads)} />
        {since}
      </section>
      <section class="card" aria-label="Copies">
        <h2>Copies per 15 minutes</h2>
        <Plot label="Copies over the last 24 hours" at={copies.at} series={copySeries(copies)} />
        {since}
      </section>
    </div>
  )
}

interface Day {
  reads: Series
  copies: Series
  /** Whether counting began later. */
  isShort: boolean
}

async function loadDay(): Promise<Day> {
  const from = new Date(Date.now() - DAY_MS)
  const [reads, copies] = await Promise.all([
    client.series('reads', { from, step: 900 }),
    client.series('copies', { from, step: 900 }),
  ])
  const since = reads.counted_since
  return { reads, copies, isShort: since !== null && Date.parse(since) > from.getTime() }
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
