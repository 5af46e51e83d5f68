import { expect, it } from 'vitest'
import { createRandom } from '../kit/random.ts'
import { sized } from '../kit/sample.ts'
import type { Backfill, BackfillFailure } from '../../src/schemas/job-answers.ts'
import { failuresOf, status, verified, withBackfill } from './jobs.ts'
import { accepts, backendOf, crc32, INVALID, plant, type Side, sideOf } from './planted.ts'

const SEED = 20_261_125
const CASES = sized(400, 80)
const REASONS = [
  'excluded',
  'not_accepted',
  'invalid_name',
  'too_large',
  'unlistable',
  'failed',
  'prefix',
  'equal_by_size',
] as const
type Reason = (typeof REASONS)[number]

type Truth = Reason | 'missing' | 'different' | 'damaged' | 'equal' | 'tombstoned'

/** The expected classification of one name, from the stores' contents and not from any listing. */
function truthOf(
  name: string,
  [primary, ...fallbacks]: readonly [Side, ...Side[]],
  { deep, checkCopies }: Pick<Plan, 'deep' | 'checkCopies'>,
  failed: ReadonlySet<string>,
): Truth | undefined {
  const reads = deep || checkCopies
  const holders = fallbacks.filter((side) => side.lists && side.store.objects.has(name))
  const source = holders.find((side) => accepts(side, name)) ?? holders[0]
  const own = accepts(primary, name) ? primary.store.objects.get(name) : undefined
  if (!source) return own && !own.info.deleted && reads ? readingOf(primary, name, undefined) : undefined
  if (INVALID.includes(name)) return 'invalid_name'
  const isServed = accepts(source, name)
  const other = source.store.objects.get(name)
  if (own?.info.deleted) return 'tombstoned'
  if (!isServed && !own) return 'excluded'
  if (!accepts(primary, name)) return 'not_accepted'
  if (!own || !other) return failed.has(name) ? 'failed' : 'missing'
  if (own.bytes.length !== other.bytes.length) return 'different'
  const provenance = primary.terse ? undefined : own.info.provenance
  const isCopy = provenance?.backend === source.store.name
  if (isCopy && provenance.modified?.getTime() !== other.info.modified?.getTime()) return 'different'
  const listed = isCopy || own.bytes.length === 0 ? 'equal' : 'equal_by_size'
  if (deep && !isServed && listed === 'equal_by_size') return 'excluded'
  const read = reads ? readingOf(primary, name, isServed ? source : undefined) : undefined
  if (read) return read
  if (!deep || !isServed) return listed
  if (source.unreadable.has(name)) return 'failed'
  return sameBytes(own.bytes, other.bytes) ? 'equal' : 'different'
}

