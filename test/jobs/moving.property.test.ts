import { expect, it } from 'vitest'
import { createChain } from '../../src/chain/fallback.ts'
import { undelete } from '../../src/chain/tombstones.ts'
import { putObject } from '../../src/methods/put-object.ts'
import { copyName } from '../../src/migration/copy-name.ts'
import { reconcile } from '../../src/sources/reconcile.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { asR2, type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import { createRandom } from '../kit/random.ts'
import { sized } from '../kit/sample.ts'
import { verified } from './jobs.ts'
import { terse } from './sides.ts'

const SEED = 20_261_131
const CASES = sized(1000, 60)
const NAMES = ['a', 'b', 'c/1', 'c/2', 'd', 'e']

type State = Map<string, string | null>

async function tryOne(seed: number): Promise<{ isSafe: boolean; passes: number }> {
  const { next, below, pick } = createRandom(seed)
  const chance = (part: number): boolean => next() < part
  let seconds = 0
  const now = () => new Date(Date.parse('2024-05-01T12:00:00Z') + 1000 * seconds++)
  const memory = (name: string): MemoryBackend => memoryBackend(name, { pageSize: 2, now })
  const primary = memory('primary')
  const fallbacks = ['legacy', ...(chance(0.4) ? ['older'] : [])].map(memory)
  const chain = createChain([primary, ...fallbacks], { deletes: 'tombstone' })
  for (const name of NAMES)
    for (const fallback of fallbacks)
      if (chance(0.7)) await fallback.put(name, bytesOf(`first ${fallback.name}`))
  for (const name of NAMES) if (chance(0.95)) await copyName(chain, name)

  /** Changes since the last snapshot, by name. */
  const touched = new Set<string>()
  const happens = async (): Promise<void> => {
    const name = NAMES[below(NAMES.length)] ?? ''
    const source = fallbacks[below(fallbacks.length)] ?? primary
    const what = pick({ replace: 1, remove: 1, copy: 4, event: 3, save: 1, delete: 1, undelete: 1 })
    touched.add(name)
    if (what === 'replace') await source.put(name, bytesOf(`text ${seconds}`))
    if (what === 'remove') await source.delete(name)
    if (what === 'copy') await copyName(chain, name)
    if (what === 'event') await reconcile(chain, source.name, name, { migrating: true })
    if (what === 'save') await putObject(chain, name, bytesOf(`saved ${seconds}`))
    if (what === 'delete') await chain.delete(name)
    if (what === 'undelete') await undelete(chain, name)
  }
  let rate = chance(0.2) ? 0 : 0.3
  const meddled = (backend: MemoryBackend): Backend => {
    const shown = backend !== primary && chance(0.3) ? terse(backend) : backend
    const meddle = async (): Promise<void> => {
      if (chance(rate)) await happens()
      // In the end it is quiet, or no pass would be the last.
      rate *= 0.98
    }
    const { get, head, list } = shown
    const own: Backend = {
      ...shown,
      get: async (...args) => (await meddle(), get(...args)),
      head: async (...args) => (await meddle(), head(...args)),
      ...(list && { list: async (...args) => (await meddle(), list(...args)) }),
    }
    return backend === primary && chance(0.5) ? asR2(own as MemoryBackend) : own
  }
  const snapshots: State[] = []
  const backfills = async () => {
    const state: State = new Map()
    for (const name of NAMES) state.set(name, await textOf(await chain.get(name)))
    snapshots.push(state)
    // Those of the end are of no pass.
    before = new Set(touched)
    touched.clear()
    return []
  }
  let before = new Set<string>()
  const result = await verified([primary, ...fallbacks].map(meddled), { deep: chance(0.3), backfills })
  const { safe_to_detach: isSafe, passes } = result
  if (!isSafe) return { isSafe, passes }
  const asOf = snapshots.at(-2) ?? new Map()
  const left = createChain([primary], { deletes: 'tombstone' })
  for (const name of NAMES) {
    const label = `seed ${seed}: ${name} after ${passes} passes`
    if (!before.has(name)) expect(await textOf(await left.get(name)), label).toBe(asOf.get(name))
  }
  return { isSafe, passes }
}

it('is safe only if reads find the same without the fallbacks as when the last pass began', async () => {
  let [safe, passes] = [0, 0]
  for (let index = 0; index < CASES; index++) {
    const result = await tryOne(SEED + index)
    if (result.isSafe) safe++
    if (result.isSafe && result.passes > 2) passes++
  }
  // All of these must occur, or nothing was tested.
  expect(safe).toBeGreaterThan(CASES / 20)
  expect(safe).toBeLessThan((CASES * 19) / 20)
  expect(passes).toBeGreaterThan(0)
}, 400_000)
