import type { ObjectInfo } from './object.ts'

/**
 * - `absent` every backend proved that it does not have the object; only thrown for clients, internally a miss is `null`
 * - `unavailable` network failure, 5xx, 429, or an invalid response
 * - `timeout` no headers, or no further bytes, in time
 * - `denied` the backend refuses the configured credentials
 * - `skipped` not tried: the breaker is open
 * - `unsatisfiable` the range begins after the end of the object, which has `size` bytes
 * - `invalid` the name or an argument is invalid; the caller's fault
 * - `precondition` the object does not satisfy the caller's conditions
 * - `corrupt` the length or a digest of the bytes is wrong
 * - `too-large` more bytes than the backend or the configuration allows
 * - `unsupported` no backend supports the method
 * - `overloaded` this isolate has no memory left at the moment; nothing was stored
 * - `loop` the request came back to a deployment that it has already passed through
 * - `locked` a lock of the bucket (R2 bucket lock, S3 object lock) protects the object until the lock ends
 * - `too-many-writes` the backend accepts no more writes of this name at the moment
 * - `interrupted` the body to be stored was interrupted; not the fault of the backend that stores it
 * - `internal` a bug in this software; `cause` is what was thrown
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
  cause?: unknown
  /** The backend's own HTTP status. */
  status?: number | undefined
  /** Milliseconds to wait before the next request (Retry-After). */
  retryAfter?: number | undefined
  /** Size of the whole object in bytes, for `unsatisfiable`. */
  size?: number | undefined
  /** The object itself, for `unsatisfiable`, if the backend had to look it up. */
  object?: ObjectInfo | undefined
  /** What is wrong, if it is not the length: which digest differs, for `corrupt`; the metadata, for `too-large`. */
  about?: 'sha256' | 'digest' | 'metadata' | undefined
  /** The failures of the backends, for an error of the whole chain. */
  failures?: readonly StorageError[]
}

/** The only error of the storage layer. `message` can be shown to clients: it contains no secret and no internal address. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: ErrorCode
  readonly backend: string | undefined
  readonly status: number | undefined
  readonly retryAfter: number | undefined
  readonly size: number | undefined
  readonly object: ObjectInfo | undefined
  readonly about: ErrorOptions['about']
  readonly failures: readonly StorageError[]

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.backend = options.backend
    this.status = options.status
    this.retryAfter = options.retryAfter
    this.size = options.size
    this.object = options.object
    this.about = options.about
    this.failures = options.failures ?? []
  }
}

/**
 * What failures of several backends are together: a timeout only if all timed out. A loop takes precedence: only the
 * configuration can fix it.
 */
export function codeOfAll(failures: readonly StorageError[]): ErrorCode {
  if (failures.some(({ code }) => code === 'loop')) return 'loop'
  return failures.every(({ code }) => code === 'timeout') ? 'timeout' : 'unavailable'
}

/** The shortest wait that one of its failures asks for, in seconds, as Retry-After has it. */
export function retryAfterOf(error: StorageError): string | undefined {
  const waits = [error, ...error.failures].flatMap(({ retryAfter }) => retryAfter ?? [])
  return waits.length > 0 ? `${Math.ceil(Math.min(...waits) / 1000)}` : undefined
}

/** Whether the error is about the request or this isolate, not the backend, so that trying another one makes no sense. */
export function isCallersFault(error: unknown): error is StorageError {
  return error instanceof StorageError && ['unsatisfiable', 'invalid', 'overloaded'].includes(error.code)
}

/** Whether no other backend may be tried: the caller's fault, or a bug in this software, which a fallback would only hide. */
export function endsSearch(error: unknown): boolean {
  return isCallersFault(error) || (error instanceof StorageError && error.code === 'internal')
}

/**
 * Converts any thrown value to a StorageError. Backends convert what fetch, bindings and bodies throw, so anything else
 * is a bug in this software.
 */
export function toStorageError(error: unknown, backend: string): StorageError {
  if (error instanceof StorageError) return error
  if (isAborted(error)) return failureOfBody(error, backend)
  return new StorageError('internal', 'an unexpected error; the log has it', { cause: error })
}

/** What JavaScript throws for bugs, and workerd for wrong arguments. */
const BUGS = [TypeError, RangeError, ReferenceError, SyntaxError]

/**
 * Converts what a call of fetch or a binding threw. In workerd, a failed call throws a plain Error, or whatever a Worker
 * behind a service binding threw, which has `remote`.
 */
export function failureOfCall(error: unknown, backend: string): StorageError {
  const isBug = BUGS.some((type) => error instanceof type && !('remote' in error))
  return isBug ? toStorageError(error, backend) : failureOfBody(error, backend)
}

/** Converts what reading a backend's body threw. */
export function failureOfBody(error: unknown, backend: string): StorageError {
  if (error instanceof StorageError) return error
  const timedOut = error instanceof Error && error.name === 'TimeoutError'
  const message = timedOut
    ? 'did not answer in time'
    : 'could not be reached, or the connection was interrupted'
  return new StorageError(timedOut ? 'timeout' : 'unavailable', message, { backend, cause: error })
}

/** Converts what reading a body to be stored threw, whether it came from a client or another backend. */
export function interruption(error: unknown): StorageError {
  if (error instanceof StorageError) return error
  return new StorageError('interrupted', 'the body was interrupted', { cause: error })
}

function isAborted(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')
}
