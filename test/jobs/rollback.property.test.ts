import { expect, it } from 'vitest'
import { attributesOfCopy } from '../../src/migration/copy-result.ts'
import type { ListableBackend } from '../../src/storage/backend.ts'
import { bytesOf } from '../kit/fakes.ts'
import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import { createRandom } from '../kit/random.ts'
import { sized } from '../kit/sample.ts'
import { verified, withBackfill } from './jobs.ts'
import { type Mirror, mirrorOf, mirrorOne, TOMBSTONE } from './sides.ts'

const SEED = 20_261_128
const CASES = sized(400, 40)
const LATER = new Date('2030-01-01T00:00:00Z')

type Kind = 'equal' | 'missing' | 'different' | 'changed' | 'not_deleted' | 'extra'

interface Sides {
  primary: MemoryBackend
  mirror: Mirror
}

/** What may have become of a name that was mirrored, and what a verification finds then; `null`: nothing. */
const ACCIDENTS: { found: Kind | null; plant: (sides: Sides, name: string) => Promise<unknown> }[] = [
  { found: 'missing', plant: ({ mirror }, name) => mirror.delete(name) },
  { found: 'different', plant: ({ mirror }, name) => mirror.put(name, bytesOf('OTHER bytes')) },
  { found: 'different', plant: ({ mirror }, name) => mirror.put(name, bytesOf('of another size')) },
  {
    found: 'different',
    plant: async ({ primary, mirror }, name) => {
      const info = attributesOfCopy({ ...primary.objects.get(name)!.info, contentType: 'text/odd' })
      await mirror.put(name, bytesOf('these bytes'), { info })
    },
  },
  {
    found: 'changed',
    plant: ({ primary }, name) =>
      primary.put(name, bytesOf('newer bytes'), { info: { contentType: 'text/plain', modified: LATER } }),
  },
  {
    found: 'missing',
    plant: ({ mirror }, name) => mirror.put(name, new Uint8Array(0), TOMBSTONE),
  },
  { found: 'not_deleted', plant: ({ primary }, name) => primary.put(name, new Uint8Array(0), TOMBSTONE) },
  {
    found: null,
    plant: async ({ primary, mirror }, name) => {
      await primary.put(name, new Uint8Array(0), TOMBSTONE)
      await mirror.delete(name)
    },
  },
  { found: 'extra', plant: ({ primary }, name) => primary.delete(name) },
]

/** Half of the names were stored in the primary and mirrored, the others were copied from the mirror. */
async function fillBoth({ primary, mirror }: Sides, name: string, isOriginal: boolean): Promise<void> {
  const [from, to] = isOriginal ? [primary, mirror] : [mirror, primary]
  await from.put(name, bytesOf('these bytes'), { info: { contentType: 'text/plain' } })
  await mirrorOne(from, to, name)
}

/** Lists neither digests nor what copies say about themselves, as S3. */
function terse(mirror: Mirror): ListableBackend {
  return {
    ...mirror,
    async list(options) {
      const page = await mirror.list(options)
      const objects = page.objects.map(({ name, backend, size, modified, deleted }) => ({
        name,
        backend,
        ...(size !== undefined && { size }),
        ...(modified && { modified }),
        ...(deleted && { deleted }),
      }))
      return { ...page, objects }
    },
  }
}

it('finds each planted difference, is safe exactly without one, and after a resync', async () => {
  let safe = 0
  for (let index = 0; index < CASES; index++) {
    const random = createRandom(SEED + index).next
    const sides: Sides = { primary: memoryBackend('primary', { pageSize: 2 }), mirror: mirrorOf('legacy') }
    const expected: Record<Kind, string[]> = {
      equal: [],
      missing: [],
      different: [],
      changed: [],
      not_deleted: [],
      extra: [],
    }
    const trouble = random() < 0.5 ? 0.4 : 0
    for (let number = 0; number < 1 + random() * 8; number++) {
      const name = `${random() < 0.5 ? 'a/' : ''}${number}`
      const isOriginal = random() < 0.5
      await fillBoth(sides, name, isOriginal)
      const accident = random() < trouble ? ACCIDENTS[Math.floor(random() * ACCIDENTS.length)] : undefined
      await accident?.plant(sides, name)
      // Nothing at the mirror says that an object of its own is older.
      const isOwn = accident?.found === 'changed' && !isOriginal
      const found = isOwn ? 'different' : accident ? accident.found : 'equal'
      if (found) expected[found].push(name)
    }
    const deep = random() < 0.3
    const pending = random() < 0.2 ? 1 : 0
    const mirror = random() < 0.5 ? terse(sides.mirror) : sides.mirror
    const options = {
      direction: 'rollback',
      deep,
      states: () => [{ mirror: 'legacy', pending, failed: 0 }],
    } as const
    const result = await verified([sides.primary, mirror], options)
    const counts = Object.entries(expected).map(([kind, names]) => [kind, names.length] as const)
    const isEqual = counts.every(([kind, count]) => ['equal', 'extra'].includes(kind) || count === 0)
    const label = `seed ${SEED + index}: ${JSON.stringify({ deep, pending, expected, all: result.all })}`
    expect(result, label).toMatchObject({
      ...Object.fromEntries(counts),
      safe_to_roll_back: isEqual && pending === 0,
      safe_to_detach: false,
    })
    for (const { kind, name } of result.all) expect(expected[kind as Kind], label).toContain(name)
    if (result.safe_to_roll_back) safe++
    if (isEqual) continue
    await withBackfill([sides.primary, mirror], { mirror: 'legacy' }, async ({ drive }) => {
      expect(await drive(), label).toMatchObject({ state: 'completed', failed: 0 })
    })
    expect(await verified([sides.primary, mirror], { direction: 'rollback', deep }), label).toMatchObject({
      safe_to_roll_back: true,
      extra: expected.extra.length,
    })
  }
  // Both results must occur, or nothing was tested.
  expect(safe).toBeGreaterThan(CASES / 10)
  expect(safe).toBeLessThan((CASES * 9) / 10)
}, 120_000)
