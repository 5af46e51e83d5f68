import {
  type Backend,
  type GetOptions,
  isWritable,
  type ReadOptions,
  type WritableBackend,
} from './backend.ts'
import { endsSearch, isCallersFault, StorageError, toStorageError } from './errors.ts'
import type { ObjectInfo, StoredObject } from './object.ts'
import type { Attempt } from './trace.ts'

/** Who can be asked, and who knows what was deleted. */
export interface Members {
  readonly backends: readonly Backend[]
  /** Deletes leave tombstones, which end a search. */
  readonly tombstones: boolean
}

/** The first backend that takes writes of that name: what is saved and deleted is recorded there. */
export function authorityFor(
  { backends }: Pick<Members, 'backends'>,
  name: string,
): WritableBackend | undefined {
  return backends.filter(isWritable).find((backend) => backend.accepts?.(name) !== false)
}

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
 * The first answer that is neither `null` nor `'skip'`. A tombstone ends the search as a miss.
 * Throws when nothing answered and a backend failed, or `unsupported` when some have the name and none could tell.
 */
export async function ask<T>(question: Question<T>): Promise<T | null> {
  const { members, name, options } = question
  const asked: { backend: Backend; outcome: Outcome<T> }[] = []
  for (const backend of members.backends) {
    if (backend.accepts?.(name) === false) continue
    const outcome = await askOne(question, backend)
    options.trace?.push(outcome.attempt)
    asked.push({ backend, outcome })
    if (isFinal(outcome.result)) return conclude(outcome.result)
  }
  const { trace } = options
  for (const one of asked) {
    if (!isSkipped(one.outcome.result)) continue
    const again = await askAsLastResort(question, one.backend)
    if (trace) trace[trace.indexOf(one.outcome.attempt)] = again.attempt
    one.outcome = again
    if (isFinal(again.result)) return conclude(again.result)
  }
  return nobody(
    name,
    asked.map(({ outcome }) => outcome.result),
  )
}

/** What one backend said, and how that is traced. */
export interface Outcome<T> {
  result: Result<T>
  attempt: Attempt
}

/** Whether the search ends with it. */
export function isFinal<T>(result: Result<T>): boolean {
  if (result.kind === 'failure') return endsSearch(result.failure)
  return result.kind === 'answer' || result.kind === 'deleted'
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
export function askAsLastResort<T>(question: Question<T>, backend: Backend): Promise<Outcome<T>> {
  return askOne({ ...question, options: { ...question.options, lastResort: true } }, backend)
}

/** One backend's answer, timed. Never throws. */
export async function askOne<T>(
  { members, name, operation, options }: Question<T>,
  backend: Backend,
): Promise<Outcome<T>> {
  const started = performance.now()
  const told = (result: Result<T>, outcome: Attempt['outcome'], detail?: string): Outcome<T> => {
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
      return told(
        { kind: members.tombstones && isWritable(backend) ? 'deleted' : 'nothing' },
        'absent',
        'deleted',
      )
    }
    if (await isBuriedBehind(members, backend, name)) {
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
export function nobody<T>(name: string, results: readonly Result<T>[]): null {
  const failures = results.flatMap((result) => (result.kind === 'failure' ? [result.failure] : []))
  if (failures.length > 0) throw chainError(failures, name)
  if (results.some(({ kind }) => kind === 'cannot-tell'))
    throw new StorageError('unsupported', 'no backend that has it can tell', { name })
  return null
}

/** Cancels the body of an answer that nobody will read. */
export async function discard(answer: unknown): Promise<void> {
  await (answer as Partial<StoredObject>).body?.cancel()
}

/** The failures of a whole chain as one error: a timeout only if all timed out. */
export function chainError(failures: readonly StorageError[], name?: string): StorageError {
  const code = failures.every((failure) => failure.code === 'timeout') ? 'timeout' : 'unavailable'
  const message = 'no backend could answer, and at least one failed: the object may exist'
  return new StorageError(code, message, { failures, ...(name !== undefined && { name }) })
}

/** A read-only backend before the authority may hold what was deleted: then the authority must be asked too. */
async function isBuriedBehind(members: Members, backend: Backend, name: string): Promise<boolean> {
  if (!members.tombstones || isWritable(backend)) return false
  const authority = authorityFor(members, name)
  if (!authority || members.backends.indexOf(backend) > members.backends.indexOf(authority)) return false
  return (await authority.head(name, { lastResort: true }))?.deleted !== undefined
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
