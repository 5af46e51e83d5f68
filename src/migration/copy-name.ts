import { isWritable, type WritableBackend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { Chain } from '../chain/fallback.ts'
import { copyTargets } from '../chain/placement.ts'
import type { ObjectInfo } from '../storage/object.ts'
import type { Trace } from '../storage/trace.ts'
import { copyObject } from './copy.ts'
import type { CopyResult } from './copy-result.ts'

/**
 * Where a copy of an object found by a read belongs, `null` if nowhere. `unproven` is a writable backend before it that did
 * not prove the name absent: it may have a newer version or a tombstone.
 */
export function copyTarget(
  chain: Chain,
  found: ObjectInfo,
  trace: Trace,
): WritableBackend | { unproven: string } | null {
  const source = chain.backends.find((backend) => backend.name === found.backend)
  if (!source) return null
  const targets = copyTargets(chain, source, found)
  const unproven = targets.find(
    ({ name }) => !trace.some((attempt) => attempt.backend === name && attempt.outcome === 'absent'),
  )
  return unproven ? { unproven: unproven.name } : (targets[0] ?? null)
}

/** Copies one name from the first fallback that has it; `present` if a backend that accepts copies of it has it. */
export async function copyName(
  chain: Chain,
  name: string,
  options: { signal?: AbortSignal; partBytes?: number } = {},
): Promise<CopyResult> {
  const trace: Trace = []
  const { signal } = options
  const found = await chain.head(name, { signal, trace, fresh: true })
  if (!found) return { outcome: 'absent', bytes: 0 }
  const target = copyTarget(chain, found, trace)
  const source = chain.backends.find((backend) => backend.name === found.backend)
  if (target && 'unproven' in target)
    throw new StorageError('unavailable', `${target.unproven} could not say whether it has the name`)
  if (target && source) return copyObject(source, target, name, { ...options, tombstones: chain.tombstones })
  if (source && (isWritable(source) || source === chain.backends[0])) return { outcome: 'present', bytes: 0 }
  throw new StorageError('unsupported', `no backend before ${found.backend} accepts copies of it`)
}
