import { chainError, type Operation, search } from './search.ts'
import type { Backend, ReadOptions, WritableBackend } from '../storage/backend.ts'
import { type Members, writersFor } from './placement.ts'
import { type ErrorCode, type StorageError, toStorageError } from '../storage/errors.ts'
import { writeMarker } from '../storage/tombstone-marker.ts'
import { traceWrite } from '../storage/trace.ts'

/** `tombstone`: deletes leave a marker that hides the objects of fallbacks. `first`: a plain delete, as in the Django original. */
export type DeleteMode = 'tombstone' | 'first'

export interface ChainOptions extends Pick<Members, 'hedgeMs' | 'speculation'> {
  deletes: DeleteMode
}

/** All backends in order, used as one storage. */
export interface Chain extends Backend, Members {
  delete(name: string, options?: Pick<ReadOptions, 'trace' | 'signal'>): Promise<void>
  /** Tries each backend in order until `operation` returns a result; see `search`. */
  first<T>(name: string, operation: Operation<T>, options?: ReadOptions): Promise<T | null>
}

/** Combines many backends into one. Only unanimous misses are a miss: if none has the name and one failed, that failure is thrown. */
export function createChain(
  backends: readonly Backend[],
  { deletes, hedgeMs, speculation }: ChainOptions,
): Chain {
  const members: Members = {
    backends,
    tombstones: deletes === 'tombstone',
    ...(hedgeMs && { hedgeMs }),
    // Without another backend there is nothing to start.
    ...(backends.length > 1 && { speculation }),
  }
  const first: Chain['first'] = (name, operation, options = {}) =>
    search({ members, name, operation, options })
  return {
    ...members,
    name: 'chain',
    type: 'chain',
    first,
    get: (name, options) => first(name, (backend, read) => backend.get(name, read), options),
    head: (name, options) => first(name, (backend, read) => backend.head(name, read), options),
    async delete(name, { trace } = {}) {
      const writers = writersFor(members, name)
      if (members.tombstones) {
        const [writer] = writers
        await traceWrite(trace, writer, () => writeTombstone(members, writer, name))
      } else {
        await firstToSucceed(writers, name, (backend) =>
          traceWrite(trace, backend, () => backend.delete(name)),
        )
      }
    },
  }
}

/** One atomic write that replaces the object with a marker: a create-only copy cannot replace it. */
async function writeTombstone(members: Members, writer: WritableBackend, name: string): Promise<void> {
  // With no backend behind it, nothing could come back, so a marker is not needed.
  if (members.backends.length === 1) return writer.delete(name)
  await writeMarker(writer, name)
}

/** The result of the first backend that does not fail. A failure that no other backend could fix is thrown at once. */
export async function firstToSucceed<T>(
  backends: readonly WritableBackend[],
  name: string,
  operation: (backend: WritableBackend, failures: readonly StorageError[]) => Promise<T>,
  isLast: () => boolean = () => false,
): Promise<T> {
  const failures: StorageError[] = []
  for (const backend of backends) {
    try {
      return await operation(backend, failures)
    } catch (error) {
      const failure = toStorageError(error, backend.name)
      if (FINAL.has(failure.code)) throw failure
      failures.push(failure)
      if (isLast()) break
    }
  }
  throw chainError(failures, 'no backend could make the change: try again')
}

/** It is about the request itself, or this isolate: another backend would not succeed, and must not hide it. */
const FINAL = new Set<ErrorCode>([
  'invalid',
  'precondition',
  'corrupt',
  'too-large',
  'locked',
  'too-many-writes',
  'interrupted',
  'internal',
  'overloaded',
])
