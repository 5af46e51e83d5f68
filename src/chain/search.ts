import { type Backend, type GetOptions, isWritable, type ReadOptions } from '../storage/backend.ts'
import { authorityBehind, hides, type Members } from './placement.ts'
import { endsSearch, isCallersFault, StorageError, toStorageError } from '../storage/errors.ts'
import type { ObjectInfo, StoredObject } from '../storage/object.ts'
import type { Attempt } from '../storage/trace.ts'

/** `null` where the backend does not have the name, `'skip'` where it has it but cannot tell what was asked. */
export type Operation<T> = (backend: Backend, options: ReadOptions) => Promise<T | null | 'skip'>

/** What one backend said: an answer, nothing (ask the next), the end of the search, or a failure. */
export type Result<T> =
  | { kind: 'answer'; value: T }
  | { kind: 'nothing' | 'cannot-tell' | 'deleted' }
  | { kind: 'failure'; failure: StorageError }

export interface Question<T> {
  members: Members
  name: string
  operation: Operation<T>
  options: GetOptions
}

/**
 * The first answer that is neither `null` nor `'skip'`. A tombstone ends the search as a miss, unless
 * a writable backend before it failed.
 * Throws when nothing answered and a backend failed, or `unsupported` when some have the name and none could tell.
 */
export async function ask<T>(question: Question<T>): Promise<T | null> {
  const { members, name, options } = question
  const { trace } = options
  const asked: Asked<T>[] = []
  for (const backend of members.backends) {
    if (backend.accepts?.(name) === false) continue
    const settled = await askOne(question, backend)
    trace?.push(settled.attempt)
    asked.push({ backend, settled })
    const decided = finalOf(asked)
    if (decided) return conclude(decided)
    if (settled.result.kind === 'deleted') break
  }
  for (const one of asked) {
    if (!one.settled || !isSkipped(one.settled.result)) continue
    const again = await askAsLastResort(question, one.backend)
    if (trace) trace[trace.indexOf(one.settled.attempt)] = again.attempt
    one.settled = again
    const decided = finalOf(asked)
    if (decided) return conclude(decided)
  }
  return nobody(name, asked)
}

/** What one backend said, and how that is traced. */
export interface Settled<T> {
  result: Result<T>
  attempt: Attempt
}

/** A backend that was asked, in the order of the chain. */
export interface Asked<T> {
  backend: Backend
  settled?: Settled<T>
}

/** The earliest backend's result that ends the search. */
export function finalOf<T>(asked: readonly Asked<T>[]): Result<T> | undefined {
  const counted = upToTombstone(asked)
  return counted.find((_, index) => isFinal(counted, index))?.settled?.result
}

/** What is behind a tombstone has no say. */
export function upToTombstone<One extends Asked<unknown>>(asked: readonly One[]): readonly One[] {
  const end = asked.findIndex(({ settled }) => settled?.result.kind === 'deleted')
  return end < 0 ? asked : asked.slice(0, end + 1)
}

function isFinal<T>(asked: readonly Asked<T>[], index: number): boolean {
  const result = asked[index]?.settled?.result
  if (result?.kind === 'failure') return endsSearch(result.failure)
  if (result?.kind !== 'deleted') return result?.kind === 'answer'
  // A writable backend before the tombstone may hold what was saved after it, so it must have said that it does not.
  return asked
    .slice(0, index)
    .every(({ backend, settled }) => !isWritable(backend) || (settled && settled.result.kind !== 'failure'))
}

/** A final result as the search's own. */
export function conclude<T>(result: Result<T>): T | null {
  if (result.kind === 'failure') throw result.failure
  return result.kind === 'answer' ? result.value : null
}

/** Whether the backend was passed over by its breaker. */
export function isSkipped<T>(result: Result<T>): boolean {
  return result.kind === 'failure' && result.failure.code === 'skipped'
}

/** Nobody else had an answer, so one that was passed over may do. */
export function askAsLastResort<T>(question: Question<T>, backend: Backend): Promise<Settled<T>> {
  return askOne({ ...question, options: { ...question.options, lastResort: true } }, backend)
}

/** One backend's answer, timed. Never throws. */
export async function askOne<T>(
  { members, name, operation, options }: Question<T>,
  backend: Backend,
): Promise<Settled<T>> {
  const started = performance.now()
  const told = (result: Result<T>, outcome: Attempt['outcome'], detail?: string): Settled<T> => {
    const duration = performance.now() - started
    return {
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
    if (answer === 'skip') return told({ kind: 'cannot-tell' }, 'hit', 'cannot tell')
    if (answer === null) return told({ kind: 'nothing' }, 'absent')
    if (isTombstone(answer)) {
      await discard(answer)
      if (answer.lifted) return told({ kind: 'nothing' }, 'absent')
      const kind = hides(members, { backend, info: answer }) ? 'deleted' : 'nothing'
      return told({ kind }, 'absent', 'deleted')
    }
    if (await isHiddenFromBehind(members, backend, name)) {
      await discard(answer)
      return told({ kind: 'deleted' }, 'absent', 'deleted')
    }
    return told({ kind: 'answer', value: answer }, 'hit')
  } catch (error) {
    const failure = toStorageError(error, backend.name, name)
    const outcome = isCallersFault(failure) ? 'hit' : outcomeOf(failure)
    return told({ kind: 'failure', failure }, outcome, failure.message)
  }
}

/** How a search ends that nobody answered. */
export function nobody<T>(name: string, asked: readonly Asked<T>[]): null {
  const results = asked.flatMap(({ settled }) => settled?.result ?? [])
  const failures = results.flatMap((result) => (result.kind === 'failure' ? [result.failure] : []))
  if (failures.length > 0) throw chainError(failures, name)
  if (results.some(({ kind }) => kind === 'cannot-tell'))
    throw new StorageError('unsupported', 'the backends that hold this object do not record that', { name })
  return null
}

/** Cancels the body of an answer that nobody will read. */
export async function discard(answer: unknown): Promise<void> {
  await (answer as Partial<StoredObject>).body?.cancel()
}

/** The failures of a whole chain as one error: a timeout only if all timed out. */
export function chainError(failures: readonly StorageError[], name?: string): StorageError {
  const options = { failures, ...(name !== undefined && { name }) }
  if (failures.some((failure) => failure.code === 'loop')) {
    const message = 'a backend leads back to this Worker: give it the address of what holds the files itself'
    return new StorageError('loop', message, options)
  }
  const code = failures.every((failure) => failure.code === 'timeout') ? 'timeout' : 'unavailable'
  const message = 'no backend could answer, and at least one failed: the object may exist'
  return new StorageError(code, message, options)
}

/** A read-only backend before the authority may hold what was deleted: then the authority must be asked too. */
async function isHiddenFromBehind(members: Members, backend: Backend, name: string): Promise<boolean> {
  const authority = authorityBehind(members, backend, name)
  if (!authority) return false
  const info = await authority.head(name, { lastResort: true })
  return info !== null && hides(members, { backend: authority, info })
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
