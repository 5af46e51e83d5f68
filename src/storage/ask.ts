import { type Backend, type GetOptions, isWritable, type ReadOptions } from './backend.ts'
import { authorityBehind, hides, type Members } from './decide.ts'
import { isCallersFault, StorageError, toStorageError } from './errors.ts'
import type { ObjectInfo, StoredObject } from './object.ts'
import type { Attempt } from './trace.ts'

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
  const failures: StorageError[] = []
  let cannotTell = false
  /** A writable backend failed: it may hold what was saved after a tombstone behind it. */
  let unsure = false
  for (const backend of question.members.backends) {
    if (backend.accepts?.(question.name) === false) continue
    const { result, attempt } = await askOne(question, backend)
    question.options.trace?.push(attempt)
    if (result.kind === 'answer') return result.value
    if (result.kind === 'deleted' && !unsure) return null
    if (result.kind === 'deleted') break
    if (result.kind === 'failure') {
      failures.push(throwIfFinal(result.failure))
      unsure ||= isWritable(backend)
    }
    if (result.kind === 'cannot-tell') cannotTell = true
  }
  return nobody(question.name, failures, cannotTell)
}

/** One backend's answer, timed. Never throws. */
export async function askOne<T>(
  { members, name, operation, options }: Question<T>,
  backend: Backend,
): Promise<{ result: Result<T>; attempt: Attempt }> {
  const started = performance.now()
  const told = (result: Result<T>, outcome: Attempt['outcome'], detail?: string) => {
    const duration = performance.now() - started
    return {
      result,
      attempt: { backend: backend.name, outcome, duration, ...(detail !== undefined && { detail }) },
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
export function nobody(name: string, failures: readonly StorageError[], cannotTell: boolean): null {
  if (failures.length > 0) throw chainError(failures, name)
  if (cannotTell)
    throw new StorageError('unsupported', 'the backends that hold this object do not record that', { name })
  return null
}

/** Throws what no other backend would answer differently (a bad name, a range past the end); hands back the rest. */
export function throwIfFinal(failure: StorageError): StorageError {
  if (isCallersFault(failure)) throw failure
  return failure
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
  const info = await authority.head(name)
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
