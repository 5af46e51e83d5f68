/** Why something in a fallback was not compared, or could not be copied, and what the reason means. */
export const LEFT_OUT = {
  excluded: 'names that are filtered out by the fallback’s include or exclude',
  not_accepted: 'names that are refused by the primary’s include, exclude or limits',
  invalid_name: 'names that cannot be served by this API',
  too_large: 'objects that are too large for every writable backend',
  unlistable: 'fallbacks that cannot list: their objects are unknown',
  failed: 'names that a backfill could not copy, or that could not be read on one side',
  prefix: 'all names outside the prefix',
}
export type LeftOutReason = keyof typeof LEFT_OUT
export const LEFT_OUT_REASONS = Object.keys(LEFT_OUT) as LeftOutReason[]

/** The reasons that an operator can accept, so that they do not prevent detaching. */
export const ACCEPTABLE = [...LEFT_OUT_REASONS, 'equal_by_size'] as const
export type Acceptable = (typeof ACCEPTABLE)[number]

/** What a verification proves: that the fallbacks can be detached, or that the mirrors can become the primary again. */
export const DIRECTIONS = ['detach', 'rollback'] as const

export const DIFFERENCE_KINDS = [
  'missing',
  'different',
  'extra',
  'changed',
  'not_deleted',
  'damaged',
  'left_out',
  'equal_by_size',
  'repaired',
] as const
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number]

/** The conditions of a certificate, in words. */
export const CONDITIONS = {
  complete: 'The comparison is complete',
  equal: 'Both sides are equal',
  undamaged: 'No copy is damaged',
  left_out: 'Nothing was left out, except for what was accepted',
  backfills: 'No backfill is open or has failed',
  mirrors: 'The mirrors have followed every change',
  configuration: 'The chain is configured as it was compared',
  dependence: 'No fallback has been needed lately',
  shadow_reads: 'Copies equal their sources when they are read',
  source_changes: 'The sources have not changed since',
}
type ConditionId = keyof typeof CONDITIONS
export const CONDITION_IDS = Object.keys(CONDITIONS) as ConditionId[]

/** What is kept over time. */
export const SERIES = ['reads', 'copies', 'health'] as const
export type SeriesKind = (typeof SERIES)[number]
