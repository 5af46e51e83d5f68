import pLimit from 'p-limit'
import type { ListableBackend } from '../../storage/backend.ts'
import type { Step, Walk } from '../walk.ts'
import { examine, type ExamineOptions, type Finding } from './examine.ts'
import { type Fingerprint, withEntry } from './fingerprint.ts'
import type { VerificationLedger } from './ledger.ts'
import type { VerificationRecord } from './record.ts'

/** Names whose bytes are read at the same time, from both sides. */
const DEEP_CONCURRENCY = 2
/** After so many names a source's ETags are not taken for digests any more. */
const MAX_ODD_TAGS = 3

/** So many names; fewer at the end. */
export async function take(walk: Walk, limit: number): Promise<Step[]> {
  const steps: Step[] = []
  while (steps.length < limit) {
    const step = walk.take()
    if (step) steps.push(step)
    else if (walk.ended) break
    else await walk.ask()
  }
  return steps
}

/** What the names turned out to be. */
export async function examineAll(
  steps: readonly Step[],
  { options, oddTags }: VerificationRecord,
  given: Pick<ExamineOptions, 'chain' | 'primary' | 'wasRead' | 'failureOf'>,
): Promise<Finding[]> {
  const limit = pLimit(DEEP_CONCURRENCY)
  const trustTags = (backend: string): boolean => (oddTags[backend] ?? 0) < MAX_ODD_TAGS
  const work = (step: Step) => examine(step, { ...given, deep: options.deep, trustTags })
  const findings = await Promise.all(steps.map((step) => limit(work, step)))
  return findings.filter((finding) => finding !== null)
}

/** Counts a finding, and writes it down where it differs. */
export function keep(
  { tally, oddTags }: VerificationRecord,
  ledger: VerificationLedger,
  finding: Finding,
): void {
  const { kind, name, backend, detail, bySize, oddTag, reason, sameBytes } = finding
  tally.compared++
  if (kind !== 'left_out') tally[kind]++
  if (reason) tally.left_out[reason] = (tally.left_out[reason] ?? 0) + 1
  if (sameBytes !== undefined) ledger.addRead(sameBytes)
  if (bySize) {
    tally.equal_by_size++
    const why = 'neither side reports more than the size'
    ledger.addDifference({ kind: 'equal_by_size', name, backend, detail: why })
  }
  if (oddTag) oddTags[backend] = (oddTags[backend] ?? 0) + 1
  if (kind !== 'equal' && kind !== 'tombstoned') ledger.addDifference({ kind, name, backend, detail })
}

/** The fingerprint of what the sources hold. The primary is left out: what is saved there meanwhile is no reason to compare again. */
export function seenIn(steps: readonly Step[], primary: ListableBackend, before: Fingerprint): Fingerprint {
  let seen = before
  for (const { backend, object } of steps.flatMap(({ held }) => held))
    if (backend !== primary) seen = withEntry(seen, backend.name, object)
  return seen
}

/** Counts what is covered in each directory. */
export function coverAll(ledger: VerificationLedger, findings: readonly Finding[]): void {
  const held = findings.filter((finding) => finding.held)
  for (const [prefix, own] of Map.groupBy(held, ({ name }) => firstDirectory(name))) {
    const covered = own.filter(({ kind }) => kind === 'equal' || kind === 'tombstoned').length
    ledger.cover(prefix, own.length, covered)
  }
}

/** Up to and with the first slash; empty for names without one. */
function firstDirectory(name: string): string {
  return name.slice(0, name.indexOf('/') + 1)
}
