import { cancelBody } from '../bodies/cancel.ts'
import { toStorageError } from '../storage/errors.ts'
import type { Chain } from '../chain/fallback.ts'
import type { WritableBackend } from '../storage/backend.ts'
import type { SharedBody, StoredObject } from '../storage/object.ts'
import type { Trace } from '../storage/trace.ts'
import { type CopyCounts, createCounts } from '../observe/counts.ts'
import { describeError, log, stackOf } from '../observe/log.ts'
import { createOnly, storeCopy } from './copy.ts'
import { type CopyLater, type CopyMessage, createCopyLater } from './copy-later.ts'
import { copyName, copyTarget } from './copy-name.ts'
import type { CopyResult } from './copy-result.ts'

export interface MigrationOptions {
  chain: Chain
  enabled: boolean
  /** Hands a name to the copy queue; absent where none is bound. */
  send?: (message: CopyMessage) => Promise<unknown>
  keepAlive: (work: Promise<unknown>) => void
}

/** Copying on read, wired together. */
export interface Migration {
  writeBack: WriteBack
  /** What became of this isolate's copies so far. */
  counts: CopyCounts
  onCopied: (name: string, result: CopyResult) => void
  onFailure: (name: string, error: unknown) => void
}

export function createMigration({ chain, enabled, send, keepAlive }: MigrationOptions): Migration {
  const counts = createCounts()
  const onCopied = (name: string, { outcome, bytes }: CopyResult): void => {
    counts.add(name, { outcome, bytes })
    log('info', 'copy', { name, outcome, bytes })
  }
  const onFailure = (name: string, error: unknown): void => {
    const reason = describeError(error)
    counts.add(name, { outcome: 'failed', bytes: 0, reason })
    log('warn', 'copy', { name, outcome: 'failed', reason, ...stackOf(error) })
  }
  const copyLater = createCopyLater({
    ...(send && { send }),
    copyNow: async (name, signal) => onCopied(name, await copyName(chain, name, { signal })),
    keepAlive,
    onFailure,
  })
  const copy = createWriteBack({ chain, copyLater, keepAlive, onCopied, onFailure })
  const writeBack: WriteBack = (object, trace) => {
    const begun = enabled && copy(object, trace)
    // Those who joined a shared body may come after the copy's end.
    if (begun && object.shared?.leader !== false) counts.begin(object.name)
    return begun
  }
  return { writeBack, counts, onCopied, onFailure }
}

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
    if (target === null || target === 'unproven') return false
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
