import type { Fault } from './spoil.ts'

/**
 * The right result of a read: the right bytes, proven absence, a failure (with its code), or a body that
 * breaks while it is read.
 */
export type Effect = 'object' | 'absent' | 'unavailable' | 'denied' | 'timeout' | 'breaks' | 'stalls'

export interface FaultCase {
  /** What the origin does, to be read after "the origin". */
  does: string
  /** `null`: the origin's port is closed, see `Origin.set`. */
  fault: Fault | null
  get: Effect
  range: Effect
  head: Effect
  /** Operations whose answers do not contain the object's size. */
  sizeUnknown?: readonly ('get' | 'range' | 'head')[]
  /** Its failure is about the request, and says nothing about the origin's health. */
  refusesRequest?: true
  /** It announces more bytes than it sends. */
  overstatesSize?: true
}

/** The same for every operation. */
export function same(effect: Effect): Pick<FaultCase, 'get' | 'range' | 'head'> {
  return { get: effect, range: effect, head: effect }
}

/** For responses with bytes; HEAD is not affected. */
export function body(effect: Effect): Pick<FaultCase, 'get' | 'range' | 'head'> {
  return { get: effect, range: effect, head: 'object' }
}
