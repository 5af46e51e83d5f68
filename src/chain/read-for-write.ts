import { cancelBody } from '../bodies/cancel.ts'
import type { GetOptions } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo, StoredObject } from '../storage/object.ts'
import { mayBeStale, type Trace } from '../storage/trace.ts'
import { type Operation, search } from './search.ts'
import type { Members } from './placement.ts'

/**
 * What a write depends on: the object, from the first backend that has it. Throws if it may be out of date or deleted because
 * a backend before that one failed; a slow one is waited for, whatever its `hedge_ms`, and a remembered absence does not count.
 */
export async function readForWrite<T extends ObjectInfo>(
  { backends, tombstones }: Members,
  name: string,
  operation: Operation<T>,
  options: GetOptions = {},
): Promise<T | null> {
  const trace: Trace = []
  try {
    const found = await search({
      members: { backends, tombstones },
      name,
      operation,
      options: { ...options, trace, fresh: true },
    })
    if (!mayBeStale(trace)) return found
    await cancelBody((found as Partial<StoredObject> | null)?.body)
  } finally {
    options.trace?.push(...trace)
  }
  const failures = trace.flatMap(({ failure }) => failure ?? [])
  const why = 'an earlier backend failed, so what a later one has may be out of date: try again'
  throw new StorageError('unavailable', why, { failures })
}

/** The current object, for the conditions of a write. */
export function headForWrite(chain: Members, name: string): Promise<ObjectInfo | null> {
  return readForWrite(chain, name, (backend, options) => backend.head(name, options))
}
