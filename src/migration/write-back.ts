import { cancelBody } from '../bodies/cancel.ts'
import { toStorageError } from '../storage/errors.ts'
import type { Chain } from '../chain/fallback.ts'
import type { WritableBackend } from '../storage/backend.ts'
import type { SharedBody, StoredObject } from '../storage/object.ts'
import type { Trace } from '../storage/trace.ts'
import { createOnly, storeCopy } from './copy.ts'
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

const MAX_FAILED = 1000

/**
 * Whole bodies that are shared in memory are stored while the client takes them at its own pace;
 * everything else (larger, unknown length, encoded, ranged) is copied later by its name.
 */
export function createWriteBack(options: WriteBackOptions): WriteBack {
  const { chain, copyLater, keepAlive, onCopied, onFailure } = options
  /** Whose copy failed while the body that it was made of may still be shared: the next to join tries again. */
  const failed = new Set<string>()
  const fail = (name: string, error: unknown): void => {
    if (failed.size >= MAX_FAILED) failed.clear()
    failed.add(name)
    onFailure(name, error)
  }
  return (object, trace) => {
    if (object.backend === chain.backends[0]?.name) return false
    const target = copyTarget(chain, object, trace)
    if (target === null || target === 'failed') return false
    if (!object.shared) return copyLater(object.name)
    if (failed.delete(object.name) || object.shared.leader) {
      keepAlive(
        storeShared(object, object.shared, target).then(
          (result) => onCopied(object.name, result),
          (error: unknown) => fail(object.name, toStorageError(error, target.name, object.name)),
        ),
      )
    }
    return true
  }
}

/** What is stored at once: so little that it takes no time from the client. */
const STORED_WHILE_SENT_BYTES = 256 * 1024

/** The client comes first: storing a large body while its bytes still go out would take the same thread's time. */
function storeShared(object: StoredObject, shared: SharedBody, target: WritableBackend): Promise<CopyResult> {
  return createOnly(target, object.name, async (onlyIf) => {
    const body = shared.stream()
    try {
      if ((object.size ?? 0) > STORED_WHILE_SENT_BYTES) await shared.whole()
    } catch (error) {
      await cancelBody(body, error)
      throw error
    }
    return storeCopy({ ...object, body }, target, { onlyIf })
  })
}
