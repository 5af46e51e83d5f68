import type { Chain } from '../chain/fallback.ts'
import type { Migration } from '../migration/migration.ts'
import { describeError, log, stackOf } from '../observe/log.ts'
import { versionOf } from './conflicts.ts'
import { reconcile, type Reconciled } from './reconcile.ts'
import type { SourceChanges } from './source-changes.ts'

export interface ReconcilerOptions {
  /** Whose reads are not shared with those of clients. */
  chain: Chain
  migrating: boolean
  /** Absent if conflicts are only logged. */
  changes?: (() => Pick<SourceChanges, 'addConflict' | 'removeConflict'>) | undefined
  /** Removes the name from the edge cache. Never throws. */
  purge: (name: string) => Promise<void>
  /** Counts and logs a copy. */
  track: Migration['track']
}

/** Brings the copy of a name in line with what that source has now, and records or logs what came of it; see `reconcile`. */
export type Reconciler = (source: string, name: string, signal?: AbortSignal) => Promise<Reconciled>

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { chain, migrating, changes, purge, track } = options
  const run: Reconciler = async (source, name, signal) => {
    let result: Reconciled | undefined
    try {
      result = await reconcile(chain, source, name, { migrating, signal })
    } finally {
      // A change that failed may have been made all the same.
      if (!result || CHANGED.has(result.outcome)) await purge(name)
    }
    const { outcome, detail, bytes = 0, held, found } = result
    if (outcome === 'copied') await track(name, Promise.resolve({ outcome, bytes }))
    if (outcome !== 'same') log('info', 'source', { backend: source, name, outcome, detail })
    if (outcome === 'conflict' && held && found) {
      const versions = { held: versionOf(held), found: versionOf(found) }
      await changes?.().addConflict({ backend: source, name, detail, ...versions, at: Date.now() })
    } else await changes?.().removeConflict(source, name)
    return result
  }
  return (source, name, signal) =>
    run(source, name, signal).catch((error: unknown) => {
      const reason = describeError(error)
      log('warn', 'source', { backend: source, name, outcome: 'failed', reason, ...stackOf(error) })
      throw error
    })
}

/** What the edge cache has of the name may be out of date, also where it was read from the source itself. */
const CHANGED = new Set<Reconciled['outcome']>(['copied', 'tombstoned', 'not-migrated', 'absent', 'ignored'])
