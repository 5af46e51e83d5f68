import type { Backend, GetOptions } from '../storage/backend.ts'
import type { MemoryBudget, Reservation } from '../bodies/memory-budget.ts'
import type { SharedBody, StoredObject } from '../storage/object.ts'
import { createSharedBytes, type SharedBytes } from '../bodies/shared-body.ts'
import { refuseBody } from '../bodies/cancel.ts'
import { StorageError } from '../storage/errors.ts'
import { waitAtMost } from '../storage/wait-at-most.ts'

export interface CoalesceOptions {
  /** Larger bodies are never shared. */
  maxBytes: number
  /** Whether the name's body is shared at all, as a copy of it needs it to be. Default: it is. */
  shares?: (name: string) => boolean
  /** Whether other requests may join: not where a write may replace the object meanwhile. Default: they may. */
  joins?: (name: string) => boolean
  budget: MemoryBudget
  /** Bytes of the budget that are left for other work. */
  leave: number
  /** Longest wait for the backend's response, and for the next byte of the body, in milliseconds. */
  stallMs: number
  /** How long a complete body can still be joined, in milliseconds. Default: one second. */
  lingerMs?: number
  /** Lets the work continue after its client has left (`waitUntil`). */
  keepAlive: (work: Promise<unknown>) => void
}

interface Flight {
  readonly began: number
  /** The object to share, or `null` if each request must fetch for itself. */
  shared: Promise<Shared | null>
  /** Present once the body is being read. */
  bytes?: SharedBytes
  memory?: Reservation
  hasLeader: boolean
  /** Present if a request leads that may not need it, or may be aborted. */
  interest?: Interest
}

/** The request that leads and those that have joined, none of which may need the body. */
interface Interest {
  /** Settles once one of them needs it, or rejects if all were cancelled. */
  needed: Promise<void>
  /** Ends the request when the leader is aborted, unless others have joined it. */
  stop: AbortController
  join(read: Pick<GetOptions, 'needed' | 'signal'>): void
}

interface Shared {
  info: Omit<StoredObject, 'body'>
  bytes: SharedBytes
  copy: SharedBody['copy']
}

/** Enough for requests that have just missed in the primary. */
const LINGER_MS = 1000
/** A body that has stalled for this long is not joined any more: the platform may have ended the request that reads it. */
const MAX_PAUSE_MS = 5000

/** How long a copy waits for the client: longer than a fast client needs, and a small part of a request's time. */
const PATIENCE_MS = 1000
/** The runtime still has to send the last bytes, and storing would compete for the same thread. */
const DRAIN_MS = 100

/** A backend whose concurrent reads share bodies. */
export interface Coalescing extends Backend {
  /** Reads that come from now on join none that began before: the name has changed. */
  forget(name: string): void
}

