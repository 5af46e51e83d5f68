import type { Deployment } from '../../deployment.ts'
import type { Estimate } from '../../schemas/job-answers.ts'
import type { Found, PageEntry, Sized } from './job-types.ts'

export type PricedBackend = Deployment['config']['backends'][number]

/** Dollars, from Cloudflare's price pages (R2, Queues, Workers, Durable Objects) as they were on `PRICES.date`. */
const PRICES = {
  date: '2026-11-23',
  sources: [
    'https://developers.cloudflare.com/r2/pricing/',
    'https://developers.cloudflare.com/queues/platform/pricing/',
    'https://developers.cloudflare.com/durable-objects/platform/pricing/',
    'https://developers.cloudflare.com/workers/platform/pricing/',
  ] as readonly string[],
  r2ClassAPerMillion: 4.5,
  r2ClassBPerMillion: 0.36,
  r2StoragePerGbMonth: 0.015,
  queueOperationsPerMillion: 0.4,
  durableRequestsPerMillion: 0.15,
  durableRowsWrittenPerMillion: 1,
  workerRequestsPerMillion: 0.3,
  workerCpuMsPerMillion: 0.02,
} as const

const GB = 1e9
const NAMES_PER_PAGE = 100
const PAGES_PER_CONSUMER = 10
const NAMES_PER_LIST = 1000
/** Written, read and deleted. */
const QUEUE_OPERATIONS_PER_MESSAGE = 3
/** The page and its index, written four times, and its number; the counters, the record and the series with the report; alarms. */
const ROWS_PER_PAGE = 13
/** A page is started and reported. */
const REQUESTS_PER_PAGE = 2
/** An assumption: most of the work is waiting. */
const CPU_MS_PER_OBJECT = 2

/** Adds names that one source listed, or those of a manifest (`source` is `null`). */
export function addFound(found: Found, source: string | null, names: readonly PageEntry[]): void {
  const bytes = names.reduce((sum, [, size]) => sum + (size ?? 0), 0)
  const unsized = names.filter(([, size]) => size === null).length
  found.objects += names.length
  found.bytes += bytes
  if (source === null) found.unsized = (found.unsized ?? 0) + unsized
  else {
    const own = found.sources?.[source] ?? { objects: 0, bytes: 0, unsized: 0 }
    const sum = {
      objects: own.objects + names.length,
      bytes: own.bytes + bytes,
      unsized: own.unsized + unsized,
    }
    found.sources = { ...found.sources, [source]: sum }
  }
}

/** How many objects have unknown sizes. Earlier versions knew none of a manifest. */
export function unsizedOf({ objects, unsized, sources }: Found): number {
  return sources ? Object.values(sources).reduce((sum, own) => sum + own.unsized, 0) : (unsized ?? objects)
}

/**
 * What the copies cost beyond what a plan includes. Of what the operators of the sources charge, egress is included if
 * its price is known. `present` objects are not copied, but listed in the target, too.
 */
export function estimateCost(
  found: Found,
  {
    present,
    sources,
    backends,
  }: { present: number; sources: readonly string[]; backends: readonly PricedBackend[] },
): Estimate {
  const { objects, bytes, sources: listed } = found
  const unsized = unsizedOf(found)
  // Each of several sources may turn out to have any of the names of a manifest.
  const all = sources.length === 1 ? { objects, bytes, unsized } : { objects, bytes: 0, unsized: objects }
  const bySource = listed ?? Object.fromEntries(sources.map((name) => [name, all]))
  const egress = estimateEgress(bySource, backends)
  const pages = Math.ceil(objects / NAMES_PER_PAGE)
  const consumers = Math.ceil(pages / PAGES_PER_CONSUMER)
  const operations = {
    r2_class_a: objects + (listed ? Math.max(1, Math.ceil(present / NAMES_PER_LIST)) : 0),
    r2_class_b: listed ? 0 : objects,
    queue: pages * QUEUE_OPERATIONS_PER_MESSAGE,
    durable_object_requests: pages * REQUESTS_PER_PAGE + consumers,
    durable_object_rows_written: pages * ROWS_PER_PAGE,
    worker_requests: consumers,
    worker_cpu_ms: objects * CPU_MS_PER_OBJECT,
    source_gets: objects,
    source_lists: listed ? Math.ceil((objects + present) / NAMES_PER_LIST) : 0,
  }
  const millionths = {
    r2_class_a: operations.r2_class_a * PRICES.r2ClassAPerMillion,
    r2_class_b: operations.r2_class_b * PRICES.r2ClassBPerMillion,
    queue: operations.queue * PRICES.queueOperationsPerMillion,
    durable_objects:
      operations.durable_object_requests * PRICES.durableRequestsPerMillion +
      operations.durable_object_rows_written * PRICES.durableRowsWrittenPerMillion,
    workers:
      operations.worker_requests * PRICES.workerRequestsPerMillion +
      operations.worker_cpu_ms * PRICES.workerCpuMsPerMillion,
  }
  const services = Object.entries(millionths).map(([service, cost]) => [service, cost / 1e6] as const)
  const total = services.reduce((sum, [, cost]) => sum + cost, egress.usd ?? 0)
  return {
    objects,
    bytes,
    objects_of_unknown_size: unsized,
    operations,
    cost_usd: {
      ...Object.fromEntries(services.map(([service, cost]) => [service, toCents(cost)])),
      ...(egress.usd !== null && { egress: toCents(egress.usd) }),
      // A sum without most of the cost would be mistaken for all of it.
      total: egress.usd === null ? null : toCents(total),
    },
    egress_usd: egress.usd === null ? null : toCents(egress.usd),
    egress_unknown: egress.unknown,
    egress_prices: egress.by,
    storage_usd_per_month: unsized > 0 ? null : toCents((bytes / GB) * PRICES.r2StoragePerGbMonth),
    prices: PRICES,
  }
}

