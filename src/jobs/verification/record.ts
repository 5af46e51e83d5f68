import type { JobRecord } from '../job-record.ts'
import type { WalkPosition } from '../walk.ts'
import type { Verification } from '../../schemas/job-answers.ts'
import type { Acceptable, LeftOutReason } from '../../schemas/reasons.ts'
import type { Evidence } from './evidence.ts'
import type { Fingerprint } from './store.ts'

export interface VerificationOptions {
  /** `rollback` compares the primary with its mirrors. Records of earlier versions have none: `detach`. */
  direction?: 'detach' | 'rollback'
  /** Only this one of the mirrors. */
  mirror?: string
  prefix: string
  /** Read and compare the bytes too. */
  deep: boolean
  /** Read the primary's objects and compare them with their recorded digests; `deep` does so, too. */
  checkCopies?: boolean | undefined
  /** Copy damaged copies again while a fallback has them. */
  repair?: boolean
  /** The most requests per second to all backends together. */
  maxPerSecond?: number
  /** The reasons that the operator accepts; they do not prevent detaching. */
  accept: readonly Acceptable[]
}

/** The chain that a certificate is about, without secrets. */
export type Configuration = Pick<
  NonNullable<Verification['certificate']>['configuration'],
  'backends' | 'deletes' | 'migration'
>

export type LeftOut = Partial<Record<LeftOutReason, number>>

export const NO_TALLY = {
  compared: 0,
  equal: 0,
  missing: 0,
  different: 0,
  extra: 0,
  changed: 0,
  /** Objects in the primary whose bytes do not match their recorded digest. */
  damaged: 0,
  /** Objects that were to be checked by a recorded digest and have none. */
  unrecorded: 0,
  /** Objects whose bytes were to be checked and could not be read. Records of earlier versions have none. */
  unread: 0,
  tombstoned: 0,
  /** Deleted in the primary, but still on a mirror. Records of earlier versions have none. */
  not_deleted: 0,
  /** Equal objects without a digest or tag in common, so that only the sizes were compared. */
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
  /** Fallbacks that cannot list, so their objects are not compared. */
  unlistable: readonly string[]
  position?: WalkPosition
  /** How many alarms have begun to compare the next name by itself, and did not live to see the end of it. */
  attempts?: number
  /** How many of the next names an alarm has begun to compare together. If it dies before it has, they are compared one by one. */
  oneByOne?: number
  /** In the current pass, or the last one. */
  tally: Tally
  /** Damaged copies that were copied again, in all passes. */
  repaired?: number
  /** All names are compared again until the sources are as they were in the pass before. */
  pass: Pass
  /** Sources whose ETags look like MD5 digests and were found not to be. */
  oddTags: Record<string, number>
  /** How long it waits at its end for mirrors that have not caught up, in a rollback verification. */
  settlesBy?: number
  /** The differences, by id, that are compared again at the end of a rollback verification. */
  again?: { after: number; until: number }
  /** Reasons against detaching that come from other jobs, as of its end. */
  obstacles: string[]
  /** What could no longer be compared, as of its end. */
  gone?: string[]
  /** What else was known at its end. */
  evidence?: Evidence
  /** The deployment that compares. */
  deployment?: string
  /** The chain as it was configured when the verification began. */
  configuration?: Configuration
}

/** One comparison of all names. */
export interface Pass {
  /** From 1. */
  number: number
  /** Before its first request. */
  began?: number
  /** The sources' listings in this pass so far, and in the previous pass. */
  seen: Fingerprint
  before?: Fingerprint
  /** The chain had another configuration during it. */
  reconfigured?: boolean
}
