import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOf } from '../kit/fakes.ts'
import { asR2, memoryBackend } from '../kit/memory.ts'
import { createWalk, type Walk, type WalkPosition } from '../../src/jobs/walk.ts'
import type { ListableBackend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { compareNames } from '../../src/storage/order.ts'

type Listed = [name: string, holders: string[]]

function backendOf(
  name: string,
  names: readonly string[],
  options: { pageSize: number; listsAfter: boolean },
): ListableBackend {
  const backend = memoryBackend(name, { pageSize: options.pageSize })
  for (const own of names)
    backend.objects.set(own, { bytes: new Uint8Array(0), info: { name: own, backend: name, size: 0 } })
  return { ...backend, listsAfter: options.listsAfter }
}

/** Takes up to `limit` names. */
async function some(walk: Walk, limit: number): Promise<Listed[]> {
  const listed: Listed[] = []
  while (listed.length < limit && !walk.ended) {
    const steps = await walk.take(limit - listed.length)
    listed.push(...steps.map(({ name, held }): Listed => [name, held.map(({ backend }) => backend.name)]))
  }
  return listed
}

const name = fc.string({
  unit: fc.constantFrom('a', 'b', '/', '\u{10000}', '\uffee', 'z'),
  minLength: 1,
  maxLength: 5,
})
const side = fc.record({
  names: fc.array(name, { maxLength: 30 }),
  pageSize: fc.integer({ min: 1, max: 9 }),
  listsAfter: fc.boolean(),
})

describe('a walk', () => {
  it('lists every name once, in order and with all its holders, however often it is resumed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(side, { minLength: 1, maxLength: 3 }),
        fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 8 }),
        async (sides, pieces) => {
          const backends = sides.map(({ names, ...options }, index) => backendOf(`b${index}`, names, options))
          const listed: Listed[] = []
          let position: WalkPosition | undefined
          for (const piece of [...pieces, Infinity]) {
            const walk = createWalk(backends, '', { position })
            listed.push(...(await some(walk, piece)))
            // As it is stored: through JSON.
            position = JSON.parse(JSON.stringify(walk.position())) as WalkPosition
          }
          const union = [...new Set(sides.flatMap(({ names }) => names))].toSorted(compareNames)
          const holders = (wanted: string) =>
            sides.flatMap(({ names }, index) => (names.includes(wanted) ? `b${index}` : []))
          expect(listed).toEqual(union.map((wanted) => [wanted, holders(wanted)]))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('lists every name once if a backend fails now and then, whether the walk continues or is resumed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(side, { minLength: 1, maxLength: 3 }),
        fc.array(fc.boolean(), { maxLength: 12 }),
        fc.boolean(),
        async (sides, failures, isResumed) => {
          let calls = 0
          const backends = sides.map(({ names, ...options }, index): ListableBackend => {
            const backend = backendOf(`b${index}`, names, options)
            return {
              ...backend,
              list: async (given) => {
                if (failures[calls++]) throw new StorageError('timeout', 'is down', { backend: backend.name })
                return backend.list(given)
              },
            }
          })
          const listed: string[] = []
          let walk = createWalk(backends, '')
          while (!walk.ended) {
            const steps = await walk.take(7).catch(() => [])
            listed.push(...steps.map(({ name: taken }) => taken))
            if (isResumed) walk = createWalk(backends, '', { position: walk.position() })
          }
          expect(listed).toEqual([...new Set(sides.flatMap(({ names }) => names))].toSorted(compareNames))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('throws a backend’s failure, and can be resumed at its position', async () => {
    const good = backendOf('good', ['a', 'b'], { pageSize: 1, listsAfter: true })
    let isDown = false
    const flaky: ListableBackend = {
      ...backendOf('flaky', ['a', 'c'], { pageSize: 1, listsAfter: true }),
      list: async (options) => {
        if (isDown) throw new StorageError('timeout', 'is down', { backend: 'flaky' })
        return backendOf('flaky', ['a', 'c'], { pageSize: 1, listsAfter: true }).list(options)
      },
    }
    const walk = createWalk([good, flaky], '')
    expect(await some(walk, 1)).toEqual([['a', ['good', 'flaky']]])
    isDown = true
    await expect(some(walk, 1)).rejects.toMatchObject({ code: 'timeout', backend: 'flaky' })
    isDown = false
    const again = createWalk([good, flaky], '', { position: walk.position() })
    expect(await some(again, 10)).toEqual([
      ['b', ['good']],
      ['c', ['flaky']],
    ])
  })

  it('returns the names before a failed listing, and continues after them', async () => {
    const good = backendOf('good', ['a', 'b', 'c'], { pageSize: 2, listsAfter: true })
    let isDown = false
    const flaky: ListableBackend = {
      ...good,
      list: async (options) => {
        if (isDown) throw new StorageError('timeout', 'is down', { backend: 'good' })
        isDown = true
        return good.list(options)
      },
    }
    const walk = createWalk([flaky], '')
    expect((await walk.take(10)).map(({ name: taken }) => taken)).toEqual(['a', 'b'])
    await expect(walk.take(10)).rejects.toMatchObject({ code: 'timeout' })
    expect(walk.ended).toBe(false)
    isDown = false
    expect((await walk.take(10)).map(({ name: taken }) => taken)).toEqual(['c'])
    expect(walk.ended).toBe(true)
  })

  it('fails, rather than looping, if a backend returns the same cursor twice', async () => {
    const stuck: ListableBackend = {
      ...memoryBackend('stuck'),
      list: async () => ({ objects: [], directories: [], cursor: 'same' }),
    }
    await expect(some(createWalk([stuck], ''), 1)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it.each(['r2', 'kv'] as const)(
    'lists a backend again that has no position of its own: %s',
    async (type) => {
      const names = ['a', 'b', 'm', 'n', 'z']
      const backend = { ...backendOf('again', names, { pageSize: 2, listsAfter: false }), type }
      const walk = createWalk([backend], '', {
        position: { last: 'm', positions: { again: { state: 'open' } } },
      })
      expect((await walk.take(9)).map(({ name }) => name)).toEqual(['n', 'z'])
    },
  )

  it('misses no name that R2 lists where its other spelling belongs, however often it is resumed', async () => {
    const r2 = asR2(memoryBackend('r2'))
    const names = ['cafe\u0301.jpg', 'caff.jpg', 'cafz.jpg']
    for (const name of names) await r2.put(name, bytesOf(name))
    const found: string[] = []
    for (let position: WalkPosition | undefined; ;) {
      const walk = createWalk([r2], '', { position })
      for (const step of await walk.take(1)) found.push(step.name)
      position = walk.position()
      if (walk.ended) break
    }
    expect(found).toEqual(names)
  })

  it('can be saved while a listing has many pages without a name', async () => {
    let requests = 0
    const backend: ListableBackend = {
      ...backendOf('hidden', ['z'], { pageSize: 9, listsAfter: true }),
      async list({ cursor = '0' } = {}) {
        requests++
        const next = Number(cursor) + 1
        if (next < 1000) return { objects: [], directories: [], cursor: `${next}` }
        return { objects: [{ name: 'z', backend: 'hidden', size: 0 }], directories: [] }
      },
    }
    let position: WalkPosition | undefined
    const found: string[] = []
    for (let most = 0; ;) {
      const before = requests
      // As after a restart.
      const walk = createWalk([backend], '', { position })
      for (const step of await walk.take(10)) found.push(step.name)
      position = walk.position()
      most = Math.max(most, requests - before)
      expect(most).toBeLessThanOrEqual(20)
      if (walk.ended) break
    }
    expect(found).toEqual(['z'])
    expect(requests).toBe(1000)
  })
})
