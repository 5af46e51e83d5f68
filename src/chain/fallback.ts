import { ask, chainError, type Operation } from './search.ts'
import type { Backend, ReadOptions, WritableBackend } from '../storage/backend.ts'
import { isWritable } from '../storage/backend.ts'
import { authorityFor, type Members } from './placement.ts'
import { type ErrorCode, StorageError, toStorageError } from '../storage/errors.ts'
import { askHedged } from './hedged-search.ts'
import { writeMarker } from '../storage/tombstone-marker.ts'

/** `tombstone`: deletes leave a marker that hides what fallbacks hold. `first`: a plain delete, as the Django original does. */
export type DeleteMode = 'tombstone' | 'first'

/** All backends in their order, used as one storage. */
export interface Chain extends WritableBackend, Members {
  readonly deletes: DeleteMode
  /** The first writable backend: takes writes and new tombstones, of all names that it accepts. */
  readonly authority: WritableBackend | undefined
  /** The first writable backend that accepts the name. Throws `unsupported` where there is none. */
  writer(name: string): WritableBackend
  /** Asks each backend in order until `operation` answers; see `ask`. */
  first<T>(name: string, operation: Operation<T>, options?: ReadOptions): Promise<T | null>
}

/** One storage out of many. Only unanimous misses are a miss: when none has the name and one failed, that is thrown. */
export function createChain(backends: readonly Backend[], options: { deletes: DeleteMode }): Chain {
  const authority = backends.find(isWritable)
  const search = backends.some((backend) => backend.hedgeMs !== undefined) ? askHedged : ask
  const members: Members = { backends, tombstones: options.deletes === 'tombstone' }
  const chain: Chain = {
    ...members,
    name: 'chain',
    type: 'chain',
    deletes: options.deletes,
    authority,
    get: (name, getOptions) => chain.first(name, (backend, read) => backend.get(name, read), getOptions),
    head: (name, readOptions) => chain.first(name, (backend, read) => backend.head(name, read), readOptions),
    first: (name, operation, readOptions = {}) => search({ members, name, operation, options: readOptions }),
    writer: (name) => writer(members, name),
    // Only there: an older version in a first backend that failed would hide what another one took.
    put: async (name, body, putOptions) => writer(members, name).put(name, body, putOptions),
    delete: (name) => (options.deletes === 'tombstone' ? bury(chain, name) : deleteFirst(chain, name)),
  }
  return chain
}

function writer(members: Members, name: string): WritableBackend {
  const authority = authorityFor(members, name)
  if (!authority) throw nothingWritable(name)
  return authority
}

/** One atomic write that replaces the object by a marker: a create-only copy cannot land on it. */
async function bury(chain: Chain, name: string): Promise<void> {
  const authority = writer(chain, name)
  // With nobody behind it, nothing could come back: a marker would only be litter.
  if (chain.backends.length === 1) return authority.delete(name)
  await writeMarker(authority, name)
}

function deleteFirst(chain: Chain, name: string): Promise<void> {
  const candidates = chain.backends.filter(isWritable).filter((backend) => takes(backend, name, 0))
  return firstWritable(candidates, name, (backend) => backend.delete(name))
}

async function firstWritable<T>(
  candidates: readonly WritableBackend[],
  name: string,
  operation: (backend: WritableBackend) => Promise<T>,
): Promise<T> {
  if (candidates.length === 0) throw nothingWritable(name)
  const failures: StorageError[] = []
  for (const backend of candidates) {
    try {
      return await operation(backend)
    } catch (error) {
      const failure = toStorageError(error, backend.name, name)
      if (saysNoToTheCaller(failure)) throw failure
      failures.push(failure)
    }
  }
  throw chainError(failures, name)
}

/** Whether that backend could take an object of that name and size. */
export function takes(backend: Backend, name: string, size: number | undefined): boolean {
  return backend.accepts?.(name) !== false && (size === undefined || size <= (backend.maxSize ?? Infinity))
}

/** About the request itself, or this isolate: another one would not do better, and must not hide it. */
const SAYS_NO = new Set<ErrorCode>([
  'invalid',
  'precondition',
  'corrupt',
  'too-large',
  'too-many-writes',
  'interrupted',
  'internal',
  'overloaded',
])

/** Whether it is the answer as it is, without asking another backend. */
export function saysNoToTheCaller(error: StorageError): boolean {
  return SAYS_NO.has(error.code)
}

function nothingWritable(name: string): StorageError {
  return new StorageError('unsupported', 'no backend takes writes of this name', { name })
}
