import type { Backfill } from '../../schemas/job-answers.ts'
import { commonJson } from '../job-record.ts'
import { estimateCost, type PricedBackend } from './estimate.ts'
import type { BackfillOptions, BackfillRecord } from './job-types.ts'
import type { Store } from './store.ts'

const WINDOW_MS = 30_000

/** Returns the rate of the last 30 seconds in which it was called: names that were settled, per second. */
export function createRate(): (settled: number, now: number) => number {
  const samples: { at: number; settled: number }[] = []
  return (settled, now) => {
    samples.push({ at: now, settled })
    while (samples.length > 2 && (samples[1]?.at ?? now) <= now - WINDOW_MS) samples.shift()
    const [first] = samples
    const seconds = (now - (first?.at ?? now)) / 1000
    return seconds < 1 ? 0 : (settled - (first?.settled ?? settled)) / seconds
  }
}

/** The job as the API returns it. */
export function toJson(
  record: BackfillRecord,
  store: Store,
  { recent, backends }: { recent: (settled: number) => number; backends: () => readonly PricedBackend[] },
): Backfill {
  const { options, status, listed, started, finished, found } = record
  const counts = store.counters(null)
  const settled = counts.copied + counts.present + counts.skipped + counts.failed
  const rate = finished === undefined ? recent(settled) : settled / Math.max(1, (finished - started) / 1000)
  return {
    ...commonJson(record),
    state: status === 'open' ? (listed ? 'running' : 'listing') : status,
    ...counts,
    rate: Math.round(rate * 10) / 10,
    bytes_rate: 0,
    total: null,
    eta: null,
    prefix: options.prefix,
    dry_run: options.dryRun,
    manifest: manifestOf(options),
    max_concurrency: options.maxConcurrency,
    max_per_second: options.maxPerSecond ?? null,
    backends: Object.fromEntries(
      [...new Set([...options.backends, ...store.backends()])].map((name) => [name, store.counters(name)]),
    ),
    ...(options.dryRun && {
      estimate: estimateCost(found, { ...counts, sources: options.backends, backends: backends() }),
    }),
  }
}

function manifestOf({ manifest }: BackfillOptions): string | null {
  if (!manifest) return null
  return manifest.from === 'object' ? manifest.name : 'sent by the client'
}