/** Combines concurrent whole reads of one name into one request to the backend, whose body they share. */
export function withCoalescing(backend: Backend, options: CoalesceOptions): Coalescing {
  const flights = new Map<string, Flight>()
  /** Not joined any more, but still being read: they hold memory until the last reader has finished. */
  const leaving = new Set<Flight>()

  const settle = (flight: Flight): boolean => {
    const { bytes } = flight
    if (bytes?.isRead()) return false
    // More bytes may come, and a copy is made of them.
    if (bytes?.state === 'filling' && Date.now() - bytes.lastByte <= 2 * options.stallMs) return false
    bytes?.free()
    flight.memory?.release()
    return true
  }
  const drop = (name: string, flight: Flight): void => {
    if (flights.get(name) !== flight) return
    flights.delete(name)
    if (!settle(flight)) leaving.add(flight)
  }
  /** If the platform ended the request that fetches, neither a response nor a failure ever comes. */
  const opensUntil = (flight: Flight): number => flight.began + options.stallMs
  const dropWhere = (isDone: (bytes: SharedBytes) => boolean): void => {
    for (const [name, flight] of flights) {
      if (flight.bytes ? isDone(flight.bytes) : Date.now() > opensUntil(flight)) drop(name, flight)
    }
    for (const flight of leaving) if (settle(flight)) leaving.delete(flight)
  }
  /** Without timers, because a timer ends with the request that set it. */
  const sweep = (): void => {
    const now = Date.now()
    const maxPauseMs = Math.min(options.stallMs, MAX_PAUSE_MS)
    const { lingerMs = LINGER_MS } = options
    dropWhere(({ state, lastByte }) => now - lastByte > (state === 'full' ? lingerMs : maxPauseMs))
  }
  options.budget.onShortage(() => {
    sweep()
    dropWhere(({ state }) => state === 'full')
    for (const flight of [...flights.values(), ...leaving]) flight.memory?.renew()
  })

  /** Fetches the object, and settles `flight.shared` for the requests that join. */
  const lead = async (name: string, getOptions: GetOptions): Promise<StoredObject | null> => {
    const { promise, resolve } = Promise.withResolvers<Shared | null>()
    // Others need the body even if this one already has it.
    const { ifNoneMatch: _, needed, signal, ...read } = getOptions
    const interest = needed || signal ? trackInterest(getOptions) : undefined
    const flight: Flight = {
      began: Date.now(),
      shared: promise,
      hasLeader: !needed,
      ...(interest && { interest }),
    }
    flights.set(name, flight)
    try {
      const object = await backend.get(name, {
        ...read,
        ...(interest && { signal: interest.stop.signal }),
        ...(needed && interest && { needed: interest.needed }),
      })
      const size = object?.size
      const isOver = flights.get(name) !== flight
      const isShareable = !isOver && !object?.deleted && !object?.shared && !object?.substitute
      const memory =
        isShareable && size !== undefined && size <= options.maxBytes
          ? options.budget.tryReserve(size, { leave: options.leave })
          : null
      if (!object || size === undefined || !memory) {
        if (signal?.aborted) return await refuseBody(object?.body, signal.reason)
        // Nobody else reads this body, even if others have joined.
        signal?.addEventListener('abort', () => interest?.stop.abort(signal.reason))
        return object
      }
      flight.memory = memory
      const { body, ...info } = object
      flight.bytes = createSharedBytes(body, size, options.stallMs)
      options.keepAlive(flight.bytes.filled.catch(() => drop(name, flight)))
      // From now on, it is also read for the copy.
      interest?.join({})
      const shared = { info, bytes: flight.bytes, copy: { begun: false } }
      resolve(shared)
      signal?.throwIfAborted()
      return needed ? await take(name, flight, getOptions) : share(shared, true)
    } finally {
      if (!flight.bytes) drop(name, flight)
      resolve(null)
    }
  }

  /** Shares a body with a request whose turn has come. Of several that may lead, the first one does. */
  const take = async (name: string, flight: Flight, getOptions: GetOptions): Promise<StoredObject | null> => {
    const { needed, onHeld } = getOptions
    if (needed) {
      onHeld?.()
      await needed
    }
    const shared = await flight.shared
    // Meanwhile it may have failed, or its memory was needed for something else.
    if (!shared || shared.bytes.state instanceof StorageError) return backend.get(name, getOptions)
    const leader = !flight.hasLeader
    flight.hasLeader = true
    return share(shared, leader)
  }

  const get: Backend['get'] = async (name, getOptions = {}) => {
    sweep()
    if (getOptions.range || getOptions.ifMatch || options.shares?.(name) === false)
      return backend.get(name, getOptions)
    const flight = flights.get(name)
    if (!flight) {
      const led = lead(name, getOptions)
      options.keepAlive(led.catch(() => {}))
      return led
    }
    if (options.joins?.(name) === false) return backend.get(name, getOptions)
    flight.interest?.join(getOptions)
    const shared = await waitAtMost(opensUntil(flight) - Date.now(), flight.shared)
    // A request that is not needed any more must not lead.
    getOptions.signal?.throwIfAborted()
    if (shared === 'late') {
      drop(name, flight)
      return get(name, getOptions)
    }
    return shared ? take(name, flight, getOptions) : backend.get(name, getOptions)
  }
  const forget = (name: string): void => {
    const flight = flights.get(name)
    if (flight) drop(name, flight)
  }
  return { ...backend, get, forget }
}

function trackInterest(leader: Pick<GetOptions, 'needed' | 'signal'>): Interest {
  const { promise: needed, resolve, reject } = Promise.withResolvers<void>()
  needed.catch(() => {})
  const stop = new AbortController()
  let interested = 0
  const join: Interest['join'] = (read) => {
    interested += 1
    if (read.needed) void read.needed.then(resolve, () => {})
    else resolve()
    read.signal?.addEventListener('abort', () => {
      interested -= 1
      if (interested > 0) return
      reject(read.signal?.reason)
      // Another request must not abort the leader's I/O; its body is cancelled by the rejection.
      if (read === leader) stop.abort(read.signal?.reason)
    })
  }
  join(leader)
  return { needed, stop, join }
}

function share({ info, bytes, copy }: Shared, leader: boolean): StoredObject {
  // A response only gets a Content-Length from a stream of known length.
  const fixed = new FixedLengthStream(info.size ?? 0)
  // The reader of the other end sees a failure, and a client that leaves is not one.
  const taken = bytes.writeTo(fixed.writable).catch(() => {})
  const whole = async (): Promise<void> => {
    await bytes.filled
    await Promise.race([taken.then(() => pause(DRAIN_MS)), pause(PATIENCE_MS)])
  }
  return { ...info, body: fixed.readable, shared: { leader, copy, whole, stream: () => bytes.stream() } }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}
