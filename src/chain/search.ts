import { cancelBody } from '../bodies/cancel.ts'
import { type Backend, type GetOptions, isWritable, type ReadOptions } from '../storage/backend.ts'
import { accepts, hides, type Members, writerBehind } from './placement.ts'
import { endsSearch, isCallersFault, StorageError, toStorageError } from '../storage/errors.ts'
import type { ObjectInfo, StoredObject } from '../storage/object.ts'
import type { Attempt } from '../storage/trace.ts'

/** `null` if the backend does not have the name, `'skip'` if it has it but does not record the requested value. */
export type Operation<T> = (backend: Backend, options: ReadOptions) => Promise<T | null | 'skip'>

/** The result of a backend: the requested value, nothing (try the next one), a tombstone, or a failure. */
export type Result<T> =
  | { kind: 'answer'; value: T }
  | { kind: 'nothing' | 'not-recorded' | 'deleted' }
  | { kind: 'failure'; failure: StorageError }

export interface Search<T> {
  members: Members
  name: string
  operation: Operation<T>
  options: GetOptions
}

/** A backend that is tried; `result` and `attempt` are set once it has responded. */
export interface Try<T> {
  backend: Backend
  result?: Result<T>
  attempt?: Attempt
}

/**
 * The first result that is neither `null` nor `'skip'`. A tombstone ends the search as a miss, unless a writable backend
 * before it failed. Throws if there is no result and a backend failed, or `unsupported` if no backend that has the name
 * records the requested value.
 */
export async function search<T>(query: Search<T>): Promise<T | null> {
  const { trace } = query.options
  const tries: Try<T>[] = []
  for (const backend of query.members.backends) {
    if (!accepts(backend, query.name)) continue
    const tried = await tryBackend(query, backend)
    tries.push(tried)
    trace?.push(tried.attempt)
    const final = finalResult(tries)
    if (final) return conclude(final)
    if (tried.result.kind === 'deleted') break
  }
  return lastResort(query, tries, (first, again) => {
    if (trace && first) trace[trace.indexOf(first)] = again
  })
}

/**
 * Tries the backends that were skipped by their breakers once more, since no other has a result, and concludes the search.
 * `onRetry` is called with the attempts before and after.
 */
export async function lastResort<T>(
  query: Search<T>,
  tries: readonly Try<T>[],
  onRetry?: (first: Attempt | undefined, again: Attempt) => void,
): Promise<T | null> {
  const options = { ...query.options, lastResort: true }
  for (const tried of upToTombstone(tries)) {
    if (tried.result?.kind !== 'failure' || tried.result.failure.code !== 'skipped') continue
    const again = await tryBackend({ ...query, options }, tried.backend)
    onRetry?.(tried.attempt, again.attempt)
    Object.assign(tried, again)
    const final = finalResult(tries)
    if (final) return conclude(final)
  }
  return concludeMiss(query.name, upToTombstone(tries))
}

/** The earliest backend's result that ends the search. */
export function finalResult<T>(tries: readonly Try<T>[]): Result<T> | undefined {
  const counted = upToTombstone(tries)
  return counted.find((_, index) => isFinal(counted, index))?.result
}

/** Results behind a tombstone do not count. */
export function upToTombstone<One extends Try<unknown>>(tries: readonly One[]): readonly One[] {
  const end = tries.findIndex(({ result }) => result?.kind === 'deleted')
  return end < 0 ? tries : tries.slice(0, end + 1)
}

function isFinal<T>(tries: readonly Try<T>[], index: number): boolean {
  const result = tries[index]?.result
  if (result?.kind === 'failure') return endsSearch(result.failure)
  if (result?.kind !== 'deleted') return result?.kind === 'answer'
  // A writable backend before the tombstone may have an object that was saved later, so it must have proved that it does not.
  return tries
    .slice(0, index)
    .every(({ backend, result: earlier }) => !isWritable(backend) || (earlier && earlier.kind !== 'failure'))
}

/** Converts a final result to the search's. */
export function conclude<T>(result: Result<T>): T | null {
  if (result.kind === 'failure') throw result.failure
  return result.kind === 'answer' ? result.value : null
}

/** Tries one backend and measures the time. Never throws. */
export async function tryBackend<T>(
  { members, name, operation, options }: Search<T>,
  backend: Backend,
): Promise<Required<Try<T>>> {
  const started = performance.now()
  const tried = (result: Result<T>, outcome: Attempt['outcome'], detail?: string): Required<Try<T>> => {
    const duration = performance.now() - started
    return {
      backend,
      result,
      attempt: {
        backend: backend.name,
        outcome,
        duration,
        ...(detail !== undefined && { detail }),
        ...(result.kind === 'failure' && { failure: result.failure }),
      },
    }
  }
  try {
    const answer = await operation(backend, options)
    if (answer === 'skip') return tried({ kind: 'not-recorded' }, 'hit', 'cannot tell')
    if (answer === null) return tried({ kind: 'nothing' }, 'absent')
    if (isTombstone(answer)) {
      await discard(answer)
      if (answer.lifted) return tried({ kind: 'nothing' }, 'absent')
      const kind = hides(members, { backend, info: answer }) ? 'deleted' : 'nothing'
      return tried({ kind }, 'absent', 'deleted')
    }
    if (await isHiddenFromBehind(members, backend, name)) {
      await discard(answer)
      return tried({ kind: 'deleted' }, 'absent', 'deleted')
    }
    return tried({ kind: 'answer', value: answer }, 'hit')
  } catch (error) {
    const failure = toStorageError(error, backend.name)
    const outcome = isCallersFault(failure) ? 'hit' : outcomeOf(failure)
    return tried({ kind: 'failure', failure }, outcome, failure.message)
  }
}

/** Ends a search without a result: a miss only if every backend proved it. */
function concludeMiss<T>(name: string, tries: readonly Try<T>[]): null {
  const results = tries.flatMap(({ result }) => result ?? [])
  const failures = results.flatMap((result) => (result.kind === 'failure' ? [result.failure] : []))
  if (failures.length > 0) throw chainError(failures)
  if (results.some(({ kind }) => kind === 'not-recorded'))
    throw new StorageError('unsupported', 'the backends that hold this object do not record that')
  return null
}

/** Cancels the body of an unused result. */
export async function discard(answer: unknown): Promise<void> {
  await cancelBody((answer as Partial<StoredObject>).body)
}

/** The failures of a whole chain as one error: a timeout only if all timed out. */
export function chainError(failures: readonly StorageError[]): StorageError {
  if (failures.some((failure) => failure.code === 'loop')) {
    const message =
      'a backend leads back to this Worker: set it to the address of the server that holds the files'
    return new StorageError('loop', message, { failures })
  }
  const code = failures.every((failure) => failure.code === 'timeout') ? 'timeout' : 'unavailable'
  const message = 'no backend could answer, and at least one failed: the object may exist'
  return new StorageError(code, message, { failures })
}

/** A read-only backend before the name's writer may have an object that was deleted, so the writer is checked, too. */
async function isHiddenFromBehind(members: Members, backend: Backend, name: string): Promise<boolean> {
  const writer = writerBehind(members, backend, name)
  if (!writer) return false
  const info = await writer.head(name, { lastResort: true })
  return info !== null && hides(members, { backend: writer, info })
}

function outcomeOf(failure: StorageError): Attempt['outcome'] {
  if (failure.code === 'timeout' || failure.code === 'skipped') return failure.code
  return 'error'
}

function isTombstone(answer: unknown): answer is ObjectInfo {
  return (
    typeof answer === 'object' && answer !== null && (answer as Partial<ObjectInfo>).deleted !== undefined
  )
}
