/**
 * - `absent` every backend proved that it does not hold the name; thrown at the edge only, inside a miss is `null`
 * - `unavailable` network failure, 5xx, 429, or an answer that makes no sense
 * - `timeout` no headers, or no further bytes, in time
 * - `denied` the backend refuses our credentials
 * - `skipped` not tried: the breaker is open
 * - `unsatisfiable` the range begins past the end; `size` says where that is
 * - `invalid` a name or an argument that cannot be used; the caller's fault
 * - `precondition` the object is not the one that the caller named
 * - `corrupt` bytes are short, long, or their digest differs
 * - `too-large` more bytes than the backend or the configuration takes
 * - `unsupported` no backend has the method
 * - `overloaded` this isolate has no memory left for it now; nothing was stored
 * - `loop` the request has come back to a deployment that it had passed
 * - `locked` the backend keeps the object as it is (R2 bucket locks, S3 object lock): neither replaced nor deleted until the lock ends
 * - `too-many-writes` the backend takes no more writes of that very name just now
 * - `interrupted` the body that was to be stored broke off: nothing that the backend that was to take it did
 * - `internal` a defect of our own code; `cause` is what was thrown
 */
export const ERROR_CODES = [
  'absent',
  'unavailable',
  'timeout',
  'denied',
  'skipped',
  'unsatisfiable',
  'invalid',
  'precondition',
  'corrupt',
  'too-large',
  'unsupported',
  'overloaded',
  'loop',
  'locked',
  'too-many-writes',
  'interrupted',
  'internal',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

export interface ErrorOptions {
  backend?: string
  name?: string | undefined
  cause?: unknown
  /** The backend's own HTTP status. */
  status?: number | undefined
  /** Milliseconds after which the backend wants the next request (Retry-After). */
  retryAfter?: number | undefined
  /** Size of the whole object in bytes, for `unsatisfiable`. */
  size?: number | undefined
  /** What each backend failed with, for an error of the whole chain. */
  failures?: readonly StorageError[]
}

/** The one error of the storage layer. `message` is fit to be shown to a client: no secret, no internal address. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: ErrorCode
  readonly backend: string | undefined
  readonly objectName: string | undefined
  readonly status: number | undefined
  readonly retryAfter: number | undefined
  readonly size: number | undefined
  readonly failures: readonly StorageError[]

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.backend = options.backend
    this.objectName = options.name
    this.status = options.status
    this.retryAfter = options.retryAfter
    this.size = options.size
    this.failures = options.failures ?? []
  }
}

/** Whether the error says nothing about the backend, but about the request or this isolate, so that trying another makes no sense. */
export function isCallersFault(error: unknown): error is StorageError {
  return error instanceof StorageError && ['unsatisfiable', 'invalid', 'overloaded'].includes(error.code)
}

/** Whether no other backend may be tried instead: the caller's fault, or a defect of ours, which a fallback would only hide. */
export function endsSearch(error: unknown): error is StorageError {
  return isCallersFault(error) || (error instanceof StorageError && error.code === 'internal')
}

/**
 * Any thrown value as a StorageError. Backends translate what fetch, bindings and bodies throw where they use them, so
 * anything else is a defect of ours.
 */
export function toStorageError(error: unknown, backend: string, name?: string): StorageError {
  if (error instanceof StorageError) return error
  if (isGivenUp(error)) return failureOfBody(error, backend, name)
  return new StorageError('internal', 'an unexpected error; the log has it', { name, cause: error })
}

/** What JavaScript throws for a mistake in the code, and workerd for wrong arguments. */
const DEFECTS = [TypeError, RangeError, ReferenceError, SyntaxError]

/**
 * What an operation threw that calls fetch or a binding. In workerd a failed call throws a plain Error, or whatever a
 * Worker behind a service binding threw, which has `remote`.
 */
export function failureOfCall(error: unknown, backend: string, name?: string): StorageError {
  const isDefect = DEFECTS.some((type) => error instanceof type && !('remote' in error))
  return isDefect ? toStorageError(error, backend, name) : failureOfBody(error, backend, name)
}

/** What reading a body threw that comes from the backend. */
export function failureOfBody(error: unknown, backend: string, name?: string): StorageError {
  if (error instanceof StorageError) return error
  const timedOut = error instanceof Error && error.name === 'TimeoutError'
  const message = timedOut ? 'did not answer in time' : 'could not be reached or broke off'
  return new StorageError(timedOut ? 'timeout' : 'unavailable', message, { backend, name, cause: error })
}

/** What reading a body threw that was to be stored, be it a client's or another backend's. */
export function interruption(error: unknown): StorageError {
  if (error instanceof StorageError) return error
  return new StorageError('interrupted', 'the body broke off before its end', { cause: error })
}

/** Somebody stopped waiting. */
function isGivenUp(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')
}
