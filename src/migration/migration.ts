import { cancelBody } from '../bodies/cancel.ts'
import { toStorageError } from '../storage/errors.ts'
import type { Chain } from '../chain/fallback.ts'
import type { WritableBackend } from '../storage/backend.ts'
import type { SharedBody, StoredObject } from '../storage/object.ts'
import type { Trace } from '../storage/trace.ts'
import { type CopyCounts, type CopyEvent, createCounts } from '../observe/counts.ts'
import { describeError, log, stackOf } from '../observe/log.ts'
import { createOnly, storeCopy } from './copy.ts'
import { type CopyLater, type CopyMessage, createCopyLater } from './copy-later.ts'
import { copyName, copyTarget } from './copy-name.ts'
import type { CopyResult } from './copy-result.ts'

export interface MigrationOptions {
  chain: Chain
  enabled: boolean
  /** Sends a name to the copy queue; absent if none is bound. */
  send?: (message: CopyMessage) => Promise<unknown>
  keepAlive: (work: Promise<unknown>) => void
  /** Gets the result of each copy. */
  onCopy?: (event: CopyEvent) => void
}

/** Copying on read. */
export interface Migration {
  writeBack: WriteBack
  /** The copies of this isolate so far. */
  counts: CopyCounts
  track: Track
}

/** Counts and logs the result of a copy; throws its failure. */
type Track = (name: string, copy: Promise<CopyResult>) => Promise<CopyResult>

export function createMigration({ chain, enabled, send, keepAlive, onCopy }: MigrationOptions): Migration {
  const counts = createCounts()
  const count = (name: string, event: CopyEvent): void => {
    counts.add(name, event)
    onCopy?.(event)
  }
  const fail = (name: string, error: unknown): never => {
    const reason = describeError(error)
    count(name, { outcome: 'failed', bytes: 0, reason })
    log('warn', 'copy', { name, outcome: 'failed', reason, ...stackOf(error) })
    throw error
  }
  const track: Track = async (name, copy) => {
    const result = await copy.catch((error: unknown) => fail(name, error))
    count(name, result)
    log('info', 'copy', { name, ...result })
    return result
  }
  const copyLater = createCopyLater({
    ...(send && {
      send: (message) => send(message).catch((error: unknown) => fail(message.name, error)),
    }),
    copyNow: (name, signal) => track(name, copyName(chain, name, { signal })),
    keepAlive,
  })
  const copy = createWriteBack({ chain, copyLater, keepAlive, track })
  const writeBack: WriteBack = (object, trace) => {
    // It may have ended, too.
    const isBegun = object.shared?.copy.begun
    const started = enabled && !object.substitute && copy(object, trace)
    if (started && !isBegun) counts.begin(object.name)
    return started
  }
  return { writeBack, counts, track }
}

export interface WriteBackOptions extends Pick<MigrationOptions, 'chain' | 'keepAlive'> {
  copyLater: CopyLater
  track: Track
}

/** Starts or queues a copy of an object found by a read, if it should be copied; returns whether it did. Never fails the read. */
export type WriteBack = (object: StoredObject, trace: Trace) => boolean

/**
 * Whole bodies that are shared in memory are stored while the client receives them at its own pace; everything else
 * (larger, unknown length, encoded, ranged) is copied later by its name.
 */
export function createWriteBack({ chain, copyLater, keepAlive, track }: WriteBackOptions): WriteBack {
  return (object, trace) => {
    const { name, shared } = object
    if (object.backend === chain.backends[0]?.name) return false
    const target = copyTarget(chain, object, trace)
    if (!target || 'unproven' in target) return false
    if (!shared) return copyLater(name)
    if (!shared.copy.begun) {
      shared.copy.begun = true
      const copy = storeShared(object, shared, { target, tombstones: chain.tombstones }).catch(
        (error: unknown) => {
          // The next request that joins tries again.
          shared.copy.begun = false
          throw toStorageError(error, target.name)
        },
      )
      // Its failure is counted, and the read is unaffected.
      keepAlive(track(name, copy).catch(() => {}))
    }
    return true
  }
}

/** Bodies that are stored at once, because they are too small to delay the client. */
const STORED_WHILE_SENT_BYTES = 256 * 1024

/** The client comes first: storing a large body while it is still being sent would compete for the same thread. */
function storeShared(
  object: StoredObject,
  shared: SharedBody,
  { target, tombstones }: { target: WritableBackend; tombstones: boolean },
): Promise<CopyResult> {
  return createOnly(target, { name: object.name, tombstones }, async (onlyIf) => {
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
