import type { Verification } from '../../schemas/job-answers.ts'
import { ACCEPTABLE, type Acceptable } from '../../schemas/reasons.ts'
import { comparedWith } from '../../schemas/compared-with.ts'
import { isoTime } from '../../storage/iso-time.ts'
import type { Unseen } from './evidence.ts'
import type { Configuration, LeftOut, VerificationRecord } from './record.ts'

/** A condition of a certificate, and why it prevents detaching or rolling back. */
type Condition = Verification['conditions'][number] & { reasons: string[] }

/** A fallback that was not needed for so long will probably not be missed. */
const QUIET_DAYS = 7

/** All conditions, in the order in which they are read. Those that decide have reasons if they are not met. */
export function conditionsOf(record: VerificationRecord, current: Configuration): Condition[] {
  return [
    complete(record),
    equal(record),
    undamaged(record),
    leftOut(record),
    otherJobs(record),
    configuration(record, current),
    ...(isRollback(record)
      ? []
      : [dependence(record), shadowReads(record), sourceChanges(record), ...mirrors(record)]),
  ]
}

function isRollback({ options }: VerificationRecord): boolean {
  return options.direction === 'rollback'
}

/** What everything should be in, or in a rollback verification its mirrors. */
function targetOf(record: VerificationRecord): string {
  return (isRollback(record) ? record.fallbacks : comparedWith(record)).join(', ')
}

interface Details {
  reasons?: string[]
  /** By default, it is met if nothing is a reason against it. */
  met?: boolean | null
  /** `false`: it was not looked at. */
  isKnown?: boolean
  /** Whether it decides if it is safe, or only advises. Default: it decides. */
  decides?: boolean
  seen: string
  /** What to do unless it is met. */
  next: string
}

function condition(
  { evidence, finished }: VerificationRecord,
  id: Condition['id'],
  { reasons = [], met = reasons.length === 0, isKnown = true, decides = true, seen, next }: Details,
): Condition {
  const isMet = met && !isKnown ? null : met
  const at = isoTime(evidence?.at ?? finished ?? null)
  return { id, met: isMet, decides, seen, at, next: isMet ? null : next, reasons }
}

function complete(record: VerificationRecord): Condition {
  const { status, pass, tally, fallbacks, unlistable, options } = record
  const isDone = status === 'completed'
  const listed = [...comparedWith(record), ...fallbacks].filter((name) => !unlistable.includes(name))
  const part = options.prefix === '' ? '' : ` that begin with "${options.prefix}"`
  return condition(record, 'complete', {
    reasons: isDone ? [] : [`the verification is ${status}`],
    seen: isDone
      ? `All names of ${new Intl.ListFormat('en-GB').format(listed)}${part} were listed, ${times(pass.number)}: the last time as of ${inWords(pass.began)}.`
      : `The verification is ${status}; ${objects(tally.compared)} compared.`,
    next: status === 'running' ? 'Wait until it has ended.' : 'Start another verification.',
  })
}

function equal(record: VerificationRecord): Condition {
  const { primary, tally } = record
  const target = targetOf(record)
  const { missing, different, changed, not_deleted: notDeleted } = tally
  const reasons = [
    ...(missing > 0 ? [`${areObjects(missing)} missing from ${target}`] : []),
    ...(different > 0 ? [`${areObjects(different)} different`] : []),
    ...(changed > 0
      ? [
          `${areObjects(changed)} changed ${isRollback(record) ? `in ${primary}` : 'at the source'} since the copy`,
        ]
      : []),
    ...(notDeleted > 0 ? [`${areObjects(notDeleted)} deleted in ${primary}, but not on a mirror`] : []),
  ]
  return condition(record, 'equal', {
    reasons,
    seen:
      `Of ${objects(tally.compared)}, ${inDigits(tally.equal)} are equal, ${inDigits(tally.tombstoned)} are deleted in ${primary}, ` +
      `${inDigits(missing)} are missing from ${target}, ${inDigits(different)} differ, and ${inDigits(changed)} have changed since they were copied.`,
    next: isRollback(record)
      ? 'Run a resync of the mirror, then verify again. Not right after a flip: a resync would overwrite the changes that had not been mirrored.'
      : 'Look at the differences. A backfill copies what is missing; what was saved on purpose must be decided name by name. Then verify again.',
  })
}

