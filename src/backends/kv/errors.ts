import { type ErrorCode, StorageError, failureOfCall } from '../../storage/errors.ts'

/** KV puts the status of its answer into the message: `KV PUT failed: 429 Too Many Requests`. */
const FAILED = /^KV ([A-Z_]+) failed: (\d{3})/

const MEANING = new Map<number, [ErrorCode, string]>([
  [400, ['invalid', 'KV does not accept that name']],
  [401, ['denied', 'KV refuses the binding']],
  [403, ['denied', 'KV refuses the binding']],
  [413, ['too-large', 'the value or its metadata is larger than KV allows']],
  [414, ['invalid', 'KV does not accept that name']],
])

const TOO_MANY_WRITES: [ErrorCode, string] = ['too-many-writes', 'KV accepts one write per second for a name']

/** Whether a write came too soon after another one of its name. */
export function isTooManyWrites(error: unknown): boolean {
  const { method, status } = failed(error)
  return status === 429 && (method === 'PUT' || method === 'DELETE')
}

/** Converts an error thrown by an operation on a namespace. */
export function fromKvError(error: unknown, backend: string): StorageError {
  const { status } = failed(error)
  if (status === undefined) return failureOfCall(error, backend)
  const failure: [ErrorCode, string] = ['unavailable', `KV failed with status ${status}`]
  const [code, message] = isTooManyWrites(error) ? TOO_MANY_WRITES : (MEANING.get(status) ?? failure)
  const retryAfter = status === 429 ? 1000 : undefined
  return new StorageError(code, message, { backend, status, retryAfter, cause: error })
}

function failed(error: unknown): { method?: string | undefined; status?: number } {
  const [, method, status] = (error instanceof Error && FAILED.exec(error.message)) || []
  return status === undefined ? {} : { method, status: Number(status) }
}