/** What reading the primary's object shows; nothing if its bytes are those that were recorded, or those of the source. */
function readingOf(primary: Side, name: string, source: Side | undefined): 'failed' | 'damaged' | undefined {
  if (primary.unreadable.has(name)) return 'failed'
  const own = primary.store.objects.get(name)
  const other = source?.unreadable.has(name) ? undefined : source?.store.objects.get(name)
  if (!own?.info.digests || own.info.digests.crc32 === crc32(own.bytes)) return undefined
  return other && sameBytes(own.bytes, other.bytes) ? undefined : 'damaged'
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

interface Plan {
  deep: boolean
  checkCopies: boolean
  prefix: string
  failures: readonly BackfillFailure[]
}

function countTruths(sides: readonly [Side, ...Side[]], plan: Plan) {
  const { prefix, failures } = plan
  const [, ...fallbacks] = sides
  const failed = new Set(failures.map(({ name }) => name))
  const names = new Set(sides.flatMap(({ store }) => [...store.objects.keys()]))
  const counts: Partial<Record<Truth, number>> = {}
  const add = (truth: Truth, by = 1): void => void (counts[truth] = (counts[truth] ?? 0) + by)
  for (const name of names) {
    const truth = name.startsWith(prefix) ? truthOf(name, sides, plan, failed) : undefined
    if (truth) add(truth)
  }
  for (const side of fallbacks) if (!side.lists) add('unlistable')
  if (prefix !== '') add('prefix')
  return counts
}

/** The result of a backfill of these backends, and its failures. */
async function backfilled(
  sides: readonly Side[],
): Promise<{ backfills: Backfill[]; failures: BackfillFailure[] }> {
  let ended: { backfills: Backfill[]; failures: BackfillFailure[] } = { backfills: [], failures: [] }
  const backends = sides.map(backendOf)
  const listing = backends.slice(1).filter(({ list }) => list !== undefined)
  await withBackfill(backends, { backends: listing.map(({ name }) => name) }, async ({ job, drive }) => {
    await drive()
    ended = { backfills: [status(job)], failures: failuresOf(job) }
  })
  return ended
}

const REASON_OF: Partial<Record<string, Reason>> = { invalid: 'invalid_name', 'too-large': 'too_large' }

async function tryOne(seed: number): Promise<{ safe: boolean; failures: number; damaged: number }> {
  const random = createRandom(seed).next
  const sides = Array.from({ length: 2 + Math.floor(random() * 3) }, (_, index) =>
    sideOf(random, `b${index}`),
  )
  const [primary, ...fallbacks] = sides
  if (!primary) throw new Error('no primary')
  plant(random, primary, fallbacks)
  const deep = random() < 0.4
  const checkCopies = random() < 0.4
  const prefix = random() < 0.1 ? 'b/' : ''
  const done = random() < 0.5 ? await backfilled(sides) : { backfills: [], failures: [] }
  // After failures, most reasons are accepted, or hardly any case would be safe.
  const accepted = done.failures.length > 0 ? 0.95 : 0.6
  const accept = random() < 0.5 ? REASONS.filter(() => random() < accepted) : []
  const result = await verified(sides.map(backendOf), { ...done, deep, checkCopies, prefix, accept })
  const unaccepted = done.failures.filter(({ error }) => !accept.includes(REASON_OF[error] ?? 'failed'))

  const {
    equal = 0,
    equal_by_size,
    missing,
    different,
    damaged,
    tombstoned,
    ...leftOut
  } = countTruths([primary, ...fallbacks], {
    deep,
    checkCopies,
    prefix,
    failures: done.failures,
  })
  const unsafe = [
    unaccepted.length,
    missing,
    different,
    damaged,
    accept.includes('equal_by_size') ? 0 : equal_by_size,
    ...Object.entries(leftOut).map(([reason, count]) => (accept.includes(reason as Reason) ? 0 : count)),
  ].filter((count = 0) => count > 0)
  const label = `seed ${seed}: ${JSON.stringify({ deep, checkCopies, prefix, accept, reasons: result.reasons })}`
  expect(
    {
      state: result.state,
      safe_to_detach: result.safe_to_detach,
      equal: result.equal,
      equal_by_size: result.equal_by_size,
      missing: result.missing,
      different: result.different + result.changed,
      damaged: result.damaged,
      tombstoned: result.tombstoned,
      left_out: result.left_out,
      hasReasons: result.reasons.length > 0,
    },
    label,
  ).toEqual({
    state: 'completed',
    safe_to_detach: unsafe.length === 0,
    equal: equal + (equal_by_size ?? 0),
    equal_by_size: equal_by_size ?? 0,
    missing: missing ?? 0,
    different: different ?? 0,
    damaged: damaged ?? 0,
    tombstoned: tombstoned ?? 0,
    left_out: leftOut,
    hasReasons: unsafe.length > 0,
  })
  return { safe: result.safe_to_detach, failures: done.failures.length, damaged: result.damaged }
}

it('is safe exactly if nothing is missing, different or damaged except what was accepted', async () => {
  let safe = 0
  let safeWithFailures = 0
  let damaged = 0
  for (let index = 0; index < CASES; index++) {
    const result = await tryOne(SEED + index)
    if (result.safe) safe++
    damaged += result.damaged
    if (result.safe && result.failures > 0) safeWithFailures++
  }
  // Both results must occur, or nothing was tested.
  expect(safe).toBeGreaterThan(CASES / 10)
  expect(safe).toBeLessThan((CASES * 9) / 10)
  expect(safeWithFailures).toBeGreaterThan(0)
  expect(damaged).toBeGreaterThan(0)
}, 60_000)
