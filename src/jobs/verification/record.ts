import type { JobRecord } from '../job-record.ts'
import type { WalkPosition } from '../walk.ts'
import type { Acceptable, LeftOutReason } from '../../schemas/reasons.ts'
import type { Fingerprint } from './store.ts'

export interface VerificationOptions {
  prefix: string
  /** Read and compare the bytes too. */
  deep: boolean
  /** What the operator accepts, so that it is no reason against detaching. */
  accept: readonly Acceptable[]
}

export type LeftOut = Partial<Record<LeftOutReason, number>>

export const NO_TALLY = {
  compared: 0,
  equal: 0,
  missing: 0,
  different: 0,
  extra: 0,
  changed: 0,
  tombstoned: 0,
  /** Of the equal ones: the two sides had no digest or tag in common, so only the sizes were compared. */
  equal_by_size: 0,
  /** Names that were not compared, by reason. */
  left_out: {} as LeftOut,
}
export type Tally = typeof NO_TALLY

export interface VerificationRecord extends JobRecord {
  options: VerificationOptions
  status: 'running' | 'completed' | 'cancelled'
  primary: string
  fallbacks: readonly string[]
  /** Fallbacks that cannot list: what they hold is not compared. */
  unlistable: readonly string[]
  position?: WalkPosition
  /** Of the current pass, or the last. */
  tally: Tally
  /** All names are compared again until the sources are as they were in the pass before. */
  pass: Pass
  /** Sources whose ETags look like MD5 digests and were found not to be. */
  oddTags: Record<string, number>
  /** Reasons against detaching from other jobs or the configuration, as it ended. */
  obstacles: string[]
}

/** One comparison of all names. */
export interface Pass {
  /** From 1. */
  number: number
  /** Before its first request. */
  began?: number
  /** What the sources have listed in this pass so far, and in the pass before. */
  seen: Fingerprint
  before?: Fingerprint
}
