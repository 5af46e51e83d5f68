import type { Backfill } from '../../schemas/job-answers.ts'
import { commonJson } from '../job-record.ts'
import { estimateCost, type PricedBackend } from './estimate.ts'
import type { BackfillOptions, BackfillRecord } from './job-types.ts'
import { progressOf } from './progress.ts'
import type { Store } from './store.ts'

/** The job as the API returns it. */
export function toJson(
  record: BackfillRecord,
  store: Store,
  { now, backends }: { now: number; backends: () => readonly PricedBackend[] },
): Backfill {
  const { options, status, listed, found } = record
  const counts = store.counters(null)
  return {
    ...commonJson(record),
    state: status === 'open' ? (listed ? 'running' : 'listing') : status,
    ...counts,
    ...progressOf(record, store, now),
    prefix: options.prefix,
    dry_run: options.dryRun,
    manifest: manifestOf(options),
    mirror: options.mirror ?? null,
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
  if (manifest.from === 'client') return 'sent by the client'
  return manifest.backend === undefined ? manifest.name : `${manifest.backend}:${manifest.name}`
}
