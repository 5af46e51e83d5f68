import { toStorageError } from '../storage/errors.ts'
import type { Chain } from '../storage/fallback.ts'
import type { WritableBackend } from '../storage/backend.ts'
import type { SharedBody, StoredObject } from '../storage/object.ts'
import type { Trace } from '../storage/trace.ts'
import { storeCopy } from './copy.ts'
import type { CopyLater } from './copy-later.ts'
import { copyTarget } from './copy-name.ts'
import type { CopyResult } from './copy-result.ts'

export interface WriteBackOptions {
  chain: Chain
  copyLater: CopyLater
  keepAlive: (work: Promise<unknown>) => void
  onCopied: (name: string, result: CopyResult) => void
  onFailure: (name: string, error: unknown) => void
}

/** Begins or queues the copy of what a read found, where it should be copied; says whether it did. Never fails the read. */
export type WriteBack = (object: StoredObject, trace: Trace) => boolean

/**
 * Whole bodies that are shared in memory are stored while the client takes them at its own pace;
 * everything else (larger, unknown length, encoded, ranged) is copied later by its name.
 */
export function createWriteBack(options: WriteBackOptions): WriteBack {
  const { chain, copyLater, keepAlive, onCopied, onFailure } = options
  return (object, trace) => {
    if (object.backend === chain.backends[0]?.name) return false
    const target = copyTarget(chain, object, trace)
    if (target === null || target === 'failed') return false
    if (!object.shared) return copyLater(object.name)
    if (object.shared.leader) {
      keepAlive(
        storeWhenWhole(object, object.shared, target).then(
          (result) => onCopied(object.name, result),
          (error: unknown) => onFailure(object.name, toStorageError(error, target.name, object.name)),
        ),
      )
    }
    return true
  }
}

/** The client comes first: storing while bytes still go to it would take the same thread's time. */
async function storeWhenWhole(
  object: StoredObject,
  shared: SharedBody,
  target: WritableBackend,
): Promise<CopyResult> {
  await shared.whole()
  return storeCopy({ ...object, body: shared.stream() }, target)
}
