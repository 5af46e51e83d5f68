import { useRef } from 'preact/hooks'
import type { Backfill } from '../../../client/client.ts'
import { formatBytes } from '../../format.ts'
import { Loading } from '../../parts/page.tsx'
import { Plot } from '../../parts/plot.tsx'
import { Problem } from '../../parts/problem.tsx'
import { usePoll } from '../../poll.ts'
import { client } from '../../session.ts'
import { formatRate, isMoving, ratesOf } from './jobs.ts'

/** How fast a backfill was over its time. */
export function JobPlots({ job }: { job: Backfill }) {
  const moves = useRef(true)
  moves.current = isMoving(job)
  const { id } = job
  const { data, error, reload } = usePoll(`backfill-series/${id}`, () => client.backfillSeries(id), {
    every: () => (moves.current ? 5000 : 30_000),
  })
  return (
    <section class="card plot-card" aria-labelledby="speed-title">
      <h2 id="speed-title">Speed of the backfill</h2>
      {!data && (error === undefined ? <Loading /> : <Problem error={error} retry={reload} />)}
      {data && <Rates series={data} end={Date.parse(job.finished ?? job.updated) / 1000} />}
    </section>
  )
}

function Rates({ series, end }: { series: Awaited<ReturnType<typeof client.backfillSeries>>; end: number }) {
  const { objects, bytes } = ratesOf(series, end)
  return (
    <div class="stack">
      <Plot
        label="Objects per second over the time of the backfill"
        at={series.at}
        height={110}
        series={[{ label: 'Objects/s', values: objects, tone: 'accent', format: formatRate }]}
      />
      <Plot
        label="Bytes copied per second over the time of the backfill"
        at={series.at}
        height={110}
        series={[{ label: 'Bytes/s', values: bytes, tone: 'good', format: formatBytes }]}
      />
    </div>
  )
}
