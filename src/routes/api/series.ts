import type { Deployment } from '../../deployment.ts'
import { columnsOf, firstInterval } from '../../observe/columns.ts'
import { dependenceOf } from '../../observe/dependence.ts'
import { describeError, log } from '../../observe/log.ts'
import type { Series } from '../../observe/series.ts'
import type { Backends } from '../../schemas/answers.ts'
import { StorageError } from '../../storage/errors.ts'
import { type Handlers, ProblemError } from '../context.ts'

export const seriesHandlers = {
  async getSeries(c, { query: { what, from, step } }) {
    const { series, chain } = c.var.deployment
    const object = await settled(series)
    const now = Date.now()
    const first = firstInterval(step, from === undefined ? undefined : Date.parse(from), now)
    const [{ countedSince }, intervals] = await orUnavailable(
      Promise.all([object.summary(), object.intervals(what, step, first)]),
    )
    const backends = chain.backends.map(({ name }) => name)
    const shown = columnsOf({ what, step, intervals, countedSince }, { first, now, backends })
    return { what, step, counted_since: toTime(countedSince), ...shown }
  },
  async getDependence(c) {
    const { series, chain, config } = c.var.deployment
    const object = await settled(series)
    return dependenceOf(await orUnavailable(object.dependence()), {
      backends: chain.backends,
      shadowPercent: config.shadowPercent,
    })
  },
} satisfies Partial<Handlers>

/** The object, once it knows what this isolate has counted. */
async function settled(series: Deployment['series']): Promise<ReturnType<Series['object']>> {
  if (!series)
    throw new StorageError(
      'unsupported',
      'nothing is counted over time: bind the Durable Object class TimeSeries as TIME_SERIES in wrangler.toml, with its migration, as in docs/configuration.md',
    )
  await series.tally.settle()
  return series.object()
}

async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    log('error', 'series', { reason: describeError(error) })
    const detail = 'the Durable Object TimeSeries failed; the log has the reason'
    throw new ProblemError({ status: 503, title: 'The series cannot be read', detail })
  }
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
      last_fallback_read: fallbackRead && { ...fallbackRead, at: new Date(fallbackRead.at).toISOString() },
      counted_since: toTime(countedSince),
    }
  } catch (error) {
    log('error', 'series', { reason: describeError(error) })
    return {}
  }
}

function toTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
