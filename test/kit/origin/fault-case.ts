import type { Fault } from './spoil.ts'

/**
 * What a careful reader makes of it: the right bytes, proven absence, a failure (with its code), or a body that
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
  /** Operations whose answers do not tell the object's size. */
  untold?: readonly ('get' | 'range' | 'head')[]
  /** The size that it tells is more than it has. */
  overstates?: true
}

/** The same for every operation. */
export function same(effect: Effect): Pick<FaultCase, 'get' | 'range' | 'head'> {
  return { get: effect, range: effect, head: effect }
}

/** For those that send bytes; HEAD is not touched. */
export function body(effect: Effect): Pick<FaultCase, 'get' | 'range' | 'head'> {
  return { get: effect, range: effect, head: 'object' }
}
