import { type ErrorCode, StorageError, toStorageError } from '../../storage/errors.ts'

/** KV tells the status of its own answer in words: `KV PUT failed: 429 Too Many Requests`. */
const FAILED = /^KV [A-Z_]+ failed: (\d{3})/

const MEANING = new Map<number, [ErrorCode, string]>([
  [400, ['invalid', 'KV does not take that name']],
  [401, ['denied', 'KV refuses the binding']],
  [403, ['denied', 'KV refuses the binding']],
  [413, ['too-large', 'the value or its metadata is larger than KV takes']],
  [414, ['invalid', 'KV does not take that name']],
  [429, ['unavailable', 'KV takes one write a second for a name']],
])

/** The one place where KV's failures become ours. */
export function fromKvError(error: unknown, backend: string, name?: string): StorageError {
  const status = error instanceof Error ? Number(FAILED.exec(error.message)?.[1] ?? 0) : 0
  if (status === 0) return toStorageError(error, backend, name)
  const [code, message] = MEANING.get(status) ?? ['unavailable', `KV failed with status ${status}`]
  return new StorageError(code, message, {
    backend,
    status,
    ...(name !== undefined && { name }),
    ...(status === 429 && { retryAfter: 1000 }),
    cause: error,
  })
}
