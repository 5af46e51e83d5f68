import type { Backend, GetOptions, PutOptions, ReadOptions, WritableBackend } from './backend.ts'
import { isWritable } from './backend.ts'
import { isCallersFault, StorageError, toStorageError } from './errors.ts'
import type { ObjectInfo, StoredObject } from './object.ts'
import type { Attempt, Trace } from './trace.ts'

/** `tombstone`: deletes leave a marker that hides what fallbacks hold. `first`: a plain delete, as the Django original does. */
export type DeleteMode = 'tombstone' | 'first'

/** All backends in their order, used as one storage. */
export interface Chain extends WritableBackend {
  readonly backends: readonly Backend[]
  readonly deletes: DeleteMode
  /** The first writable backend: takes writes and keeps the tombstones. */
  readonly authority: WritableBackend | undefined
  /** Asks each backend in order until `operation` answers; see `ask`. */
  first<T>(name: string, operation: Operation<T>, options?: ReadOptions): Promise<T | null>
  /** The tombstone's time where the name is deleted, else `null`. */
  deleted(name: string, options?: ReadOptions): Promise<Date | null>
}

/** `null` where the backend does not have the name, `'skip'` where it has it but cannot tell what was asked. */
export type Operation<T> = (backend: Backend, options: ReadOptions) => Promise<T | null | 'skip'>

/** Streams up to this size are held in memory when a second writable backend could take them after the first failed. */
const REPLAYABLE_BYTES = 8 * 1024 * 1024

const EMPTY = new Uint8Array(0)

/** One storage out of many. Only unanimous misses are a miss: when none has the name and one failed, that is thrown. */
export function createChain(backends: readonly Backend[], options: { deletes: DeleteMode }): Chain {
  const authority = backends.find(isWritable)
  const chain: Chain = {
    name: 'chain',
    type: 'chain',
    backends,
    deletes: options.deletes,
    authority,
    get: (name, getOptions = {}) => ask(chain, name, (backend, read) => backend.get(name, read), getOptions),
    head: (name, readOptions = {}) =>
      ask(chain, name, (backend, read) => backend.head(name, read), readOptions),
    first: (name, operation, readOptions = {}) => ask(chain, name, operation, readOptions),
    deleted: async (name, readOptions) =>
      (authority && options.deletes === 'tombstone' && (await authority.head(name, readOptions))?.deleted) ||
      null,
    put: (name, body, putOptions = {}) => putFirst(chain, name, { body, ...putOptions }),
    delete: (name) => (options.deletes === 'tombstone' ? bury(chain, name) : deleteFirst(chain, name)),
  }
  return chain
}

/**
 * The first answer that is neither `null` nor `'skip'`. A tombstone in the authority ends the search as a miss.
 * Throws when nothing answered and a backend failed, or `unsupported` when some have the name and none could tell.
 */
async function ask<T>(
  chain: Chain,
  name: string,
  operation: Operation<T>,
  options: GetOptions,
): Promise<T | null> {
  const trace: Trace = options.trace ?? []
  const failures: StorageError[] = []
  let skipped = false
  for (const backend of chain.backends) {
    if (backend.accepts?.(name) === false) continue
    const started = performance.now()
    const record = (outcome: Attempt['outcome'], detail?: string): void => {
      const duration = performance.now() - started
      trace.push({ backend: backend.name, outcome, duration, ...(detail !== undefined && { detail }) })
    }
    try {
      const answer = await operation(backend, options)
      if (answer === 'skip') {
        skipped = true
        record('hit', 'cannot tell')
      } else if (answer === null) {
        record('absent')
      } else if (isTombstone(answer)) {
        await discard(answer)
        record('absent', 'deleted')
        if (chain.deletes === 'tombstone' && backend === chain.authority) return null
      } else {
        record('hit')
        if (!(await buriedBehind(chain, backend, name))) return answer
        await discard(answer)
        return null
      }
    } catch (error) {
      if (isCallersFault(error)) {
        record('hit')
        throw error
      }
      const failure = toStorageError(error, backend.name, name)
      record(outcomeOf(failure), failure.message)
      failures.push(failure)
    }
  }
  if (failures.length > 0) throw chainError(failures, name)
  if (skipped) throw new StorageError('unsupported', 'no backend that has it can tell', { name })
  return null
}

