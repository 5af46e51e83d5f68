import type { Deployment } from '../../deployment.ts'
import { columnsOf, firstInterval } from '../../observe/columns.ts'
import { describeError, log } from '../../observe/log.ts'
import { readDependence, type Series } from '../../observe/series.ts'
import type { Backends } from '../../schemas/answers.ts'
import { StorageError } from '../../storage/errors.ts'
import { answerOf } from '../answer-of.ts'
import type { Handlers } from '../context.ts'
import { isoTime } from '../../storage/iso-time.ts'

export const seriesHandlers = {
  async getSeries(c, { query: { what, from, step } }) {
    const { series, chain } = c.var.deployment
    const { tally, object } = bound(series)
    await tally.settle()
    const now = Date.now()
    const first = firstInterval(step, from === undefined ? undefined : Date.parse(from), now)
    const [{ countedSince }, intervals] = await orUnavailable(
      Promise.all([object().summary(), object().intervals(what, step, first)]),
    )
    const backends = chain.backends.map(({ name }) => name)
    const shown = columnsOf({ what, step, intervals, countedSince }, { first, now, backends })
    return { what, step, counted_since: isoTime(countedSince), ...shown }
  },
  async getDependence(c) {
    const { series, chain, config } = c.var.deployment
    const chosen = { backends: chain.backends, shadowPercent: config.shadowPercent }
    return orUnavailable(readDependence(bound(series), chosen))
  },
} satisfies Partial<Handlers>

function bound(series: Deployment['series']): Series {
  if (series) return series
  throw new StorageError(
    'unsupported',
    'nothing is counted over time: bind the Durable Object class TimeSeries as TIME_SERIES in wrangler.toml, with its migration, as in docs/configuration.md',
  )
}

function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  const title = 'The series cannot be read'
  return answerOf(answer, { object: 'TimeSeries', title, entry: ['series', {}] })
}

/** What an overview of the backends says of reads so far: nothing if nothing keeps it, or it cannot be read. */
export async function lastFallbackRead({
  series,
}: Pick<Deployment, 'series'>): Promise<Pick<Backends, 'last_fallback_read' | 'counted_since'>> {
  if (!series) return {}
  await series.tally.settle()
  try {
    const { countedSince, fallbackRead } = await series.object().summary()
    return {
      last_fallback_read: fallbackRead && { ...fallbackRead, at: isoTime(fallbackRead.at) },
      counted_since: isoTime(countedSince),
    }
  } catch (error) {
    log('error', 'series', { reason: describeError(error) })
    return {}
  }
}
