import { refuseBody } from '../bodies/cancel.ts'
import { describeError, log } from '../observe/log.ts'
import type { Backend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { intercept, interceptCompletions } from '../wrappers/intercept.ts'
import type { MirrorLog } from './log.ts'
import { LEASE_MS, type WriteKind } from './messages.ts'

export interface RecordOptions {
  log: () => Pick<MirrorLog, 'begin' | 'renew' | 'settle'>
  mirrors: readonly Backend[]
  keepAlive: (work: Promise<unknown>) => void
}

/** A deletion in a mirror is one request, so a tombstone that is lifted at the same time waits for it. */
const LIFT_TRIES = 25
const LIFT_PAUSE_MS = 200

/**
 * Records each change of the backend before it is made, so that even if the process ends, the mirrors follow. Nothing is
 * stored if it cannot be recorded.
 */
export function withRecordedChanges(
  backend: Backend,
  { log: open, mirrors, keepAlive }: RecordOptions,
): Backend {
  const begin = async (name: string, following: string[], kind: WriteKind): Promise<number> => {
    for (let tries = 1; ; tries++) {
      const id = await open()
        .begin(name, following, kind)
        .catch((cause: unknown) => {
          const why = 'the log of changes for the mirrors could not be reached, so nothing was stored'
          throw new StorageError('unavailable', why, { backend: backend.name, cause })
        })
      if (id !== null) return id
      if (kind === 'remove' || tries === LIFT_TRIES) {
        const why = 'a mirror does not have the last change of the name yet: try again'
        throw new StorageError('unavailable', why, { backend: backend.name })
      }
      await scheduler.wait(LIFT_PAUSE_MS)
    }
  }
  const record = async <T>(name: string, kind: WriteKind, write: () => Promise<T>): Promise<T> => {
    const following = mirrors
      .filter((mirror) => mirror.accepts?.(name) !== false)
      .map((mirror) => mirror.name)
    if (following.length === 0) return write()
    const id = await begin(name, following, kind)
    // A long upload; nothing depends on each single renewal.
    const renewing = setInterval(() => keepAlive(reported(name, open().renew(id))), LEASE_MS / 3)
    const settle = (uncertain: boolean): void =>
      keepAlive(reported(name, open().settle(id, name, following, uncertain)))
    try {
      const result = await write()
      settle(false)
      return result
    } catch (error) {
      settle(true)
      throw error
    } finally {
      clearInterval(renewing)
    }
  }
  return intercept(backend, {
    put: (put) => (name, body, options) => {
      let isSent = false
      const write = () => {
        isSent = true
        return put(name, body, options)
      }
      return record(name, options?.info?.lifted ? 'lift' : 'write', write).catch((error: unknown) =>
        isSent ? Promise.reject(error) : refuseBody(body, error),
      )
    },
    // Deletes write a tombstone: with mirrors, only a purge of tombstones removes anything.
    delete: (remove) => (name) => record(name, 'remove', () => remove(name)),
    ...interceptCompletions((name, complete) => record(name, 'write', complete)),
  })
}

/** The lease of a write that is not settled ends by itself. */
async function reported(name: string, call: Promise<void>): Promise<void> {
  await call.catch((error: unknown) =>
    log('warn', 'mirror', { name, outcome: 'unsettled', reason: describeError(error) }),
  )
}
