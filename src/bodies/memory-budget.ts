import { StorageError } from '../storage/errors.ts'

/** Reserved memory. */
export interface Reservation {
  readonly bytes: number
  /** Grows it to `bytes` in total, waiting for the rest of `waitMs`. If that throws, the reservation keeps its size. */
  grow(bytes: number, options?: Pick<ReserveOptions, 'signal' | 'leave'>): Promise<void>
  /** Marks it as still in use. */
  renew(): void
  release(): void
}

export interface ReserveOptions {
  /** The longest total wait for room, including growth, in milliseconds. Default: two seconds. */
  waitMs?: number
  signal?: AbortSignal | undefined
  /** Bytes that must stay free; requests that leave less free go first. Default: 0. */
  leave?: number
}

/** The memory shared by all bodies. */
export interface MemoryBudget {
  readonly total: number
  /** Waits in the queue for room; throws `overloaded` if there is none in time. Never reserves more than the whole budget. */
  reserve(bytes: number, options?: ReserveOptions): Promise<Reservation>
  /** The same without waiting: `null` if there is no room, or if other requests are waiting for it. */
  tryReserve(bytes: number, options?: Pick<ReserveOptions, 'leave'>): Reservation | null
  /** Registers a function that releases caches if there is no room, and renews reservations that are in use. */
  onShortage(reclaim: () => void): void
}

const MIB = 1024 * 1024
/** Of an isolate's 128 MB (Workers limits), the rest is for code, active streams and garbage. */
const MEMORY_BYTES = 64 * MIB
/** One large upload needs two parts. An upload that may need it later leaves it free when it begins. */
export const UPLOAD_BYTES = 16 * MIB
/** Shared bodies leave room for one large upload and the first bytes of others. */
export const SHARED_LEAVES_BYTES = 24 * MIB
/** So few are not counted: a request may have as much in its headers, and a connection buffers as much for its client. */
export const UNCOUNTED_BYTES = 16 * 1024
/** Background copies leave room for sharing small bodies. */
export const BACKGROUND_LEAVES_BYTES = 32 * MIB
/** The largest body that can be shared. */
export const MAX_SHARED_BYTES = MEMORY_BYTES - UPLOAD_BYTES

/** Clients should be refused soon. */
const WAIT_MS = 2_000
const RETRY_AFTER_MS = 5_000
/** How often a waiting request checks for room. */
const LOOK_MS = 25
/** A request that has not checked for room for this long was ended by the platform. */
const GONE_MS = 2_000
/** A reservation that was not renewed for this long belongs to a request that the platform ended. */
const FORGOTTEN_MS = 300_000

interface Ticket {
  leave: number
  /** When it last checked for room. */
  looked: number
}

/**
 * A budget of `total` bytes. Requests that leave the least free go first, then first come, first served. A waiting request
 * checks for room itself, since only its own timers are certain to fire.
 */
export function createMemoryBudget(total: number): MemoryBudget {
  /** When each reservation was renewed. */
  const held = new Map<Reservation, number>()
  const queue = new Set<Ticket>()
  const reclaims: (() => void)[] = []
  let used = 0

  /** A request that is too large to leave enough free gets its memory when everything is free. */
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
  /** A reservation of bytes that are already counted as used; `waitMs` is how long it may wait to grow. */
  const hold = (taken: number, waitMs: number): Reservation => {
    let bytes = taken
    let patience = waitMs
    const reservation: Reservation = {
      get bytes() {
        return bytes
      },
      async grow(wanted, { signal, leave = 0 } = {}) {
        const missing = Math.min(wanted, total) - bytes
        if (missing <= 0) return
        const began = Date.now()
        const ticket = { leave, looked: began }
        try {
          for (;;) {
            signal?.throwIfAborted()
            ticket.looked = Date.now()
            queue.add(ticket)
            if (isNext(ticket) && take(missing, leave)) break
            if (Date.now() - began >= patience) throw overloaded()
            await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
          }
        } finally {
          queue.delete(ticket)
          patience -= Date.now() - began
        }
        // If it was released while it waited, it only has what it got now.
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
    async reserve(bytes, { waitMs = WAIT_MS, ...options } = {}) {
      const reservation = hold(0, waitMs)
      try {
        await reservation.grow(bytes, options)
        return reservation
      } catch (error) {
        reservation.release()
        throw error
      }
    },
    tryReserve(bytes, { leave = 0 } = {}) {
      const isFree = bytes <= total && isNext({ leave, looked: Date.now() }) && take(bytes, leave)
      return isFree ? hold(bytes, 0) : null
    },
    onShortage: (reclaim) => void reclaims.push(reclaim),
  }
}

/** The budget of this isolate. */
export const isolateMemory = createMemoryBudget(MEMORY_BYTES)

function overloaded(): StorageError {
  const why = 'too many bodies are in memory at the moment; nothing was stored: try again soon'
  return new StorageError('overloaded', why, { retryAfter: RETRY_AFTER_MS })
}
