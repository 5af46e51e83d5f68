import { AsyncLocalStorage } from 'node:async_hooks'
import { createDeadlines, type StartDeadline, startTimer } from './deadlines.ts'
import { StorageError } from './errors.ts'
import { MAX_OPEN_REQUESTS } from './map-limited.ts'

/** Lists the deployments that a request has passed through. `CDN-Loop` (RFC 8586) is for that, but Cloudflare sets it itself. */
const HEADER = 'Fallback-Storage-Via'
/** Development, staging and production are three. */
const MAX_PASSED = 8

/** State shared by all work of one request, queue batch or alarm. */
interface Invocation {
  /** The deployments that the request has passed through. */
  passed: readonly string[]
  slots: Slots
  /** For bodies that are stored: the answer comes after the body, which another request may have to continue. Made when first needed. */
  streams?: Slots
  startDeadline: StartDeadline
}

interface Slots {
  tryTake(): boolean
  /** Waits for a slot, first come, first served. */
  take(): Promise<void>
  release(): void
}

const invocations = new AsyncLocalStorage<Invocation>()

/** Runs an invocation's work: its requests to backends share five slots, and list the deployments that it has passed through. */
export function runInvocation<T>(work: () => T, passed: readonly string[] = []): T {
  const slots = createSlots(MAX_OPEN_REQUESTS)
  return invocations.run({ passed, slots, startDeadline: createDeadlines() }, work)
}

/** The same for work that may be a part of an invocation already. */
export function withinInvocation<T>(work: () => T): T {
  return invocations.getStore() ? work() : runInvocation(work)
}

/**
 * The deployments that a request has passed through. Throws `loop` if this one is among them: then it is its own
 * fallback, and would wait for itself.
 */
export function passedBy(headers: Headers, deploymentId: string): readonly string[] {
  const passed: readonly string[] = headers.get(HEADER)?.match(/[0-9a-f]{8}/g) ?? []
  if (passed.includes(deploymentId))
    throw new StorageError('loop', 'the request has come back to this Worker: a backend leads to itself')
  if (passed.length >= MAX_PASSED)
    throw new StorageError(
      'loop',
      `the request has passed through ${passed.length} Workers, each a fallback of the one before`,
    )
  return passed
}

/** The header as it came, for another entrypoint of this deployment. */
export function forwardedHeader(): Record<string, string> {
  const passed = invocations.getStore()?.passed ?? []
  return passed.length === 0 ? {} : { [HEADER]: passed.join(', ') }
}

/** The header for a request to an origin. */
export function passedHeader(deploymentId: string | undefined): Record<string, string> {
  if (deploymentId === undefined) return {}
  return { [HEADER]: [...(invocations.getStore()?.passed ?? []), deploymentId].join(', ') }
}

/**
 * Sends a request once fewer than five requests of the invocation, or five streams, are waiting for their responses. Streams
 * have slots of their own, because what fills one may be another request. A request that is being sent must not wait for another
 * slot of its kind: five of them would wait for each other.
 */
export function withSlot<T>(send: () => Promise<T>, kind: 'slots' | 'streams' = 'slots'): Promise<T> {
  const invocation = invocations.getStore()
  if (!invocation) return send()
  const slots = (invocation[kind] ??= createSlots(MAX_OPEN_REQUESTS))
  return slots.tryTake() ? sendAndRelease(slots, send) : slots.take().then(() => sendAndRelease(slots, send))
}

/** Starts a deadline of the current invocation. */
export const startDeadline: StartDeadline = (ms, expire) =>
  (invocations.getStore()?.startDeadline ?? startTimer)(ms, expire)

/** For many requests in a row within a slot: also uses the slots that are free now, and waits for none. */
export async function withSpareSlots(work: () => Promise<void>): Promise<void> {
  const slots = invocations.getStore()?.slots ?? createSlots(MAX_OPEN_REQUESTS - 1)
  const workers = [work()]
  while (slots.tryTake()) workers.push(sendAndRelease(slots, work))
  await Promise.all(workers)
}

function sendAndRelease<T>(slots: Slots, send: () => Promise<T>): Promise<T> {
  try {
    const answer = send()
    // Not awaited, so that the response is not delayed.
    void answer.then(slots.release, slots.release)
    return answer
  } catch (error) {
    slots.release()
    throw error
  }
}

function createSlots(count: number): Slots {
  const waiting: (() => void)[] = []
  let free = count
  return {
    tryTake: () => free > 0 && free-- > 0,
    take: () => new Promise((resolve) => waiting.push(resolve)),
    release() {
      const next = waiting.shift()
      if (next) next()
      else free++
    },
  }
}
