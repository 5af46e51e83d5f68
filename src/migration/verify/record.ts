import type { Waiting } from '../backfill/record.ts'
import type { WalkPosition } from '../walk.ts'

export interface VerificationOptions {
  prefix: string
  /** Read and compare the bytes too. */
  deep: boolean
}

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
  tally: Tally
  /** Sources whose ETags look like MD5 digests and were found not to be. */
  oddTags: Record<string, number>
  waiting?: Waiting
  /** What other jobs stood in the way when it ended. */
  obstacles: string[]
  started: number
  updated: number
  finished?: number
}

/** What is known of all names that share their first directory. */
export interface PrefixCoverage {
  prefix: string
  /** Names that the fallbacks hold. */
  objects: number
  /** Of those, the ones that the primary holds equally, or deleted. */
  covered: number
  coverage: number
}

export interface VerificationJson extends Tally {
  id: string
  state: 'running' | 'completed' | 'cancelled'
  prefix: string
  deep: boolean
  primary: string
  fallbacks: readonly string[]
  /** Of the names that fallbacks hold, the part that the primary holds equally, or deleted. */
  coverage: number
  prefixes: PrefixCoverage[]
  safe_to_detach: boolean
  reasons: string[]
  waiting: { backend: string; error: string; detail: string; until: string } | null
  started: string
  updated: string
  finished: string | null
}
