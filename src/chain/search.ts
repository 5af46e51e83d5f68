import { cancelBody } from '../bodies/cancel.ts'
import { type Backend, type GetOptions, isWritable, type ReadOptions } from '../storage/backend.ts'
import { accepts, hides, mayMoveTo, type Members, refuseTooLong, writerBehind } from './placement.ts'
import { MAX_SPECULATIVE } from './speculation.ts'
import { codeOfAll, endsSearch, StorageError, toStorageError } from '../storage/errors.ts'
import type { ObjectInfo, StoredObject } from '../storage/object.ts'
import { type Attempt, outcomeOf } from '../storage/trace.ts'

/** `null` if the backend does not have the name, `'skip'` if it has it but does not record the requested value. */
export type Operation<T> = (backend: Backend, options: ReadOptions) => Promise<T | null | 'skip'>

/** The result of a backend: the requested value, nothing (try the next one), a tombstone, or a failure. */
type Result<T> =
  | { kind: 'answer'; value: T }
  | { kind: 'nothing' | 'not-recorded' | 'deleted' }
  | { kind: 'failure'; failure: StorageError }

export interface Search<T> {
  members: Members
  name: string
  operation: Operation<T>
  options: GetOptions
}

interface Run<T> extends Search<T> {
  /** The backends that were started, in order. */
  tries: Try<T>[]
  /** The index of the first backend that was not. */
  next: number
}

/** A backend that was started; `result` and `attempt` are set once it has responded. */
interface Try<T> {
  backend: Backend
  started: number
  done: Promise<void>
  result?: Result<T>
  attempt?: Attempt
  /** When its turn came: each backend before it has responded, or has been silent for its `hedge_ms`. */
  turn?: number
  /** It has not responded within its `hedge_ms`, so it is not waited for any more. */
  isSilent?: boolean
  /** When it has found an object that is held until its turn. */
  heldAt?: number
  /** Present if another backend's result may come first. */
  stop?: AbortController
  speculative?: { confirm: () => void; cancel: (reason: unknown) => void; settle: (needed: boolean) => void }
}

/**
 * The first result, in the order of the backends, that is neither `null` nor `'skip'`. A backend is tried once those before
 * it have responded or been silent for their `hedge_ms`, or at once, by a speculative request, if they probably lack the
 * name. Its result counts no sooner for that.
 *
 * A tombstone ends the search as a miss, unless a writable backend before it failed. Throws if there is no result and a backend
 * failed, or `unsupported` if no backend that has the name records the requested value.
 */
export async function search<T>(query: Search<T>): Promise<T | null> {
  const run: Run<T> = { ...query, tries: [], next: 0 }
  const { tries } = run
  let final: Result<T> | undefined
  if (query.options.speculative) query.members.speculation?.countRead()
  try {
    for (;;) {
      const found = progress(tries)
      if (typeof found === 'object') return conclude((final = found))
      if (found === 'next') {
        const backend = nextOf(run)
        if (backend) {
          tries.push(start(run, backend))
          continue
        }
      } else startSpeculative(run)
      const open = upToTombstone(tries).filter(({ result }) => !result)
      if (open.length === 0) break
      await settledOrSilent(open, query.members.hedgeMs)
    }
    if (tries.length === 0) refuseTooLong(query.members.backends, query.name)
    final = await lastResort(run)
    return final ? conclude(final) : concludeMiss(upToTombstone(tries))
  } finally {
    for (const tried of tries) end(run, tried, final)
  }
}

/**
 * Passes the turn on: the result that ends the search, `'next'` if it is the next backend's turn, or `'wait'` while it is the
 * turn of one that has not responded, or a tombstone waits for a backend before it.
 */
