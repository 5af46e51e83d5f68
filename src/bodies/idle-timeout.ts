import type { StorageError } from '../storage/errors.ts'
import { startDeadline } from '../storage/invocation.ts'

/** Limits each wait for the next bytes of one body. */
export interface IdleWatch {
  /** Rejects with the failure if this wait has lasted too long. */
  wait<T>(reading: Promise<T>): Promise<T>
  stop(): void
}

/**
 * One deadline for the whole body, which is only renewed when it expires: starting one costs more than passing a chunk on.
 * `lastUnseen` says when bytes last came that no wait sees.
 */
export function watchIdleTime(
  idleTimeoutMs: number,
  fail: (message: string) => StorageError,
  lastUnseen = () => 0,
): IdleWatch {
  let stop: (() => void) | undefined
  let waitingSince: number | undefined
  let giveUp: ((error: StorageError) => void) | undefined
  const expire = (): void => {
    stop = undefined
    if (waitingSince === undefined) return
    const left = Math.max(waitingSince, lastUnseen()) + idleTimeoutMs - Date.now()
    if (left > 0) stop = startDeadline(left, expire)
    else giveUp?.(fail(`no further byte came within ${idleTimeoutMs} ms`))
  }
  return {
    wait: (reading) =>
      new Promise((resolve, reject) => {
        giveUp = reject
        waitingSince = Date.now()
        stop ??= startDeadline(idleTimeoutMs, expire)
        reading.then((value) => {
          waitingSince = undefined
          resolve(value)
        }, reject)
      }),
    stop: () => stop?.(),
  }
}
