import { expect, it } from 'vitest'
import { createChain } from '../../src/chain/fallback.ts'
import { undelete } from '../../src/chain/tombstones.ts'
import { consumeChanges } from '../../src/mirrors/consumer.ts'
import { openMirrors } from '../../src/mirrors/mirrors.ts'
import { withRecordedChanges } from '../../src/mirrors/record-changes.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import { createRandom } from '../kit/random.ts'
import { sized } from '../kit/sample.ts'
import { messageOf, ownLog, passTime, rowsOf } from './kit.ts'

const SEED = 20_261_132
const CASES = sized(300, 30)
const STEPS = 10
const NAME = 'a'

/**
 * Whether the mirror has an object in the end. The real log's calls and alarms take the time they take, so a seed gives the
 * same steps, but not quite the same schedule each time.
 */
async function tryOne(seed: number): Promise<boolean> {
  const { below, pick, next } = createRandom(seed)
  const chance = (part: number): boolean => next() < part
  let isQuiet = false
  const pause = (most = 8) => new Promise((resolve) => setTimeout(resolve, below(most)))
  /** Each request takes a while, and may fail before or after it is carried out. */
  const slow = (backend: MemoryBackend, most: number): MemoryBackend => {
    const guard =
      <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
      async (...args: Args): Promise<T> => {
        if (isQuiet) return call(...args)
        await pause(most)
        const failure = new StorageError('unavailable', 'is down', { backend: backend.name })
        if (chance(0.05)) throw failure
        const result = await call(...args)
        if (chance(0.05)) throw failure
        await pause(most)
        return result
      }
    const { get, head, put, delete: remove } = backend
    return { ...backend, get: guard(get), head: guard(head), put: guard(put), delete: guard(remove) }
  }
  const [stored, old] = [memoryBackend('new'), memoryBackend('old')]
  // A write may begin and end while a consumer repeats the one before.
  const mirror: Backend = { ...slow(old, 12), mirror: 'all' }
  const primary = slow(stored, 3)
  const { log, namespace } = ownLog()
  const mirrors = openMirrors([primary, mirror], {
    namespace: namespace as DurableObjectNamespace,
    tombstones: true,
  })
  if (!mirrors) throw new Error('there is no log')
  /** The process of a write may end before it has told that the write has. */
  const dying = () => ({
    begin: (...args: Parameters<ReturnType<typeof log>['begin']>) => log().begin(...args),
    renew: async () => {},
    settle: async (...args: Parameters<ReturnType<typeof log>['settle']>) => {
      if (isQuiet || chance(0.8)) await log().settle(...args)
    },
  })
  const settling: Promise<unknown>[] = []
  const recorded = withRecordedChanges(primary, {
    log: dying,
    mirrors: [mirror],
    keepAlive: (work) => void settling.push(work),
  })
  const chain = createChain([recorded, mirror], { deletes: 'tombstone' })

  /** What runs since time has passed for the last time, and before that: a request is carried out within that time, or never. */
  let [late, running]: Promise<unknown>[][] = [[], []]
  const run = (work: Promise<unknown>): void => void running?.push(work.catch(() => {}))
  const consume = (name: string): void => run(consumeChanges([messageOf(name)], mirrors))
  const wait = async (): Promise<void> => {
    await Promise.all([...(late ?? []), ...settling.splice(0)])
    ;[late, running] = [running, []]
    await passTime(log())
  }
  const steps: Record<string, (name: string) => unknown> = {
    put: (name) => run(Promise.resolve(recorded.put?.(name, bytesOf(`text ${below(100)}`)))),
    delete: (name) => run(chain.delete(name)),
    undelete: (name) => run(undelete(chain, name)),
    consume,
    resync: (name) => run(log().claim('old', name)),
    wait,
    pause: () => pause(),
  }
  for (let step = 0; step < STEPS; step++) {
    await steps[pick({ put: 6, delete: 4, undelete: 2, consume: 9, resync: 1, wait: 1, pause: 12 })]?.(NAME)
  }
  // A change while a consumer repeats the one before.
  await Promise.all([...(running ?? []), ...settling])
  for (const change of [pick({ put: 2, delete: 1 }), pick({ put: 2, delete: 1 })]) {
    consume(NAME)
    for (let pauses = below(4); pauses > 0; pauses--) await pause()
    steps[change]?.(NAME)
    if (chance(0.3)) await Promise.all([...(running ?? []), ...settling])
  }
  await Promise.all(running ?? [])
  isQuiet = true
  for (let round = 0; round < 8; round++) {
    await wait()
    consume(NAME)
    await Promise.all(running ?? [])
  }
  expect(await rowsOf(log()), `seed ${seed}`).toEqual([])
  const held = stored.objects.get(NAME)
  const label = `seed ${seed}: ${JSON.stringify(held?.info)}`
  const copy = await textOf(await old.get(NAME))
  if (held && !held.info.deleted) expect(copy, label).toBe(await textOf(await stored.get(NAME)))
  else if (held && !held.info.lifted) expect(copy, label).toBeNull()
  return copy !== null
}

it('makes a mirror equal in the end, whatever fails, dies, is late or comes twice', async () => {
  let mirrored = 0
  for (let index = 0; index < CASES; index++) if (await tryOne(SEED + index)) mirrored++
  // Both must occur, or nothing was tested.
  expect(mirrored).toBeGreaterThan(0)
  expect(mirrored).toBeLessThan(CASES)
}, 400_000)
