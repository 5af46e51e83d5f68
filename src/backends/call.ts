import { type StorageError, failureOfCall, toStorageError } from '../storage/errors.ts'

/** What a call of fetch or of a binding failed with, in `cause`: what our own code throws around a call looks the same. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure'

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** The result of such a call; its failures are marked as such. */
export async function marked<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    throw new CallFailure(error)
  }
}

/** What was thrown by an operation that makes such calls, as the backend's failure where a call failed. */
export function fromCallError(error: unknown, backend: string, name?: string): StorageError {
  return error instanceof CallFailure
    ? failureOfCall(error.cause, backend, name)
    : toStorageError(error, backend, name)
}

/** R2 and KV take one write a second for a name: a little over that, and spread, so that two writers that wait do not collide again. */
const PAUSE_MS = 1100
const SPREAD_MS = 400
const ATTEMPTS = 3

/** Repeats a write of bytes that came too soon after another one of its name. */
export async function writeAgain<Result>(
  write: () => Promise<Result>,
  isTooSoon: (error: unknown) => boolean,
  signal?: AbortSignal,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write()
    } catch (error) {
      if (attempt === ATTEMPTS || !isTooSoon(error)) throw error
    }
    await scheduler.wait(PAUSE_MS + Math.random() * SPREAD_MS, signal && { signal })
  }
}
