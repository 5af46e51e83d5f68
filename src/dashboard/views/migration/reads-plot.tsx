import { chain } from '../../chain.ts'
import { formatDuration, formatTime } from '../../format.ts'
import { Loading } from '../../parts/page.tsx'
import { Plot } from '../../parts/plot.tsx'
import { Problem } from '../../parts/problem.tsx'
import { usePoll } from '../../poll.ts'
import { client } from '../../session.ts'
import { readsByBackend, type Span } from './reads.ts'

function loadReads({ seconds, step }: Span): ReturnType<typeof client.series> {
  return client.series('reads', { from: new Date(Date.now() - seconds * 1000), step })
}

/** Which backends answered the reads of that time. */
export function ReadsPlot({ span }: { span: Span }) {
  const label = span.id
  const { data, error, reload } = usePoll(`series/reads/${label}`, () => loadReads(span), { every: 30_000 })
  if (!data) return error === undefined ? <Loading /> : <Problem error={error} retry={reload} />
  const { at, series, interval } = readsByBackend(data, chain.value?.backends.map(({ name }) => name) ?? [])
  const length = formatDuration(interval)
  const since = data.counted_since
  const isPartial = since !== null && Date.parse(since) > (data.at[0] ?? 0) * 1000
  if (series.length === 0) return <p class="muted plot-empty">No read was counted in this time.</p>
  return (
    <>
      <Plot
        label={`Reads by the backend that answered, in intervals of ${length} over the last ${label}, the primary at the bottom`}
        at={at}
        series={series}
        stacked
        height={200}
      />
      <p class="muted small">
        In intervals of {length},{' '}
        {isPartial ? `counted since ${formatTime(since)}` : `over the last ${label}`}. At least: an isolate
        that is evicted takes up to a minute of counts with it. An interval is shown when it is complete.
      </p>
    </>
  )
}
