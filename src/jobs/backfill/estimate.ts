import type { Egress } from './egress.ts'

/** Dollars, from Cloudflare's price pages (R2, Queues, Workers, Durable Objects) as they were on `PRICES.date`. */
export const PRICES = {
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
/** The page, written four times, and its number; the counters and the record with the report; alarms. */
const ROWS_PER_PAGE = 11
/** A page is begun and reported. */
const REQUESTS_PER_PAGE = 2
/** An assumption: most of the work is waiting. */
const CPU_MS_PER_OBJECT = 2

export interface EstimateInput {
  /** To be copied. */
  objects: number
  /** Of those whose sizes are known. */
  bytes: number
  /** Objects of unknown size. */
  unsized: number
  /** Held by the target already: they are listed there too. */
  present: number
  /** The target is not listed: there is a HEAD for each name instead. */
  manifest: boolean
  egress: Egress
}

/** What copying that much costs beyond what a plan includes. Of what the sources' operators charge, egress is in it where it is known. */
export function estimateCost({ objects, bytes, unsized, present, manifest, egress }: EstimateInput) {
  const pages = Math.ceil(objects / NAMES_PER_PAGE)
  const targetLists = manifest ? 0 : Math.max(1, Math.ceil(present / NAMES_PER_LIST))
  const consumers = Math.ceil(pages / PAGES_PER_CONSUMER)
  const operations = {
    r2_class_a: objects + targetLists,
    r2_class_b: manifest ? objects : 0,
    queue: pages * QUEUE_OPERATIONS_PER_MESSAGE,
    durable_object_requests: pages * REQUESTS_PER_PAGE + consumers,
    durable_object_rows_written: pages * ROWS_PER_PAGE,
    worker_requests: consumers,
    worker_cpu_ms: objects * CPU_MS_PER_OBJECT,
    source_gets: objects,
    source_lists: manifest ? 0 : Math.ceil((objects + present) / NAMES_PER_LIST),
  }
  const cost: Record<string, number> = {
    r2_class_a: dollars(operations.r2_class_a, PRICES.r2ClassAPerMillion),
    r2_class_b: dollars(operations.r2_class_b, PRICES.r2ClassBPerMillion),
    queue: dollars(operations.queue, PRICES.queueOperationsPerMillion),
    durable_objects:
      dollars(operations.durable_object_requests, PRICES.durableRequestsPerMillion) +
      dollars(operations.durable_object_rows_written, PRICES.durableRowsWrittenPerMillion),
    workers:
      dollars(operations.worker_requests, PRICES.workerRequestsPerMillion) +
      dollars(operations.worker_cpu_ms, PRICES.workerCpuMsPerMillion),
  }
  const others = Object.values(cost).reduce((sum, part) => sum + part, 0)
  return {
    objects,
    bytes,
    objects_of_unknown_size: unsized,
    operations,
    cost_usd: {
      ...mapValues(cost, toCents),
      ...(egress.usd !== null && { egress: toCents(egress.usd) }),
      // A sum that leaves out most of the cost would pass for the whole.
      total: egress.usd === null ? null : toCents(others + egress.usd),
    },
    egress_usd: egress.usd === null ? null : toCents(egress.usd),
    egress_unknown: egress.unknown,
    egress_prices: egress.by,
    storage_usd_per_month: unsized > 0 ? null : toCents((bytes / GB) * PRICES.r2StoragePerGbMonth),
    prices: PRICES,
  }
}

export type Estimate = ReturnType<typeof estimateCost>

function dollars(count: number, perMillion: number): number {
  return (count / 1e6) * perMillion
}

function toCents(value: number): number {
  return Math.round(value * 100) / 100
}

function mapValues(record: Record<string, number>, map: (value: number) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}
