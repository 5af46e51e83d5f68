import { StorageError } from '../storage/errors.ts'

/** Memory that was set aside. */
export interface Reservation {
  readonly bytes: number
  /** Makes it `bytes` in all, where it is less. Waits for what is left of the time that it was reserved with, and keeps what it has when that throws. */
  grow(bytes: number, options?: Pick<ReserveOptions, 'signal' | 'leave'>): Promise<void>
  /** Says that it is still used. */
  renew(): void
  release(): void
}

export interface ReserveOptions {
  /** How long to wait for room, in milliseconds, growing included. Default: two seconds. */
  waitMs?: number
  signal?: AbortSignal | undefined
  /** Bytes that have to stay free for those who leave less, and who go first. Default: 0. */
  leave?: number
}

/** What everything that holds bodies in memory shares. */
export interface MemoryBudget {
  readonly total: number
  /** Waits its turn for the room; throws `overloaded` when there is none in time. More than the whole budget is never given. */
  reserve(bytes: number, options?: ReserveOptions): Promise<Reservation>
  /** The same without waiting: `null` when there is no room, or others wait for it. */
  tryReserve(bytes: number, options?: Pick<ReserveOptions, 'leave'>): Reservation | null
  /** `reclaim` is called when there is no room: it gives back what is only kept in case it is useful, and renews the rest. */
  onShortage(reclaim: () => void): void
}

const MIB = 1024 * 1024
/** Of the 128 MB that an isolate has (Workers limits): the rest is for code, streams under way and garbage. */
const MEMORY_BYTES = 64 * MIB
/** What one large upload needs: two parts. Those who may need it later leave it free when they begin. */
export const UPLOAD_BYTES = 16 * MIB
/** What shared bodies leave free: one large upload, and the beginnings of others. */
export const SHARED_LEAVES_BYTES = 24 * MIB
/** What background copies leave free: they wait behind clients, and never keep small bodies from being shared. */
export const BACKGROUND_LEAVES_BYTES = 32 * MIB
/** The largest body that can be shared. */
export const MAX_SHARED_BYTES = MEMORY_BYTES - UPLOAD_BYTES

/** A client that is refused should know soon. */
const WAIT_MS = 2_000
const RETRY_AFTER_MS = 5_000
/** How often a waiting request looks for room. */
const LOOK_MS = 25
/** A request that has not looked for so long was ended by the platform. */
const GONE_MS = 2_000
/** What was not renewed for so long belonged to a request that the platform ended. */
const FORGOTTEN_MS = 300_000

interface Ticket {
  leave: number
  /** When it looked for room last. */
  looked: number
}

/**
 * A budget of `total` bytes. Those who leave least go first, then first come, first served. Waiting requests look for
 * room by themselves, since only the timers of the request that waits are sure to fire in it.
 */
export function createMemoryBudget(total: number): MemoryBudget {
  /** When each was renewed. */
  const held = new Map<Reservation, number>()
  const queue = new Set<Ticket>()
  const reclaims: (() => void)[] = []
  let used = 0

  /** Who wants so much that too little would stay free gets it when everything is free. */
  const fits = (bytes: number, leave: number): boolean =>
    used + bytes + Math.min(leave, total - bytes) <= total
  const take = (bytes: number, leave: number): boolean => {
    if (!fits(bytes, leave)) {
      for (const reclaim of reclaims) reclaim()
      for (const [reservation, renewed] of held)
        if (Date.now() - renewed > FORGOTTEN_MS) reservation.release()
      if (!fits(bytes, leave)) return false
    }
    used += bytes
    return true
  }
  const isNext = (ticket: Ticket): boolean => {
    let isBehind = false
    for (const other of queue) {
      if (other === ticket) isBehind = true
      else if (ticket.looked - other.looked > GONE_MS) queue.delete(other)
      else if (other.leave < ticket.leave || (other.leave === ticket.leave && !isBehind)) return false
    }
    return true
  }
  const waitFor = async (
    bytes: number,
    { ends, signal, leave = 0 }: Omit<ReserveOptions, 'waitMs'> & { ends: number },
  ): Promise<void> => {
    const ticket = { leave, looked: 0 }
    try {
      for (;;) {
        signal?.throwIfAborted()
        ticket.looked = Date.now()
        queue.add(ticket)
        if (isNext(ticket) && take(bytes, leave)) return
        if (Date.now() >= ends) throw overloaded()
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      }
    } finally {
      queue.delete(ticket)
    }
  }
  const hold = (taken: number, waitMs: number): Reservation => {
    let bytes = taken
    let patience = waitMs
    const reservation: Reservation = {
      get bytes() {
        return bytes
      },
      async grow(wanted, options) {
        const missing = Math.min(wanted, total) - bytes
        if (missing <= 0) return
        const began = Date.now()
        try {
          await waitFor(missing, { ...options, ends: began + patience })
        } finally {
          patience -= Date.now() - began
        }
        // One that was forgotten while it waited has only what it was given now.
        bytes = held.has(reservation) ? bytes + missing : missing
        held.set(reservation, Date.now())
      },
      renew() {
        if (held.has(reservation)) held.set(reservation, Date.now())
      },
      release() {
        if (held.delete(reservation)) used -= bytes
      },
    }
    held.set(reservation, Date.now())
    return reservation
  }

  return {
    total,
    async reserve(wanted, { waitMs = WAIT_MS, ...options } = {}) {
      const bytes = Math.min(wanted, total)
      const ends = Date.now() + waitMs
      await waitFor(bytes, { ...options, ends })
      return hold(bytes, ends - Date.now())
    },
    tryReserve(bytes, { leave = 0 } = {}) {
      const isFree = bytes <= total && isNext({ leave, looked: Date.now() }) && take(bytes, leave)
      return isFree ? hold(bytes, 0) : null
    },
    onShortage: (reclaim) => void reclaims.push(reclaim),
  }
}

/** The one of this isolate. */
export const isolateMemory = createMemoryBudget(MEMORY_BYTES)

function overloaded(): StorageError {
  const why = 'too many bodies are held in memory at this moment, and nothing was stored: try again soon'
  return new StorageError('overloaded', why, { retryAfter: RETRY_AFTER_MS })
}
