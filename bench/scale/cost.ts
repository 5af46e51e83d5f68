import { ASSUMED, MEASURED, PRICES, SETTINGS } from './figures.ts'
import type { Moment } from './migrate.ts'

export const MONTH = 30 * 86_400

/** Dollars by item. */
export type Cost = Record<string, number>

export function total(cost: Cost): number {
  return Object.values(cost).reduce((sum, usd) => sum + usd, 0)
}

const millions = (count: number, usd: number): number => (count * usd) / 1e6

/** What a migration costs beyond the reads themselves. The source's egress comes on top. */
export function costOfCopies({ byJob, byReads }: Pick<Moment, 'byJob' | 'byReads'>, names: number): Cost {
  const pages = byJob / SETTINGS.namesPerPage
  const queued = byReads * ASSUMED.queuedShare.value
  const consumers = pages / SETTINGS.pagesPerConsumer
  return {
    'R2: puts': millions(byJob + byReads, PRICES.r2Write),
    'R2: HEADs of queued copies': millions(queued, PRICES.r2Read),
    'R2: listing': millions((names - byJob) / SETTINGS.namesPerListing, PRICES.r2Write),
    'Queue: operations': millions(3 * (pages * MEASURED.messagesPerPage.value + queued), PRICES.queue),
    'Durable Objects: requests': millions(
      pages * MEASURED.requestsPerPage.value + consumers,
      PRICES.objectRequest,
    ),
    'Durable Objects: rows': millions(pages * MEASURED.rowsPerPage.value, PRICES.row),
    'Worker: consumers, processor time':
      millions(consumers, PRICES.request) +
      millions((byJob + byReads) * ASSUMED.cpuMsOfCopy.value, PRICES.cpuMs),
    'Workers Logs: a line for each copy of a read': millions(byReads, PRICES.logLine),
    'the source (S3): GETs of the backfill': millions(byJob, PRICES.sourceGet),
  }
}

export interface Serving {
  reads: number
  /** Share of the reads that the edge cache answers. */
  cached: number
  /** Requests that the Worker is billed for each read. */
  requests: number
  /** Lines of logs for each read. */
  logLines: number
  fallback?: number
}

/** What serving costs in a month. Storage comes on top. */
export function costOfReads({ reads, cached, requests, logLines, fallback = 0 }: Serving): Cost {
  const count = reads * MONTH
  const reports = (reads / ASSUMED.readsPerIsolate.value / MEASURED.reportSeconds.value) * MONTH
  const rows = fallback > 0 ? MEASURED.fallbackReportRows : MEASURED.reportRows
  return {
    'Worker: requests': millions(count * requests, PRICES.request),
    'Worker: processor time': millions(count * ASSUMED.cpuMs.value, PRICES.cpuMs),
    'R2: reads': millions(count * (1 - cached), PRICES.r2Read),
    'TimeSeries: requests and rows':
      millions(reports, PRICES.objectRequest) + millions(reports * rows.value, PRICES.row),
    'Workers Logs': millions(count * logLines, PRICES.logLine),
  }
}
