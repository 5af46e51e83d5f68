import { firstDirectory } from '../../storage/name.ts'
import type { Step } from '../walk.ts'
import type { Result } from './compare.ts'
import type { VerificationRecord } from './record.ts'
import { type Fingerprint, type VerificationStore, withEntry } from './store.ts'

const CHECKED_AGAIN = ['missing', 'different', 'changed', 'not_deleted'] as const

/** Whether the difference may be a change on its way to a mirror. */
export function isCheckedAgain<D extends { kind: string }>(
  difference: D,
): difference is D & { kind: (typeof CHECKED_AGAIN)[number] } {
  return CHECKED_AGAIN.some((kind) => kind === difference.kind)
}

/** Undoes that a difference was counted. */
export function takeBack(
  { tally }: VerificationRecord,
  store: VerificationStore,
  { id, kind, name }: { id: number; kind: (typeof CHECKED_AGAIN)[number]; name: string },
): void {
  tally.compared--
  tally[kind]--
  store.dropDifference(id)
  store.cover(firstDirectory(name), -1, 0)
}

/** Counts a result, and stores it if the sides differ. */
export function keep(record: VerificationRecord, store: VerificationStore, result: Result): void {
  const { tally, oddTags } = record
  const { kind, name, backend, detail, bySize, oddTag, reason, sameBytes, repaired, isUnrecorded, isUnread } =
    result
  tally.compared++
  if (kind !== 'left_out') tally[kind]++
  if (reason) tally.left_out[reason] = (tally.left_out[reason] ?? 0) + 1
  if (sameBytes !== undefined) store.addRead(sameBytes)
  if (bySize) {
    tally.equal_by_size++
    const why = 'neither side reports more than the size'
    store.addDifference({ kind: 'equal_by_size', name, backend, detail: why })
  }
  if (isUnrecorded) tally.unrecorded++
  if (isUnread) tally.unread++
  if (repaired) {
    record.repaired = (record.repaired ?? 0) + 1
    store.addDifference({ kind: 'repaired', name, backend, detail })
  }
  if (oddTag) oddTags[backend] = (oddTags[backend] ?? 0) + 1
  if (kind !== 'equal' && kind !== 'tombstoned') store.addDifference({ kind, name, backend, detail })
}

/**
 * The fingerprint of the fallbacks' listings, without what mirrors repeat of the others: objects saved in the meantime need no
 * new comparison.
 */
export function seenIn(
  steps: readonly Step[],
  fallbacks: readonly string[],
  before: Fingerprint,
): Fingerprint {
  let seen = before
  for (const { held } of steps) {
    const behind = held.filter(({ backend }) => fallbacks.includes(backend.name))
    for (const { backend, object } of behind)
      if (!backend.mirror || behind.length === held.length) seen = withEntry(seen, backend.name, object)
  }
  return seen
}

/** Counts what is covered in each directory. */
export function addCoverage(store: VerificationStore, results: readonly Result[]): void {
  const held = results.filter(({ held: isHeld }) => isHeld)
  for (const [prefix, own] of Map.groupBy(held, ({ name }) => firstDirectory(name))) {
    const covered = own.filter(({ kind }) => kind === 'equal' || kind === 'tombstoned').length
    store.cover(prefix, own.length, covered)
  }
}