function toCents(value: number): number {
  return Math.round(value * 100) / 100
}

/** Dollars per GB, up to so many GB in a month. */
type Tier = readonly [upToGb: number, usdPerGb: number]

interface EgressPrice {
  /** Whose price list, or the setting. */
  by: string
  tiers: readonly Tier[]
}

const FREE: readonly Tier[] = [[Infinity, 0]]

/**
 * Providers by their hosts, without those whose price depends on more than the host (the bucket's region, a contract).
 * Each as if nothing else were read there in that month.
 */
const PROVIDERS: readonly (EgressPrice & { host: RegExp })[] = [
  {
    by: 'Amazon S3',
    // https://aws.amazon.com/s3/pricing/, regions in the USA, Canada and the EU: all others cost more.
    host: /(?:^|\.)s3(?:(?:\.dualstack)?[.-](?:us-(?:east|west)-[12]|ca-central-1|eu-(?:central|west|north|south)-\d))?\.amazonaws\.com$/,
    tiers: [
      [100, 0],
      [10_000, 0.09],
      [50_000, 0.085],
      [150_000, 0.07],
      [Infinity, 0.05],
    ],
  },
  {
    by: 'DigitalOcean Spaces',
    // https://docs.digitalocean.com/products/spaces/details/pricing/
    host: /\.digitaloceanspaces\.com$/,
    tiers: [
      [1000, 0],
      [Infinity, 0.01],
    ],
  },
  // https://www.backblaze.com/cloud-storage/pricing: free to Cloudflare, by the Bandwidth Alliance.
  { by: 'Backblaze B2', host: /\.backblazeb2\.com$/, tiers: FREE },
  // https://wasabi.com/pricing: free up to as much per month as is stored.
  { by: 'Wasabi', host: /(?:^|\.)wasabisys\.com$/, tiers: FREE },
  // https://developers.cloudflare.com/r2/pricing/
  { by: 'Cloudflare', host: /\.r2\.(?:cloudflarestorage\.com|dev)$/, tiers: FREE },
]

/** What reading out of that backend costs, `undefined` if unknown. */
function priceOf(backend: PricedBackend): EgressPrice | undefined {
  if (backend.type === 'r2' || backend.type === 'kv') return { by: 'Cloudflare', tiers: FREE }
  if (backend.egressUsdPerGb !== undefined)
    return { by: 'egress_usd_per_gb', tiers: [[Infinity, backend.egressUsdPerGb]] }
  const host = hostOf(backend)
  return PROVIDERS.find((provider) => provider.host.test(host))
}

function hostOf(backend: Extract<PricedBackend, { type: 's3' | 'http' | 'custom' }>): string {
  if (backend.type === 'custom') return ''
  if (backend.type === 'http') {
    // A binding may lead anywhere.
    return backend.url === undefined || backend.binding !== undefined ? '' : new URL(backend.url).hostname
  }
  const { hostname } = new URL(backend.endpoint)
  const isGlobal = hostname === 's3.amazonaws.com' && backend.region !== 'auto'
  return isGlobal ? `s3.${backend.region}.amazonaws.com` : hostname
}

/** The cost of reading that much, `null` if some of it is unknown. All backends of a provider share its tiers. */
export function estimateEgress(
  found: Readonly<Record<string, Sized>>,
  backends: readonly PricedBackend[],
): { usd: number | null; unknown: string[]; by: Record<string, string> } {
  const unknown: string[] = []
  const by: Record<string, string> = {}
  const gigabytes = new Map<readonly Tier[], number>()
  for (const [name, { objects, bytes, unsized }] of Object.entries(found)) {
    if (objects === 0) continue
    const backend = backends.find((candidate) => candidate.name === name)
    const price = backend && priceOf(backend)
    if (price) {
      by[name] = price.by
      gigabytes.set(price.tiers, (gigabytes.get(price.tiers) ?? 0) + bytes / GB)
    }
    if (!price || (unsized > 0 && price.tiers.some(([, usd]) => usd > 0))) unknown.push(name)
  }
  const usd = [...gigabytes].reduce((sum, [tiers, gb]) => sum + billFor(gb, tiers), 0)
  return { usd: unknown.length > 0 ? null : usd, unknown, by }
}

function billFor(gb: number, tiers: readonly Tier[]): number {
  let usd = 0
  let from = 0
  for (const [upTo, perGb] of tiers) {
    usd += Math.max(0, Math.min(gb, upTo) - from) * perGb
    from = upTo
  }
  return usd
}
