import type { FaultCase } from '../kit/origin/fault-case.ts'

export type Position = 'first' | 'middle' | 'last'

/** A backend of a chain in which one has a fault. */
export interface Member {
  name: string
  type: 'r2' | 'kv' | 'http'
  /** What it has under the name; the faulty one has the object, subject to its fault. */
  holds: 'nothing' | 'in case of elsewhere' | 'with a fault'
}

const old: Member = { name: 'old', type: 'http', holds: 'with a fault' }

/** The position of the faulty web server. No backend comes after the last one, so no other can have the object then. */
export const CHAINS: Readonly<Record<Position, readonly Member[]>> = {
  first: [old, { name: 'media', type: 'r2', holds: 'in case of elsewhere' }],
  middle: [
    { name: 'media', type: 'r2', holds: 'nothing' },
    old,
    { name: 'spare', type: 'http', holds: 'in case of elsewhere' },
  ],
  last: [
    { name: 'media', type: 'r2', holds: 'nothing' },
    { name: 'media_kv', type: 'kv', holds: 'nothing' },
    old,
  ],
}

export const OPERATIONS = ['get', 'range', 'head', 'exists', 'size', 'list'] as const
export type Operation = (typeof OPERATIONS)[number]

export interface Situation {
  position: Position
  migrating: boolean
  /** Whether a backend behind the faulty one has the same object. */
  elsewhere: boolean
}

export interface Case extends Situation {
  fault: FaultCase
  operation: Operation
}

/** Whether there can be an object elsewhere. */
export function variants(position: Position): boolean[] {
  return CHAINS[position].at(-1)?.holds === 'with a fault' ? [false] : [false, true]
}
