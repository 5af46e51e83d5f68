import { StorageError } from '../storage/errors.ts'

/** Memory that was set aside. */
export interface Reservation {
  readonly bytes: number
  /** Makes it `bytes` in all, where it is less; waits as `reserve` does, and keeps what it has when that throws. */
  grow(bytes: number, options?: ReserveOptions): Promise<void>
  /** Says that it is still used. */
  renew(): void
  release(): void
}

export interface ReserveOptions {
  /** How long to wait for room, in milliseconds. Default: some seconds. */
  waitMs?: number
  signal?: AbortSignal
}

/** What everything that holds bodies in memory shares. */
export interface MemoryBudget {
  readonly total: number
  /** Waits its turn for the room; throws `overloaded` when there is none in time. Who needs more than the whole budget gets all of it. */
  reserve(bytes: number, options?: ReserveOptions): Promise<Reservation>
  /** The same without waiting: `null` when there is no room, or others wait for it. */
  tryReserve(bytes: number): Reservation | null
  /** `reclaim` is called when there is no room: it gives back what is only kept in case it is useful, and renews the rest. */
  onShortage(reclaim: () => void): void
}

/** Of the 128 MB that an isolate has (Workers limits): the rest is for code, streams under way and garbage. */
export const MEMORY_BYTES = 48 * 1024 * 1024

const WAIT_MS = 5_000
const RETRY_AFTER_MS = 5_000
/** How often one that waits looks for room. */
const LOOK_MS = 25
/** Who has not looked for so long was ended by the platform. */
const GONE_MS = 2_000
/** What was not renewed for so long belonged to a request that the platform ended. */
const FORGOTTEN_MS = 300_000

/**
 * A budget of `total` bytes, first come, first served. Who holds some and waits for more gives up after a while, as everybody does, so nobody waits for ever. Those who wait look for room by themselves, since only the
 * timers of the request that waits are sure to fire in it.
 */
export function createMemoryBudget(total: number): MemoryBudget {
  /** When each was renewed. */
  const held = new Map<Reservation, number>()
  /** When each looked last, in the order in which they came. */
  const queue = new Map<object, number>()
  const reclaims: (() => void)[] = []
  let used = 0

  const take = (bytes: number): Reservation | null => {
    if (used + bytes > total) return null
    used += bytes
    let own = bytes
    const reservation: Reservation = {
      get bytes() {
        return own
      },
      async grow(wanted, options) {
        const missing = Math.min(wanted, total) - own
        if (missing <= 0) return
        const more = await reserve(missing, options)
        held.delete(more)
        // One that was forgotten while it waited has only what it was given now.
        own = held.has(reservation) ? own + missing : missing
        held.set(reservation, Date.now())
      },
      renew() {
        if (held.has(reservation)) held.set(reservation, Date.now())
      },
      release() {
        if (held.delete(reservation)) used -= own
      },
    }
    held.set(reservation, Date.now())
    return reservation
  }
  const takeOrReclaim = (bytes: number): Reservation | null => {
    const taken = take(bytes)
    if (taken) return taken
    for (const reclaim of reclaims) reclaim()
    for (const [reservation, renewed] of held) if (Date.now() - renewed > FORGOTTEN_MS) reservation.release()
    return take(bytes)
  }
  const isFirst = (ticket: object): boolean => {
    for (const [other, looked] of queue) {
      if (other === ticket) return true
      if (Date.now() - looked <= GONE_MS) return false
      queue.delete(other)
    }
    return true
  }

  const reserve = async (
    wanted: number,
    { waitMs = WAIT_MS, signal }: ReserveOptions = {},
  ): Promise<Reservation> => {
    const bytes = Math.min(wanted, total)
    const ticket = {}
    const ends = Date.now() + waitMs
    try {
      for (;;) {
        signal?.throwIfAborted()
        queue.set(ticket, Date.now())
        const taken = isFirst(ticket) ? takeOrReclaim(bytes) : null
        if (taken) return taken
        if (Date.now() >= ends) throw overloaded()
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      }
    } finally {
      queue.delete(ticket)
    }
  }

  return {
    total,
    reserve,
    tryReserve: (bytes) => (isFirst({}) ? takeOrReclaim(bytes) : null),
    onShortage: (reclaim) => void reclaims.push(reclaim),
  }
}

/** The one of this isolate. */
export const isolateMemory = createMemoryBudget(MEMORY_BYTES)

function overloaded(): StorageError {
  const why = 'too many bodies are held in memory at this moment, and nothing was stored: try again soon'
  return new StorageError('overloaded', why, { retryAfter: RETRY_AFTER_MS })
}
