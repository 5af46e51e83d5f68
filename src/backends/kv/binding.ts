import { type ErrorCode, StorageError } from '../../storage/errors.ts'
import { CallFailure, fromCallError, marked } from '../call.ts'

/** What is used of a namespace. */
export interface KvBinding {
  open(key: string): Promise<{ value: ReadableStream<Uint8Array> | null; metadata: unknown }>
  put(key: string, value: Uint8Array, options: { metadata: unknown }): Promise<void>
  delete(key: string): Promise<void>
  list(options: KVNamespaceListOptions): Promise<KVNamespaceListResult<unknown>>
}

/** The binding, with the failures of its calls marked as such. */
export function kvBinding(kv: KVNamespace): KvBinding {
  return {
    open: (key) => marked(() => kv.getWithMetadata(key, 'stream')),
    put: (key, value, options) => marked(() => kv.put(key, value, options)),
    delete: (key) => marked(() => kv.delete(key)),
    list: (options) => marked(() => kv.list(options)),
  }
}

/** KV puts the status of its answer into the message: `KV PUT failed: 429 Too Many Requests`. */
const FAILED = /^KV ([A-Z_]+) failed: (\d{3})/

const MEANING = new Map<number, [ErrorCode, string]>([
  [400, ['invalid', 'KV does not take that name']],
  [401, ['denied', 'KV refuses the binding']],
  [403, ['denied', 'KV refuses the binding']],
  [413, ['too-large', 'the value or its metadata is larger than KV takes']],
  [414, ['invalid', 'KV does not take that name']],
])

/** Whether a write came too soon after another one of its name. */
export function isTooManyWrites(error: unknown): boolean {
  const { method, status } = failed(error)
  return status === 429 && (method === 'PUT' || method === 'DELETE')
}

function failed(error: unknown): { method?: string | undefined; status?: number } {
  const [, method, status] = (error instanceof CallFailure && FAILED.exec(error.message)) || []
  return status === undefined ? {} : { method, status: Number(status) }
}

/** KV's failures as ours. */
export function fromKvError(error: unknown, backend: string, name?: string): StorageError {
  const { status } = failed(error)
  if (!(error instanceof CallFailure) || status === undefined) return fromCallError(error, backend, name)
  const [code, message] = MEANING.get(status) ?? ['unavailable', `KV failed with status ${status}`]
  const options = {
    backend,
    status,
    ...(name !== undefined && { name }),
    ...(status === 429 && { retryAfter: 1000 }),
    cause: error.cause,
  }
  return isTooManyWrites(error)
    ? new StorageError('too-many-writes', 'KV takes one write a second for a name', options)
    : new StorageError(code, message, options)
}
