import type { Chain } from '../chain/fallback.ts'
import { stillTrue } from '../migration/still-true.ts'
import { isConflict } from './reconcile.ts'
import type { SourceChanges } from './source-changes.ts'

/** A page of conflicts, the latest first, without those that are none any more: these are removed. */
export async function openConflicts(
  changes: DurableObjectStub<SourceChanges>,
  chain: Chain,
  limit: number,
  cursor?: number,
) {
  const page = await changes.conflicts(limit, cursor)
  const conflicts = await stillTrue(
    page.conflicts,
    (conflict) => isConflict(chain, conflict),
    ({ backend, name, at }) => changes.removeConflict(backend, name, at),
  )
  const ended = page.conflicts.length - conflicts.length
  return { ...page, conflicts, total: page.total - ended, last: page.conflicts.at(-1) }
}
