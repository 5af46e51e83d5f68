import { table } from '../../scripts/docs/table.ts'
import { type BackfillSettings, capacities, limitOf } from './backfill.ts'
import { type Cost, costOfCopies, costOfReads, MONTH, type Serving, total } from './cost.ts'
import { ASSUMED, type Figure, LIMITS, MEASURED, PRICES, SETTINGS } from './figures.ts'
import { migrate, type Moment } from './migrate.ts'
import { partsOf, verifiedPerSecond } from './parts.ts'
import { cachedShare, zipf } from './popularity.ts'

const OBJECTS = 1e8
const PHOTOS = 4e7
const READS = 10_000
const HOUR = 3600
const DAY = 24 * HOUR
/** The backfill of the tables about migrations. */
const JOB: BackfillSettings = { jobs: 1, maxConcurrency: 400 }
const groups = zipf(OBJECTS, ASSUMED.zipf.value, OBJECTS * ASSUMED.unread.value)

const whole = (value: number): string => Math.round(value).toLocaleString('en-US')
const short = (value: number): string => (value < 10 ? String(Number(value.toPrecision(2))) : whole(value))
const percent = (share: number): string =>
  share > 0 && share < 0.0001 ? '< 0.01 %' : `${Number((100 * share).toPrecision(2))} %`
const dollars = (usd: number): string => (usd > 0.005 && usd < 0.5 ? '< $1' : `$${whole(Math.abs(usd))}`)
const duration = (seconds: number): string => {
  if (seconds < 2 * DAY) return `${short(seconds / HOUR)} h`
  return `${short(seconds / DAY)} days`
}

/** What share of its limit each part uses. */
function reads(): string {
  const loads = [partsOf({ reads: READS, fallback: 0 }), partsOf({ reads: 2 * READS, fallback: 1 })]
  const rows = partsOf({ reads: READS, fallback: 1 }).map(([part, unit, load, limit], index) => {
    const [after = 0, double = 0] = loads.map((parts) => parts[index]?.[2] ?? 0)
    const full = double === load ? 'does not grow' : `${whole((READS * limit) / load)}/s`
    const used = `${short(load)} of ${short(limit)} ${unit}`.trim()
    return [part, used, percent(load / limit), percent(after / limit), full]
  })
  return table(['part', 'load', 'used', 'after the move', 'full at'], rows)
}

/** Objects of which there is only one. */
function objects(): string {
  const rows = [
    ['MirrorLog', 'change while a mirror follows, copies included', MEASURED.mirrorRequests],
    ['SourceChanges', 'event of R2', MEASURED.eventRequests],
    [
      'JobIndex',
      'multipart upload, copies of unknown length above 8 MiB included',
      MEASURED.multipartRequests,
    ],
    ['BackfillJob, one for each job', 'page of a hundred names', MEASURED.requestsPerPage],
  ] as const
  return table(
    ['object', 'gets requests for each', 'how many', 'full at'],
    rows.map(([name, what, { value }]) => [
      name,
      what,
      String(value),
      `${whole(LIMITS.objectRequests.value / value)}/s`,
    ]),
  )
}

/** How many isolates report, and what that costs. */
function isolates(): string {
  const rows = [100, 1000, 2500, 10_000, 30_000].map((count) => {
    const requests = count / MEASURED.reportSeconds.value
    const reads = count * ASSUMED.readsPerIsolate.value
    const costs = [0, 1].map((fallback) => {
      const cost = costOfReads({ reads, cached: 0, requests: 1, logLines: 0, fallback })
      return dollars(cost['TimeSeries: requests and rows'] ?? 0)
    })
    const share = percent(requests / LIMITS.objectRequests.value)
    return [whole(count), `${whole(requests)}/s (${share})`, ...costs]
  })
  return table(['isolates', 'requests', 'a month', 'while fallbacks answer'], rows)
}

const BACKFILLS: BackfillSettings[] = [
  { jobs: 1, maxConcurrency: 4 },
  { jobs: 1, maxConcurrency: 100 },
  JOB,
  { jobs: 1, maxConcurrency: 1000 },
  { jobs: 2, maxConcurrency: 1000 },
  { ...JOB, mirror: true },
]

function backfills(): string {
  const rows = BACKFILLS.map((settings) => {
    const [first, second] = capacities(settings)
    const rate = first?.rate ?? 0
    const next = second ? `${second.part} (${whole(second.rate)})` : ''
    const { jobs, maxConcurrency, mirror } = settings
    return [
      mirror ? `${jobs}, with a mirror` : String(jobs),
      String(maxConcurrency),
      whole(rate),
      first?.part ?? '',
      next,
      duration(OBJECTS / rate),
      duration(PHOTOS / rate),
    ]
  })
  return table(['jobs', '`max_concurrency`', 'objects/s', 'limited by', 'then by', '10⁸', '4 × 10⁷'], rows)
}

