import type { Members } from '../chain/placement.ts'
import { type Backend, isWritable, type WritableBackend } from '../storage/backend.ts'
import type { MirrorLog } from './log.ts'

/** The mirrors of a deployment, and what they repeat. None of these backends caches absences. */
export interface Mirrors {
  log: () => DurableObjectStub<MirrorLog>
  sources: Pick<Members, 'tombstones'> & { backends: readonly WritableBackend[] }
  backends: readonly WritableBackend[]
}

/** The one log of a deployment. wrangler.toml says which class the namespace has. */
export function openLog(namespace: DurableObjectNamespace): DurableObjectStub<MirrorLog> {
  return namespace.getByName('log') as DurableObjectStub<MirrorLog>
}

/** `null` if there is no log. Without mirrors, what an earlier configuration left in the log is removed. */
export function openMirrors(
  backends: readonly Backend[],
  { namespace, tombstones }: { namespace: DurableObjectNamespace | undefined; tombstones: boolean },
): Mirrors | null {
  if (!namespace) return null
  const writable = backends.filter(isWritable)
  return {
    log: () => openLog(namespace),
    sources: { tombstones, backends: writable.filter(({ mirror }) => !mirror) },
    backends: writable.filter(({ mirror }) => mirror),
  }
}
