import type { Verification } from '../../schemas/job-answers.ts'
import type { Waiting } from '../backfill/record.ts'
import type { WalkPosition } from '../walk.ts'
import type { Fingerprint } from './fingerprint.ts'
import type { Acceptable, LeftOutReason } from './left-out.ts'

export interface VerificationOptions {
  prefix: string
  /** Read and compare the bytes too. */
  deep: boolean
  /** What is not in the way of detaching, by the operator's word. */
  accept: readonly Acceptable[]
}

export type LeftOut = Partial<Record<LeftOutReason, number>>

export interface Tally {
  compared: number
  equal: number
  missing: number
  different: number
  extra: number
  changed: number
  tombstoned: number
  /** Of the equal ones: neither side told a digest or tag that the other has, so only the sizes were compared. */
  equal_by_size: number
  /** Names that were not compared, by reason. */
  left_out: LeftOut
}

export const NO_TALLY: Tally = {
  compared: 0,
  equal: 0,
  missing: 0,
  different: 0,
  extra: 0,
  changed: 0,
  tombstoned: 0,
  equal_by_size: 0,
  left_out: {},
}

export interface VerificationRecord {
  id: string
  options: VerificationOptions
  status: 'running' | 'completed' | 'cancelled'
  primary: string
  fallbacks: readonly string[]
  /** Fallbacks that cannot list: nothing is proved of what they hold. */
  unlistable: readonly string[]
  position?: WalkPosition
  /** Of the current pass, or the last. */
  tally: Tally
  /** All names are compared anew until a pass meets the same at the sources as the one before it. */
  pass: Pass
  /** Sources whose ETags look like MD5 digests and were found not to be. */
  oddTags: Record<string, number>
  waiting?: Waiting
  /** What other jobs stood in the way when it ended. */
  obstacles: string[]
  started: number
  updated: number
  finished?: number
}

/** One comparison of all names. */
export interface Pass {
  /** From 1; 0 for a verification by an earlier version, which compared once. */
  number: number
  /** Before its first listing was asked for. */
  began?: number
  /** What the sources listed in this pass so far, and in the pass before it. */
  seen: Fingerprint
  before?: Fingerprint
}

/** What is known of all names that share their first directory. */
export type PrefixCoverage = Verification['prefixes'][number]

/** The job as the API answers it. */
export type VerificationJson = Verification