/** With the times that are assumed, and with others. */
function sensitivity(): string {
  const rows = [0.09, 0.18, 0.36, 1].map((copySeconds) => {
    const cells = [100, 400, 1000].map((maxConcurrency) => {
      const { rate, part } = limitOf({ jobs: 1, maxConcurrency, copySeconds })
      return `${duration(OBJECTS / rate)}: ${part}`
    })
    return [`${copySeconds * 1000} ms`, ...cells]
  })
  return table(['a copy takes', '100 copies at once', '400', '1000'], rows)
}

const TIMES = [60, HOUR, 6 * HOUR, DAY / 2, DAY, 7 * DAY]
const LABELS = ['a minute', 'an hour', '6 hours', '12 hours', 'a day', 'a week']

function simulated(copying: boolean, isFilled: boolean, times: readonly number[] = TIMES): Moment[] {
  const names = (JOB.jobs * SETTINGS.namesPerListing) / ASSUMED.listSeconds.value
  const job = isFilled ? { copies: limitOf(JOB).rate, names } : undefined
  return migrate({ groups, reads: READS, copying, ...(job && { job }) }, times)
}

function describe(moment: Moment | undefined): string {
  if (!moment) throw new Error('nothing was calculated for that time')
  const { fallback, copied, sourceGets } = moment
  return `${percent(fallback)}, ${percent(copied / OBJECTS)}, ${whole(sourceGets)}/s`
}

function migrations(): string {
  const [reading, filling, both] = [simulated(true, false), simulated(false, true), simulated(true, true)]
  const rows = LABELS.map((label, index) => {
    const cells = [reading, filling, both].map((moments) => describe(moments[index]))
    return [label, ...cells]
  })
  return table(['after', 'by reads alone', 'by a backfill alone', 'by both'], rows)
}

function costTable(columns: Record<string, Cost>): string {
  const costs = Object.values(columns)
  const items = Object.keys(costs[0] ?? {})
  const rows = items.map((item) => [item, ...costs.map((cost) => dollars(cost[item] ?? 0))])
  const sums = ['**together**', ...costs.map((cost) => `**${dollars(total(cost))}**`)]
  return table(['', ...Object.keys(columns)], [...rows, sums])
}

/** Until the end, or for 30 days of reads alone, which never end. */
function copies(): string {
  const last = (copying: boolean, isFilled: boolean): Moment => {
    const [end] = simulated(copying, isFilled, [MONTH])
    if (!end) throw new Error('no time was given')
    return end
  }
  const [filled, read, both] = [last(false, true), last(true, false), last(true, true)]
  return costTable({
    'a backfill alone': costOfCopies(filled, OBJECTS),
    [`reads alone: ${percent(read.copied / OBJECTS)} in 30 days`]: costOfCopies(read, 0),
    both: costOfCopies(both, OBJECTS),
  })
}

const CACHE_SECONDS = 3600
const LOCATIONS = 100

function months(): string {
  const everywhere = cachedShare(groups, READS, CACHE_SECONDS)
  const local = cachedShare(groups, READS / LOCATIONS, CACHE_SECONDS)
  const quiet: Serving = { reads: READS, cached: 0, requests: 1, logLines: 0 }
  return costTable({
    // An isolate writes up to 20 lines per second.
    'as in `wrangler.toml`': costOfReads({ ...quiet, logLines: 1 }),
    'without logs of reads': costOfReads(quiet),
    [`and Workers Cache: ${percent(everywhere)} hits`]: costOfReads({
      ...quiet,
      cached: everywhere,
      requests: 2,
    }),
    [`and Cache API: ${percent(local)} hits`]: costOfReads({ ...quiet, cached: local }),
  })
}

function verifications(): string {
  const rows = [1e6, 1e7, PHOTOS, OBJECTS].map((count) => {
    const seconds = count / verifiedPerSecond()
    const listing = (count / SETTINGS.namesPerListing) * ASSUMED.listSeconds.value
    return [
      whole(count),
      duration(seconds),
      dollars((count * (PRICES.r2Read + MEASURED.verifiedRows.value * PRICES.row)) / 1e6),
      duration(2 * listing),
    ]
  })
  return table(['objects', 'reading every copy', 'which costs', 'only two passes of listings'], rows)
}

function figures(): string {
  const rows = [LIMITS, MEASURED, ASSUMED].flatMap((group) =>
    Object.values<Figure>(group).map(({ value, what, source }) => [String(value), what, source]),
  )
  return table(['figure', 'what', 'source'], rows)
}

/** The tables of docs/scale.md, by name. */
export const TABLES: Record<string, () => string> = {
  reads,
  objects,
  isolates,
  backfills,
  sensitivity,
  migrations,
  copies,
  months,
  verifications,
  figures,
}