function undamaged(record: VerificationRecord): Condition {
  const { tally, options, repaired = 0 } = record
  const { damaged, unrecorded, unread } = tally
  const holder = targetOf(record)
  const isRead = options.checkCopies ?? options.deep
  const unchecked = `${objects(unrecorded)} without a recorded digest: their bytes were not checked.`
  return condition(record, 'undamaged', {
    isKnown: isRead && unrecorded + unread === 0,
    reasons: damaged > 0 ? [`${areObjects(damaged)} damaged in ${holder}`] : [],
    seen: isRead
      ? `The objects in ${holder} were read and compared with the digests that were recorded with them: ${inDigits(damaged)} are damaged, and ${inDigits(repaired)} were copied again.` +
        (unrecorded > 0 ? ` ${unchecked}` : '') +
        (unread > 0 ? ` ${objects(unread)} could not be read.` : '')
      : 'Not looked at: no bytes were read.',
    next: damageAdvice(record),
  })
}

function damageAdvice({ tally, options }: VerificationRecord): string {
  const { direction = 'detach', deep, checkCopies = deep } = options
  if (tally.damaged > 0) return DAMAGE_ADVICE[direction].damaged
  if (!checkCopies) return DAMAGE_ADVICE[direction].unread
  if (tally.unread > 0)
    return 'Look at the differences with kind left_out, and verify again once these objects can be read.'
  return deep
    ? 'Without a recorded digest, they can only be compared with a source that has them and can be read.'
    : 'Verify with deep to compare their bytes with those of the fallbacks.'
}

const DAMAGE_ADVICE = {
  detach: {
    damaged:
      'Verify with repair (FALLBACK_REPAIR = "repair" for the nightly verification), or restore them from a mirror, a prior version or a backup.',
    unread: 'Verify with check_copies or deep.',
  },
  rollback: {
    damaged: 'Delete them in the mirror itself and run a resync, which copies them again; then verify again.',
    unread: 'Verify with deep.',
  },
}

function leftOut(record: VerificationRecord): Condition {
  const counts = countsOf(record)
  const countOf = (reason: Acceptable): number => counts[reason] ?? 0
  const found = ACCEPTABLE.filter(countOf)
  const open = found.filter((reason) => !record.options.accept.includes(reason))
  return condition(record, 'left_out', {
    reasons: open.flatMap((reason) => EXPLAINED[reason](countOf(reason), record)),
    seen:
      found.length === 0
        ? 'Nothing was left out.'
        : `${found.map((reason) => `${reason}: ${inDigits(countOf(reason))}, ${open.includes(reason) ? 'not accepted' : 'accepted'}`).join('; ')}.`,
    next: `Verify with accept: ${open.join(', ')}, if these are not needed; or see that they can be compared.`,
  })
}

/** Backfills, or in a rollback verification resyncs and what mirrors still have to follow. */
function otherJobs(record: VerificationRecord): Condition {
  const { obstacles } = record
  const none = isRollback(record)
    ? 'No change is pending on a mirror, none has failed, and no resync is open.'
    : 'No backfill is open, and none has failures that are neither retried nor accepted.'
  return condition(record, isRollback(record) ? 'mirrors' : 'backfills', {
    reasons: obstacles,
    seen: obstacles.length === 0 ? none : `${obstacles.join('; ')}.`,
    next: isRollback(record)
      ? 'Wait until the mirrors have caught up, then verify again.'
      : 'Wait until backfills have ended, and retry what failed; then verify again.',
  })
}

function configuration(record: VerificationRecord, current: Configuration): Condition {
  const { gone = [], configuration: compared, fallbacks, pass } = record
  const other = [
    ...(compared && !isSameConfiguration(compared, current)
      ? ['the chain has another configuration now than the one that was compared']
      : []),
    ...(pass.reconfigured ? ['the chain had another configuration while it was compared'] : []),
  ]
  return condition(record, 'configuration', {
    isKnown: compared !== undefined,
    reasons: [
      ...gone,
      ...(!compared && record.status === 'completed'
        ? ['an earlier version of this software has compared, which checked less']
        : []),
      ...other,
    ],
    seen: !compared
      ? 'Not looked at: an earlier version of this software has compared.'
      : other.length === 0
        ? `The chain is configured as it was compared: ${[...comparedWith(record), ...fallbacks].join(', ')}.`
        : 'The certificate is about another configuration than the present one, or about several.',
    next: 'Verify again with the present configuration.',
  })
}

