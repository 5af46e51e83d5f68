import { ApiError } from '../../../client/client.ts'
import { chain } from '../../chain.ts'
import { formatTime } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { Loading } from '../../parts/page.tsx'
import { Plot } from '../../parts/plot.tsx'
import { Problem } from '../../parts/problem.tsx'
import { usePoll } from '../../poll.ts'
import { client } from '../../session.ts'
import { readsByBackend } from './reads.ts'

const DAY_MS = 86_400_000

/** Which backends answered the reads of the last day. */
export function ReadsPlot() {
  const { data, error, reload } = usePoll(
    'series/reads',
    () => client.series('reads', { from: new Date(Date.now() - DAY_MS), step: 60 }),
    { every: 30_000 },
  )
  return (
    <section class="card plot-card" aria-labelledby="reads-title">
      <h2 id="reads-title">Reads by backend</h2>
      {!data && (error === undefined ? <Loading /> : <Missing error={error} retry={reload} />)}
      {data && <Reads data={data} />}
    </section>
  )
}

function Missing({ error, retry }: { error: unknown; retry: () => void }) {
  if (!(error instanceof ApiError) || error.status !== 501) return <Problem error={error} retry={retry} />
  return (
    <p class="notice tone-idle">
      <Icon name="circle-dashed" /> <span>{error.problem.detail}</span>
    </p>
  )
}

function Reads({ data }: { data: Awaited<ReturnType<typeof client.series>> }) {
  const { at, series, minutes } = readsByBackend(data, chain.value?.backends.map(({ name }) => name) ?? [])
  const since = data.counted_since
  const isPartial = since !== null && Date.parse(since) > (data.at[0] ?? 0) * 1000
  return (
    <>
      {series.length === 0 ? (
        <p class="muted plot-empty">No read was counted in this time.</p>
      ) : (
        <Plot
          label={`Reads by the backend that answered, in intervals of ${minutes} min over the last 24 hours, the primary at the bottom`}
          at={at}
          series={series}
          stacked
          height={244}
        />
      )}
      <p class="muted small">
        Reads in {minutes} min, {isPartial ? `counted since ${formatTime(since)}` : 'over 24 hours'}. At
        least: an isolate that is evicted takes up to a minute of counts with it.
      </p>
    </>
  )
}
