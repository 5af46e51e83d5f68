import { failureOfCall, type StorageError, toStorageError } from '../storage/errors.ts'

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