export function isSameConfiguration(one: Configuration, other: Configuration | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function dependence(record: VerificationRecord): Condition {
  const known = record.evidence?.dependence ?? NOTHING_GATHERED
  if ('unseen' in known)
    return condition(record, 'dependence', {
      decides: false,
      met: null,
      seen: notLookedAt(known),
      next: 'Bind the Durable Object class TimeSeries as TIME_SERIES, and wait until reads have been counted.',
    })
  const own = record.fallbacks.map((name) => known.fallbacks.find((one) => one.name === name))
  const isKnown = own.every((one) => one !== undefined && one.quiet_days !== null)
  const isQuiet = own.every((one) => (one?.quiet_days ?? 0) >= QUIET_DAYS)
  const sentences = own
    .filter((one) => one !== undefined)
    .map(({ name, reads, last_read: last }) =>
      last
        ? `${name} answered ${reads.week === 1 ? '1 read' : `${inDigits(reads.week)} reads`} in the last week, and the last one at ${inWords(Date.parse(last.at))}.`
        : `${name} has answered no read since counting began.`,
    )
  return condition(record, 'dependence', {
    decides: false,
    met: isKnown ? isQuiet : null,
    seen: `${sentences.join(' ')} ${known.counted_since === null ? 'Nothing has been counted yet.' : `Counted since ${inWords(Date.parse(known.counted_since))}.`}`.trim(),
    next: `Wait until no fallback has answered a read for ${QUIET_DAYS} days: GET dependence says which folders still need it.`,
  })
}

function shadowReads(record: VerificationRecord): Condition {
  const known = record.evidence?.dependence ?? NOTHING_GATHERED
  const isUnseen = 'unseen' in known
  if (isUnseen || known.shadowed === 0)
    return condition(record, 'shadow_reads', {
      isKnown: false,
      seen: isUnseen
        ? notLookedAt(known)
        : `Not looked at: no copy was compared with its source when it was read (FALLBACK_SHADOW_PERCENT is ${known.shadow_percent}).`,
      next: 'Set FALLBACK_SHADOW_PERCENT, e.g. to 1, to compare some copies with their sources when they are read.',
    })
  const { shadowed, mismatched, lastMismatch } = known
  const isLater = lastMismatch !== null && Date.parse(lastMismatch) >= (record.pass.began ?? 0)
  const last = lastMismatch === null ? '' : `, the last one at ${inWords(Date.parse(lastMismatch))}`
  return condition(record, 'shadow_reads', {
    reasons: isLater
      ? [
          `a copy was found to differ from its source at ${inWords(Date.parse(lastMismatch))}, after it was compared`,
        ]
      : [],
    seen: `Of ${inDigits(shadowed)} copies that were compared with their source when they were read in the last week, ${inDigits(mismatched)} differed${last}.`,
    next: 'Look at the mismatches in GET dependence, then verify again.',
  })
}

function sourceChanges(record: VerificationRecord): Condition {
  const known = record.evidence?.sources ?? NOTHING_GATHERED
  const began = record.pass.began ?? 0
  const isUnseen = 'unseen' in known
  const sources = isUnseen
    ? []
    : Object.entries(known.statuses).filter(([name]) => record.fallbacks.includes(name))
  if (isUnseen || (sources.length === 0 && known.conflicts === 0))
    return condition(record, 'source_changes', {
      isKnown: false,
      seen: isUnseen
        ? notLookedAt(known)
        : 'Not looked at: no fallback has sent an event, so a change there after the comparison would not be noticed.',
      next: 'If the fallbacks are still written to, let them send events (POST events/{backend}), or stop the writes before you detach them.',
    })
  // The source's clock may be ahead.
  const changed = sources.filter(
    ([, { lastEvent, lastReceived }]) => Math.min(lastEvent ?? 0, lastReceived ?? 0) >= began,
  )
  const isConflicting = known.lastConflict !== null && known.lastConflict >= began
  return condition(record, 'source_changes', {
    reasons: [
      ...changed.map(([name]) => `${name} has changed since the last pass of the comparison began`),
      ...(isConflicting
        ? ['a saved object was found to differ from its source after the comparison began']
        : []),
    ],
    seen: [
      ...sources.map(([name, { lastEvent, lag }]) => {
        const behind = lag
          ? `, and was followed ${seconds(lag.last)} later (95 % within ${seconds(lag.p95)})`
          : ''
        return `The last event of ${name} was of ${inWords(lastEvent ?? undefined)}${behind}.`
      }),
      `Conflicts, objects that were saved in the primary and differ from their source: ${inDigits(known.conflicts)}.`,
    ].join(' '),
    next: 'See that nothing writes to the fallbacks any more, decide the conflicts (GET conflicts), and verify again.',
  })
}

/** Of a verification that does not compare them as such: only whether there is a way back. */
function mirrors(record: VerificationRecord): Condition[] {
  const known = record.evidence?.mirrors ?? []
  const next =
    'Wait until the mirrors have caught up (GET mirrors), or verify the way back with direction "rollback".'
  const advice = { decides: false, next }
  if ('unseen' in known)
    return [condition(record, 'mirrors', { ...advice, met: null, seen: notLookedAt(known) })]
  if (known.length === 0) return []
  const met = known.every(({ pending }) => pending === 0)
  const seen = known.map(
    ({ mirror, pending, failed }) =>
      `${mirror} has ${inDigits(pending)} pending changes, of which ${inDigits(failed)} have failed.`,
  )
  return [condition(record, 'mirrors', { ...advice, met, seen: seen.join(' ') })]
}

const NOTHING_GATHERED: Unseen = {
  unseen: 'the comparison has not ended, or an earlier version of this software made it',
}

function notLookedAt({ unseen }: Unseen): string {
  return `Not looked at: ${unseen}.`
}

/** How many names were left out, by reason; also counts fallbacks that cannot list, and a prefix. */
export function leftOutOf({ tally, unlistable, options }: VerificationRecord): LeftOut {
  return {
    ...tally.left_out,
    ...(unlistable.length > 0 && { unlistable: unlistable.length }),
    ...(options.prefix !== '' && { prefix: 1 }),
  }
}

/** Counts of everything that an operator may accept. */
export function countsOf(record: VerificationRecord): Partial<Record<Acceptable, number>> {
  return { ...leftOutOf(record), equal_by_size: record.tally.equal_by_size }
}

const EXPLAINED: Record<Acceptable, (count: number, record: VerificationRecord) => string[]> = {
  excluded: (count) => [`${areObjects(count)} left out by a fallback's include or exclude (excluded)`],
  not_accepted: (count, record) => [
    `${areObjects(count)} refused by ${targetOf(record)}'s include, exclude or limits on names (not_accepted)`,
  ],
  invalid_name: (count) => [`${areObjects(count)} under names that cannot be served (invalid_name)`],
  too_large: (count) => [`${areObjects(count)} too large to be copied (too_large)`],
  unlistable: (_, { unlistable }) =>
    unlistable.map((backend) => `${backend} cannot list, so its objects are unknown`),
  failed: (count) => [`${areObjects(count)} not copied by a backfill, or unreadable on one side (failed)`],
  prefix: (_, { options }) => [`only names that begin with "${options.prefix}" were compared`],
  equal_by_size: (count) => [
    `${areObjects(count)} compared by nothing but size (equal_by_size): use deep, or accept it`,
  ],
}

function areObjects(count: number): string {
  return count === 1 ? '1 object is' : `${inDigits(count)} objects are`
}

function objects(count: number): string {
  return count === 1 ? '1 object' : `${inDigits(count)} objects`
}

function inDigits(count: number): string {
  return count.toLocaleString('en')
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`
}

/** A time in a sentence. */
function inWords(ms: number | undefined): string {
  return (
    isoTime(ms ?? null)
      ?.replace('T', ' ')
      .replace(/:\d\d\.\d+Z$/, ' UTC') ?? 'an unknown time'
  )
}