/** A read-only backend before the authority may hold what was deleted: then the authority must be asked too. */
async function buriedBehind(chain: Chain, backend: Backend, name: string): Promise<boolean> {
  const { authority, backends } = chain
  if (!authority || chain.deletes !== 'tombstone' || backend === authority) return false
  if (backends.indexOf(backend) > backends.indexOf(authority)) return false
  return (await chain.deleted(name)) !== null
}

async function putFirst(
  chain: Chain,
  name: string,
  { body, ...options }: PutOptions & { body: ReadableStream<Uint8Array> | Uint8Array },
): Promise<ObjectInfo | null> {
  const candidates = chain.backends.filter(isWritable).filter((backend) => takes(backend, name, options.size))
  const replayable = candidates.length > 1 && (options.size ?? Infinity) <= REPLAYABLE_BYTES
  const source = body instanceof Uint8Array || !replayable ? body : await readAll(body, options.size)
  return firstWritable(candidates, name, async (backend, isLast) => {
    try {
      return await backend.put(name, source, options)
    } catch (error) {
      if (source instanceof Uint8Array || isLast) throw error
      throw new Unrepeatable(toStorageError(error, backend.name, name))
    }
  })
}

/** One atomic write that replaces the object by a marker: a create-only copy cannot land on it. */
async function bury(chain: Chain, name: string): Promise<void> {
  const { authority } = chain
  if (!authority) throw nothingWritable(name)
  // With nobody behind it, nothing could come back: a marker would only be litter.
  if (chain.backends.length === 1) return authority.delete(name)
  if (authority.accepts?.(name) === false) {
    throw new StorageError(
      'unsupported',
      `${authority.name} keeps the tombstones and does not take this name`,
      { name },
    )
  }
  await authority.put(name, EMPTY, { size: 0, info: { deleted: new Date() } })
}

function deleteFirst(chain: Chain, name: string): Promise<void> {
  const candidates = chain.backends.filter(isWritable).filter((backend) => takes(backend, name, 0))
  return firstWritable(candidates, name, (backend) => backend.delete(name))
}

async function firstWritable<T>(
  candidates: readonly WritableBackend[],
  name: string,
  operation: (backend: WritableBackend, isLast: boolean) => Promise<T>,
): Promise<T> {
  if (candidates.length === 0) throw nothingWritable(name)
  const failures: StorageError[] = []
  for (const [index, backend] of candidates.entries()) {
    try {
      return await operation(backend, index === candidates.length - 1)
    } catch (error) {
      if (error instanceof Unrepeatable) throw chainError([...failures, error.failure], name)
      const failure = toStorageError(error, backend.name, name)
      if (saysNoToTheCaller(failure)) throw failure
      failures.push(failure)
    }
  }
  throw chainError(failures, name)
}

/** The body was partly read: no other backend can be given it. */
class Unrepeatable extends Error {
  readonly failure: StorageError
  constructor(failure: StorageError) {
    super(failure.message)
    this.failure = failure
  }
}

/** Whether that backend could take an object of that name and size. */
export function takes(backend: Backend, name: string, size: number | undefined): boolean {
  return backend.accepts?.(name) !== false && (size === undefined || size <= (backend.maxSize ?? Infinity))
}

/** Whether it is about the request itself: another backend would say the same. */
export function saysNoToTheCaller(error: StorageError): boolean {
  return ['invalid', 'precondition', 'corrupt', 'too-large'].includes(error.code)
}

function nothingWritable(name: string): StorageError {
  return new StorageError('unsupported', 'no backend takes writes of this name', { name })
}

/** The failures of a whole chain as one error: a timeout only if all timed out. */
export function chainError(failures: readonly StorageError[], name?: string): StorageError {
  const code = failures.every((failure) => failure.code === 'timeout') ? 'timeout' : 'unavailable'
  const message = 'no backend could answer, and at least one failed: the object may exist'
  return new StorageError(code, message, { failures, ...(name !== undefined && { name }) })
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

async function discard(answer: unknown): Promise<void> {
  await (answer as Partial<StoredObject>).body?.cancel()
}

/** A whole body in memory; `corrupt` if it is not `size` bytes long. */
async function readAll(body: ReadableStream<Uint8Array>, size: number | undefined): Promise<Uint8Array> {
  const bytes = new Uint8Array(await new Response(body).arrayBuffer())
  if (size !== undefined && bytes.length !== size) {
    throw new StorageError('corrupt', `the body has ${bytes.length} bytes, ${size} were announced`)
  }
  return bytes
}