function progress<T>(tries: readonly Try<T>[]): Result<T> | 'next' | 'wait' {
  for (const [index, tried] of tries.entries()) {
    if (tried.turn === undefined) {
      tried.turn = performance.now()
      tried.speculative?.confirm()
    }
    const { result } = tried
    if (!result) {
      if (tried.isSilent) continue
      return 'wait'
    }
    if (isFinal(tries, index)) return result
    if (result.kind === 'deleted') return 'wait'
  }
  return 'next'
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

/** Results behind a tombstone do not count. */
function upToTombstone<T>(tries: readonly Try<T>[]): readonly Try<T>[] {
  const end = tries.findIndex(({ result }) => result?.kind === 'deleted')
  return end < 0 ? tries : tries.slice(0, end + 1)
}

/** The next backend that accepts the name, unless it may not be started. */
function nextOf<T>(run: Run<T>, mayStart?: (backend: Backend) => boolean): Backend | undefined {
  const { backends } = run.members
  for (; run.next < backends.length; run.next++) {
    const backend = backends[run.next]
    if (!backend || !accepts(backend, run.name)) continue
    if (mayStart && !mayStart(backend)) return undefined
    run.next++
    return backend
  }
  return undefined
}

/** Starts the backends behind those that have not responded and probably lack the name. */
function startSpeculative<T>(run: Run<T>): void {
  const { members, name, options, tries } = run
  const { speculation } = members
  if (!speculation || !options.speculative) return
  let missRate = 1
  let early = 0
  for (const { backend, result, turn, heldAt } of tries) {
    if (heldAt !== undefined || result?.kind === 'answer' || result?.kind === 'deleted') return
    if (turn === undefined) early += 1
    if (!result) missRate *= speculation.missRates.of(backend.name, name)
  }
  for (; early < MAX_SPECULATIVE && speculation.allows(missRate); early++) {
    const backend = nextOf(run, (next) => !mayMoveTo(members, next, name))
    if (!backend) return
    tries.push(start(run, backend, speculation.begin(backend.name, missRate)))
    missRate *= speculation.missRates.of(backend.name, name)
  }
}

function start<T>(run: Run<T>, backend: Backend, settle?: (needed: boolean) => void): Try<T> {
  const { members, options, tries } = run
  const started = performance.now()
  const tried: Try<T> = { backend, started, done: Promise.resolve() }
  let read: GetOptions = options
  const isHedged = members.hedgeMs?.[backend.name] !== undefined
  if (settle || isHedged || tries.some(({ result }) => !result)) {
    const stop = new AbortController()
    tried.stop = stop
    const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
    read = { ...options, signal }
  }
  if (settle) {
    const { promise: needed, resolve, reject } = Promise.withResolvers<void>()
    needed.catch(() => {})
    tried.speculative = { confirm: resolve, cancel: reject, settle }
    read.needed = needed
    read.onHeld = () => void (tried.heldAt ??= performance.now())
  } else tried.turn = started
  tried.done = tryBackend(run, tried, read)
  return tried
}

/** Waits until another backend has responded, or until the one whose turn it is has been silent for its `hedge_ms`. */
async function settledOrSilent<T>(open: readonly Try<T>[], hedgeMs: Members['hedgeMs']): Promise<void> {
  const current = open.find(({ turn, isSilent }) => turn !== undefined && !isSilent)
  const settled = open.length === 1 ? open[0]?.done : Promise.race(open.map(({ done }) => done))
  const patience = current && hedgeMs?.[current.backend.name]
  if (patience === undefined) return settled
  const silent = Promise.withResolvers<void>()
  const timer = setTimeout(silent.resolve, (current?.turn ?? 0) + patience - performance.now())
  const isSilent = await Promise.race([settled?.then(() => false), silent.promise.then(() => true)])
  clearTimeout(timer)
  if (isSilent && current) current.isSilent = true
}

/** Tries the backends that were skipped by their breakers once more, since no other has a result. */
async function lastResort<T>(run: Run<T>): Promise<Result<T> | undefined> {
  for (const tried of upToTombstone(run.tries)) {
    if (tried.result?.kind !== 'failure' || tried.result.failure.code !== 'skipped') continue
    tried.speculative?.settle(true)
    delete tried.speculative
    tried.started = performance.now()
    await tryBackend(run, tried, { ...run.options, lastResort: true })
    const found = progress(run.tries)
    if (typeof found === 'object') return found
  }
  return undefined
}

/** Converts a final result to the search's. */
function conclude<T>(result: Result<T>): T | null {
  if (result.kind === 'failure') throw result.failure
  return result.kind === 'answer' ? result.value : null
}

/** Sets what the backend responds, and after what time. Never throws. */
async function tryBackend<T>(
  { members, name, operation }: Search<T>,
  tried: Try<T>,
  options: ReadOptions,
): Promise<void> {
  const { backend, started, speculative } = tried
  const settle = (result: Result<T>, outcome: Attempt['outcome'], detail?: string): void => {
    tried.result = result
    tried.attempt = {
      backend: backend.name,
      outcome,
      duration: (tried.heldAt ?? performance.now()) - started,
      detail,
      failure: result.kind === 'failure' ? result.failure : undefined,
      speculative: speculative && true,
    }
  }
  try {
    const answer = await operation(backend, options)
    if (answer === 'skip') return settle({ kind: 'not-recorded' }, 'hit', 'cannot tell')
    if (answer === null) return settle({ kind: 'nothing' }, 'absent')
    if (isTombstone(answer)) {
      await discard(answer)
      if (answer.lifted) return settle({ kind: 'nothing' }, 'absent')
      const kind = hides(members, { backend, info: answer }) ? 'deleted' : 'nothing'
      return settle({ kind }, 'absent', 'deleted')
    }
    const isHidden = await isHiddenFromBehind(members, backend, { name, options }).catch(
      async (error: unknown) => {
        await discard(answer)
        throw error
      },
    )
    if (isHidden) {
      await discard(answer)
      return settle({ kind: 'deleted' }, 'absent', 'deleted')
    }
    return settle({ kind: 'answer', value: answer }, 'hit')
  } catch (error) {
    const failure = toStorageError(error, backend.name)
    return settle({ kind: 'failure', failure }, outcomeOf(failure), failure.message)
  }
}

/**
 * Traces the backend and learns from it, cancels it if it is not needed any more and, unless it won, discards its current or
 * later result.
 */
function end<T>(run: Run<T>, tried: Try<T>, final: Result<T> | undefined): void {
  const { result, turn, speculative, stop } = tried
  speculative?.settle(turn !== undefined)
  run.options.trace?.push(attemptOf(tried))
  if (turn !== undefined) learn(run, tried)
  if (!result) {
    stop?.abort()
    speculative?.cancel(stop?.signal.reason)
  } else if (result.kind !== 'answer' || result === final) return
  const discardAnswer = async (): Promise<void> => {
    if (tried.result?.kind === 'answer') await discard(tried.result.value)
  }
  // The search is over, so a body that cannot be cancelled does not matter.
  void Promise.allSettled([tried.done.then(discardAnswer)])
}

function attemptOf<T>({ backend, started, attempt, turn }: Try<T>): Attempt {
  if (attempt && turn !== undefined) return attempt
  const duration = performance.now() - started
  if (turn === undefined) return { backend: backend.name, outcome: 'cancelled', duration, speculative: true }
  const detail = `silent for ${Math.round(duration)} ms, another backend answered first`
  return { backend: backend.name, outcome: 'timeout', duration, detail }
}

/** Failures teach nothing, nor does the last backend, which no other follows. */
function learn<T>({ members, name, options }: Run<T>, { backend, result }: Try<T>): void {
  const { speculation, backends } = members
  if (!speculation || !options.speculative || !result || backend === backends.at(-1)) return
  if (result.kind === 'nothing') speculation.missRates.learn(backend.name, name, true)
  else if (result.kind !== 'failure') speculation.missRates.learn(backend.name, name, false)
}

/** Ends a search without a result: a miss only if every backend proved it. */
function concludeMiss<T>(tries: readonly Try<T>[]): null {
  const results = tries.flatMap(({ result }) => result ?? [])
  const failures = results.flatMap((result) => (result.kind === 'failure' ? [result.failure] : []))
  if (failures.length > 0) throw chainError(failures)
  if (results.some(({ kind }) => kind === 'not-recorded'))
    throw new StorageError('unsupported', 'the backends that hold this object do not record that')
  return null
}

/** Cancels the body of an unused result. */
async function discard(answer: unknown): Promise<void> {
  await cancelBody((answer as Partial<StoredObject>).body)
}

/** The failures of a whole chain as one error. */
export function chainError(
  failures: readonly StorageError[],
  why = 'no backend could answer, and at least one failed: the object may exist',
): StorageError {
  const code = codeOfAll(failures)
  const message =
    code === 'loop'
      ? 'a backend leads back to this Worker: set it to the address of the server that holds the files'
      : why
  return new StorageError(code, message, { failures })
}

/** A read-only backend before the name's writer may have an object that was deleted, so the writer is checked, too. */
async function isHiddenFromBehind(
  members: Members,
  backend: Backend,
  { name, options: { needed, onHeld } }: Pick<Search<unknown>, 'name' | 'options'>,
): Promise<boolean> {
  const writer = writerBehind(members, backend, name)
  if (!writer) return false
  // A speculative request is one request.
  onHeld?.()
  await needed
  const info = await writer.head(name, { lastResort: true })
  return info !== null && hides(members, { backend: writer, info })
}

function isTombstone(answer: unknown): answer is ObjectInfo {
  return (
    typeof answer === 'object' && answer !== null && (answer as Partial<ObjectInfo>).deleted !== undefined
  )
}
