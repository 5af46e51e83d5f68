import type { WritableBackend } from '../storage/backend.ts'
import { isWritable } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { Chain } from '../chain/fallback.ts'
import { takes } from '../chain/fallback.ts'
import type { ObjectInfo } from '../storage/object.ts'
import type { Trace } from '../storage/trace.ts'
import { copyObject } from './copy.ts'
import type { CopyResult } from './copy-result.ts'

/**
 * Where a copy of what was found belongs: the first backend before it that would accept it.
 * `'failed'` when a writable backend before it did not prove the name absent: it may hold a newer version or a tombstone.
 */
export function copyTarget(chain: Chain, found: ObjectInfo, trace: Trace): WritableBackend | 'failed' | null {
  const end = chain.backends.findIndex((backend) => backend.name === found.backend)
  const candidates = chain.backends
    .slice(0, end)
    .filter(isWritable)
    .filter((backend) => takes(backend, found.name, found.size))
  const proved = (backend: WritableBackend): boolean =>
    trace.some((attempt) => attempt.backend === backend.name && attempt.outcome === 'absent')
  return candidates.every(proved) ? (candidates[0] ?? null) : 'failed'
}

/** Copies one name from the first fallback that has it; `present` where there is nothing left to copy. */
export async function copyName(
  chain: Chain,
  name: string,
  options: { signal?: AbortSignal; partBytes?: number } = {},
): Promise<CopyResult> {
  const trace: Trace = []
  const { signal } = options
  const found = await chain.head(name, { ...(signal && { signal }), trace })
  if (!found) return { outcome: 'absent', bytes: 0 }
  const target = copyTarget(chain, found, trace)
  if (target === null) return { outcome: 'present', bytes: 0 }
  const source = chain.backends.find((backend) => backend.name === found.backend)
  if (target === 'failed' || !source) {
    throw new StorageError('unavailable', 'a writable backend could not say whether it holds the name', {
      name,
    })
  }
  return copyObject(source, target, name, options)
}
