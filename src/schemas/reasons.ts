/** Why what a fallback holds was not compared, or could not be moved. */
export const LEFT_OUT_REASONS = [
  'excluded',
  'not_accepted',
  'invalid_name',
  'too_large',
  'unlistable',
  'failed',
  'prefix',
] as const
export type LeftOutReason = (typeof LEFT_OUT_REASONS)[number]

/** What an operator may accept by name, so that it does not prevent detaching. */
export const ACCEPTABLE = [...LEFT_OUT_REASONS, 'equal_by_size'] as const
export type Acceptable = (typeof ACCEPTABLE)[number]

export const DIFFERENCE_KINDS = [
  'missing',
  'different',
  'extra',
  'changed',
  'left_out',
  'equal_by_size',
] as const
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number]
