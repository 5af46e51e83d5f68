import { expect, it } from 'vitest'
import { createChain } from '../../src/chain/fallback.ts'
import { type Backend, isListable } from '../../src/storage/backend.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { asR2, memoryBackend } from '../kit/memory.ts'
import { createRandom } from '../kit/random.ts'
import { sized } from '../kit/sample.ts'
import { verified } from './jobs.ts'
import { terse, TOMBSTONE } from './sides.ts'

const SEED = 20_261_129
const CASES = sized(2500, 200)
const NAMES = ['a', 'b', 'c/1', 'caf\u00e9', 'cafe\u0301']
const TEXTS = ['x', 'y', 'long x', 'long y']
/** Largest object of the primary, if it has a limit. */
const MOST = 3
const OLD = { info: { modified: new Date('2024-05-01T12:00:00Z') } }

/** Whether the backends list tombstones of exactly this name, and nothing else. */
async function isOnlyDeleted(backends: readonly Backend[], name: string): Promise<boolean> {
  const pages = await Promise.all(
    backends.filter(isListable).map((backend) => backend.list({ prefix: name, everything: true })),
  )
  const held = pages.flatMap(({ objects }) => objects).filter((object) => object.name === name)
  return held.length > 0 && held.every(({ deleted }) => deleted)
}

async function tryOne(seed: number): Promise<boolean> {
  const { next: random } = createRandom(seed)
  const chance = (part: number): boolean => random() < part
  const isSmall = chance(0.5)
  const hasLarger = chance(0.6)
  const trouble = chance(0.5) ? 0.15 : 0
  const roles = [
    ...(chance(0.2) ? ['ahead'] : []),
    'primary',
    ...(chance(0.8) ? [...(hasLarger ? ['larger'] : []), 'legacy'] : ['legacy', 'larger']),
    ...(chance(0.4) ? ['older'] : []),
  ]
  const texts = new Map(NAMES.map((name) => [name, TEXTS[Math.floor(random() * TEXTS.length)] ?? '']))
  const backends: Backend[] = []
  for (const role of roles) {
    const memory = memoryBackend(role, { pageSize: 2 })
    const isKept = role === 'primary' || role === 'larger'
    // Where R2 is detached, its objects are no longer found under equivalent names.
    const isR2 =
      role === 'primary' || (role === 'larger' && isSmall && roles[roles.indexOf(role) - 1] === 'primary')
    const backend = isR2 && chance(0.5) ? asR2(memory) : memory
    const most = role === 'primary' && isSmall ? MOST : Infinity
    for (const name of NAMES) {
      if (chance(trouble / 2)) {
        await backend.put?.(name, new Uint8Array(0), { info: { deleted: new Date(), lifted: true } })
        continue
      }
      if (!isKept && chance(trouble / 2)) {
        const provenance = { backend: roles[Math.floor(random() * roles.length)] ?? '', copied: new Date() }
        await backend.put?.(name, new Uint8Array(0), {
          info: { deleted: new Date(), ...(chance(0.5) && { provenance }) },
        })
        continue
      }
      const text = chance(trouble) ? (TEXTS[Math.floor(random() * TEXTS.length)] ?? '') : texts.get(name)
      const isThere = isKept ? !chance(trouble + 0.1) : chance(0.5)
      if (isKept && chance(trouble)) await backend.put?.(name, new Uint8Array(0), TOMBSTONE)
      else if (isThere && text !== undefined && text.length <= most)
        await backend.put?.(name, bytesOf(text), OLD)
    }
    const listed = chance(0.3) && backend === memory ? terse(memory) : backend
    const filtered = chance(0.15)
      ? withFilter(listed, chance(0.5) ? { exclude: /^c\// } : { include: /^[ab]$|^caf/ })
      : listed
    const { put: _, delete: __, ...readOnly } = filtered
    const isWritable = isKept || (role !== 'ahead' && chance(0.2))
    const isMirror = isWritable && role === 'older' && chance(0.5)
    const open: Backend = { ...(isWritable ? filtered : readOnly), ...(isMirror && { mirror: 'all' }) }
    backends.push(most === Infinity ? open : { ...open, maxSize: most })
  }
  const deletes = chance(0.15) ? 'first' : 'tombstone'
  const result = await verified(backends, { deep: true, deletes, accept: chance(0.1) ? ['excluded'] : [] })
  expect(result.state).toBe('completed')
  if (!result.safe_to_detach) return false
  const left = backends.filter(({ name }) => !result.fallbacks.includes(name))
  const fallbacks = backends.filter(({ name }) => result.fallbacks.includes(name))
  for (const name of NAMES) {
    const read = async (chain: readonly Backend[]): Promise<string | null> =>
      textOf(await createChain(chain, { deletes }).get(name))
    const label = `seed ${seed}: ${name} of ${roles.join(', ')} without ${result.fallbacks.join(', ')}`
    const served = await read(left)
    expect(served, label).toEqual(await read(backends))
    const detached = await read(fallbacks)
    if (detached === null || served === null) continue
    // It is deleted, and what is served in its place is R2's object of an equivalent name.
    if (await isOnlyDeleted(left, name)) continue
    const kept = await Promise.all(left.map((backend) => read([backend])))
    expect(kept, label).toContain(detached)
  }
  return true
}

it('is safe only if reads are the same without the fallbacks, and none of their bytes are lost', async () => {
  let safe = 0
  for (let index = 0; index < CASES; index++) if (await tryOne(SEED + index)) safe++
  // Both results must occur, or nothing was tested.
  expect(safe).toBeGreaterThan(CASES / 20)
  expect(safe).toBeLessThan((CASES * 19) / 20)
}, 120_000)
