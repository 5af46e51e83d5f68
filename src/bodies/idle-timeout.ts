import type { StorageError } from '../storage/errors.ts'

/** Limits each wait for the next bytes of one body. */
export interface IdleWatch {
  /** Rejects with the failure if this wait has lasted too long. */
  wait<T>(reading: Promise<T>): Promise<T>
  stop(): void
}

/** One timer for the whole body, which is only reset when it fires: setting one costs more than passing a chunk on. */
export function watchIdleTime(idleTimeoutMs: number, fail: (message: string) => StorageError): IdleWatch {
  let timer: ReturnType<typeof setTimeout> | null = null
  let waitingSince: number | undefined
  let giveUp: ((error: StorageError) => void) | undefined
  const ring = (): void => {
    timer = null
    if (waitingSince === undefined) return
    const left = waitingSince + idleTimeoutMs - Date.now()
    if (left > 0) timer = setTimeout(ring, left)
    else giveUp?.(fail(`no further byte came within ${idleTimeoutMs} ms`))
  }
  return {
    wait: (reading) =>
      new Promise((resolve, reject) => {
        giveUp = reject
        waitingSince = Date.now()
        timer ??= setTimeout(ring, idleTimeoutMs)
        reading.then((value) => {
          waitingSince = undefined
          resolve(value)
        }, reject)
      }),
    stop: () => clearTimeout(timer),
  }
}
