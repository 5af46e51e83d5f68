import { describe, expect, it } from 'vitest'
import { createChain } from '../../src/chain/fallback.ts'
import { exists, existsAll } from '../../src/methods/exists.ts'
import type { Backend, ListableBackend, ListOptions } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import type { ObjectInfo } from '../../src/storage/object.ts'
import { writeMarker } from '../../src/storage/tombstone-marker.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import { withPrefix } from '../../src/wrappers/prefix.ts'
import { withReadOnly } from '../../src/wrappers/read-only.ts'
import { bytesOf, failing } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'
import { createRandom, type Random } from '../kit/random.ts'
import { sized } from '../kit/sample.ts'

/** Some names begin others, and some sort differently by UTF-16 units. */
function nameFrom({ below, pick }: Random): string {
  const directory = pick({ 'a/': 8, '': 3, 'a/b/': 1, '\u{1f600}/': 3 })
  return `${directory}${pick({ x: 4, ß: 1, '\u{1f600}': 1, '\uffee': 1 })}${below(80)}`
}

/** A backend of the type that lists like it: S3 does not say which entries are tombstones. */
async function createBackend(
  name: string,
  random: Random,
  names: readonly string[],
): Promise<ListableBackend> {
  const { below, pick } = random
  const pageSize = pick({ 3: 1, 20: 1, 1000: 2 })
  const memory = memoryBackend(name, { pageSize: Number(pageSize) })
  const prefix = pick({ '': 2, 'media/': 1 })
  const own = prefix === '' ? memory : withPrefix(memory, prefix)
  const list = listOf(own)
  const share = Number(pick({ 0: 1, 10: 1, 50: 2, 90: 1 }))
  for (const key of [...names, ...Array.from({ length: 60 }, () => nameFrom(random))]) {
    if (below(100) >= share) continue
    const kind = pick({ object: 6, empty: 1, tombstone: 2, lifted: 1 })
    if (kind === 'object' || kind === 'empty')
      await memory.put(prefix + key, bytesOf(kind === 'empty' ? '' : key))
    else await writeMarker(memory, prefix + key, { lifted: kind === 'lifted' })
  }
  const type = pick({ r2: 3, s3: 3, kv: 1 })
  const isReadOnly = below(4) === 0
  const typed = {
    ...own,
    type,
    async list(options?: ListOptions) {
      const page = await list(options)
      if (type !== 's3' || (options?.unchecked !== true && !isReadOnly)) return page
      return { ...page, objects: page.objects.map(unmarked) }
    },
  }
  const working =
    pick({ listed: 4, refusing: 1 }) === 'listed'
      ? typed
      : { ...typed, list: listOf(failing(name, 'denied')) }
  const filter = pick({ none: 3, include: 1, exclude: 1 })
  const filtered = filter === 'none' ? working : withFilter(working, { [filter]: /5|a\/b/ })
  return { ...(isReadOnly ? withReadOnly(filtered) : filtered), list: listOf(filtered) }
}

function unmarked(object: ObjectInfo): ObjectInfo {
  const { deleted: _, lifted: __, ...info } = object
  return info
}

function listOf({ list }: Backend): ListableBackend['list'] {
  if (!list) throw new Error('it can list')
  return list
}

/** What `exists` says of each name, one by one, without listings. */
async function oneByOne(
  backends: readonly Backend[],
  deletes: 'first' | 'tombstone',
  names: readonly string[],
) {
  const chain = createChain(backends, { deletes })
  const answers = new Map<string, boolean>()
  const failed = new Set<string | undefined>()
  for (const name of names) {
    try {
      answers.set(name, await exists(chain, name))
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      for (const { backend } of error.failures) failed.add(backend)
    }
  }
  return failed.size > 0 ? failed : answers
}

describe('existsAll()', () => {
  it('answers as exists() does for each name, whatever backends have and however they list', async () => {
    let listings = 0
    for (let seed = 0; seed < sized(600, 100); seed++) {
      const random = createRandom(seed)
      const count = 20 + random.below(140)
      const names = [...new Set(Array.from({ length: count }, () => nameFrom(random)))]
      const backends: ListableBackend[] = []
      for (const name of ['first', 'second', 'third'].slice(0, 1 + random.below(3))) {
        const backend = await createBackend(name, random, names)
        const broken = failing(name, 'unavailable')
        const down = { ...backend, head: broken.head, list: listOf(broken) }
        backends.push(random.below(10) === 0 ? down : backend)
      }
      const deletes = random.pick({ tombstone: 2, first: 1 })
      const expected = await oneByOne(backends, deletes, names)
      const counted = backends.map((backend) => ({
        ...backend,
        list(options?: ListOptions) {
          listings++
          return backend.list(options)
        },
      }))
      const answers = await existsAll(createChain(counted, { deletes }), names).catch((error: unknown) => {
        if (!(error instanceof StorageError)) throw error
        return new Set(error.failures.map(({ backend }) => backend))
      })
      expect([seed, answers]).toEqual([seed, expected])
    }
    expect(listings).toBeGreaterThan(sized(500, 75))
  }, 120_000)
})
