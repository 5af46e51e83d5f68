import { describeError, log, stackOf } from '../observe/log.ts'
import type { Chain } from '../chain/fallback.ts'
import { createCopyLater, type CopyMessage } from './copy-later.ts'
import { copyName } from './copy-name.ts'
import type { CopyResult } from './copy-result.ts'
import type { CopyCounts } from '../observe/copy-counts.ts'
import { createCounts } from '../observe/copy-counts.ts'
import { createWriteBack, type WriteBack } from './write-back.ts'

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
