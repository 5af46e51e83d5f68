import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import { createChain } from '../../src/chain/fallback.ts'
import { existsAll } from '../../src/methods/exists.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { writeMarker } from '../../src/storage/tombstone-marker.ts'
import { bucketWith, fill, media, R2, startApp } from '../kit/app.ts'
import { bytesOf, counting, failing } from '../kit/fakes.ts'

afterEach(() => reset())

const BYTES = bytesOf('x')

const numbered = (count: number, step = 1): string[] =>
  Array.from({ length: count }, (_, index) => `a/${String(index * step).padStart(6, '0')}.jpg`)

/** A backend that counts its operations, of a type whose listings may replace HEADs. */
async function holding(name: string, names: readonly string[], type: 'r2' | 's3' | 'kv' = 'r2') {
  const backend = { ...counting(name), type }
  for (const key of names) await backend.put(key, BYTES)
  Object.assign(backend.counts, { put: 0 })
  return backend
}

/** It finds an object under every equivalent spelling of its name, as R2 does. */
function equivalent<Held extends Awaited<ReturnType<typeof holding>>>(backend: Held): Held {
  const names = new Map([...backend.objects.keys()].map((name) => [name.normalize(), name]))
  return { ...backend, head: (name) => backend.head(names.get(name.normalize()) ?? name) }
}

function existing(backends: readonly Backend[], names: readonly string[], hedgeMs = {}) {
  return existsAll(createChain(backends, { deletes: 'tombstone', hedgeMs }), names)
}

const all = (names: readonly string[], value: boolean): Map<string, boolean> =>
  new Map(names.map((name) => [name, value]))

describe('exists of many names of one directory', () => {
  it.each(['r2', 's3'] as const)('costs one listing of %s, and no HEAD', async (type) => {
    const names = numbered(100)
    const backend = await holding('first', names.slice(0, 50), type)
    const answers = await existing([backend], names)
    expect(answers).toEqual(new Map(names.map((name, index) => [name, index < 50])))
    expect(backend.counts).toEqual({ get: 0, head: 0, put: 0, list: 1 })
  })

  it('lists later backends only for what earlier ones do not have', async () => {
    const names = numbered(100)
    const [first, second, third] = [
      await holding('first', names.slice(0, 60)),
      await holding('second', names.slice(40, 90), 's3'),
      await holding('third', []),
    ]
    const answers = await existing([first, second, third], names)
    expect([...answers.values()].filter(Boolean)).toHaveLength(90)
    expect([first.counts, second.counts, third.counts]).toEqual([
      { get: 0, head: 0, put: 0, list: 1 },
      { get: 0, head: 0, put: 0, list: 1 },
      // Ten names are cheaper to look up.
      { get: 0, head: 10, put: 0, list: 0 },
    ])
  })

  it.each([
    ['25 names', numbered(25), { head: 25, list: 0 }],
    ['names of as many directories', Array.from({ length: 100 }, (_, n) => `${n}/a`), { head: 100, list: 0 }],
    ['26 names', numbered(26), { head: 0, list: 1 }],
  ])('is looked up as is cheaper: %s', async (_, names, counts) => {
    const backend = await holding('first', names)
    expect(await existing([backend], names)).toEqual(all(names, true))
    expect(backend.counts).toMatchObject(counts)
  })

  it('gives up after one page where the names are few among many', async () => {
    const names = numbered(30, 1000)
    const backend = await holding('first', numbered(5000))
    const answers = await existing([backend], names)
    expect([...answers.values()].filter(Boolean)).toHaveLength(5)
    // The page has the names from 0 to 999.
    expect(backend.counts).toMatchObject({ head: 29, list: 1 })
  })

  it('does not list KV, whose listings cost as much as a read each', async () => {
    const names = numbered(100)
    const backend = await holding('first', names, 'kv')
    expect(await existing([backend], names)).toEqual(all(names, true))
    expect(backend.counts).toMatchObject({ head: 100, list: 0 })
  })

  it('looks up those that may be tombstones in S3, and no others', async () => {
    const names = numbered(100)
    const backend = await holding('first', names.slice(0, 50), 's3')
    await writeMarker(backend, names[0] ?? '')
    await writeMarker(backend, 'a/000000.png')
    const shown = { ...backend, list: backend.list }
    shown.list = async (options) => {
      const page = await backend.list(options)
      const unmarked = page.objects.map((object) => {
        const { deleted: _, ...info } = object
        return info
      })
      return { ...page, objects: unmarked }
    }
    const answers = await existing([shown, await holding('second', names)], names)
    expect(answers.get(names[0] ?? '')).toBe(false)
    expect(backend.counts).toMatchObject({ head: 1, list: 1 })
  })

  it('looks up those whose size S3 does not list', async () => {
    const names = numbered(40)
    const backend = await holding('first', names, 's3')
    const list: Backend['list'] = async (options) => {
      const page = await backend.list(options)
      return { ...page, objects: page.objects.map(({ name, backend: by }) => ({ name, backend: by })) }
    }
    await writeMarker(backend, names[0] ?? '')
    const answers = await existing([{ ...backend, list }], names)
    expect(answers.get(names[0] ?? '')).toBe(false)
    expect(backend.counts).toMatchObject({ head: 40, list: 1 })
  })

  it('falls back on HEADs where listings are refused', async () => {
    const names = numbered(40)
    const backend = await holding('first', names.slice(0, 20))
    const { list } = failing('first', 'denied')
    const answers = await existing([{ ...backend, ...(list && { list }) }], names)
    expect([...answers.values()].filter(Boolean)).toHaveLength(20)
    expect(backend.counts).toMatchObject({ head: 40 })
  })

  it('fails where a backend does, and is not false', async () => {
    const down: Backend = { ...failing('first', 'unavailable'), type: 'r2' }
    await expect(existing([down], numbered(40))).rejects.toMatchObject({ failures: [{ backend: 'first' }] })
  })

  it('falls back on HEADs where a listing is not in order', async () => {
    const names = numbered(40)
    const backend = await holding('first', names)
    const list: Backend['list'] = async (options) => {
      const page = await backend.list(options)
      return { ...page, objects: page.objects.toReversed().slice(0, 10), cursor: 'more' }
    }
    expect(await existing([{ ...backend, list }], names)).toEqual(all(names, true))
    expect(backend.counts).toMatchObject({ head: 40, list: 1 })
  })

  it('takes no name for absent that a server of files lists after the folder of that name', async () => {
    const names = numbered(40)
    const below = Array.from({ length: 1000 }, (_, index) => `a/000028/${String(index).padStart(4, '0')}`)
    const backend = await holding('first', [...names, ...below], 's3')
    const asFiles = (name: string): string => name.replaceAll('/', '\0')
    const list: Backend['list'] = ({ prefix = '', after = '' } = {}) => {
      const listed = [...backend.objects.values()]
        .map(({ info }) => info)
        .toSorted((a, b) => (asFiles(a.name) < asFiles(b.name) ? -1 : 1))
        .filter(({ name }) => name.startsWith(prefix) && asFiles(name) > asFiles(after))
      return Promise.resolve({ objects: listed.slice(0, 1000), directories: [], cursor: 'more' })
    }
    expect(await existing([{ ...backend, list }], names)).toEqual(all(names, true))
  })

  it.each([
    ['é', 'e\u0301'],
    ['e\u0301', 'é'],
    ['K', '\u212a'],
    ['\u212a', 'K'],
    [';', '\u037e'],
    ['`', '\u1fef'],
    ['\u2126', '\u03a9'],
    ['\u798f', '\ufa1b'],
    ['\ufa1b', '\u798f'],
    ['\u2002', '\u2000'],
    ['a\u0301\u0323', 'a\u0323\u0301'],
  ])(
    'finds names that R2 stores in another spelling of the same characters: %j as %j',
    async (asked, stored) => {
      const named = (spelling: string) =>
        numbered(40).map((name) => `${name.slice(0, 2)}${spelling}${name.slice(2)}`)
      const backend = equivalent(await holding('first', named(stored)))
      expect(await existing([backend], named(asked))).toEqual(all(named(asked), true))
    },
  )

  it('finds another spelling that is in another directory, or not on the first page', async () => {
    const inside = numbered(40).map((name) => `K${name}`)
    const late = numbered(40).map((name) => name.replace('.jpg', 'K'))
    const spelled = [...inside, ...late].map((name) => name.replace('K', '\u212a'))
    const backend = equivalent(await holding('first', spelled))
    const list: Backend['list'] = async (options) => ({
      objects: [{ name: `${options?.prefix ?? ''}x`, backend: 'first', size: 1 }],
      directories: [],
      cursor: 'more',
    })
    expect(await existing([backend], [...inside, ...late])).toEqual(all([...inside, ...late], true))
    expect(await existing([{ ...backend, list }], late)).toEqual(all(late, true))
  })

  it('lists a few directories at a time', async () => {
    const names = Array.from({ length: 10 }, (_, n) => numbered(26).map((name) => `${n}${name}`)).flat()
    const backend = await holding('first', names)
    let [running, most] = [0, 0]
    const list: Backend['list'] = async (options) => {
      most = Math.max(most, ++running)
      const page = await backend.list(options)
      await new Promise((resolve) => setTimeout(resolve))
      running--
      return page
    }
    expect(await existing([{ ...backend, list }], names)).toEqual(all(names, true))
    expect(most).toBe(5)
  })

  it('waits for a silent listing no longer than a search waits for a silent backend', async () => {
    const names = numbered(40)
    const backend = await holding('first', names)
    const list: Backend['list'] = ({ signal } = {}) =>
      new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error))
      })
    expect(await existing([{ ...backend, list }], names, { first: 20 })).toEqual(all(names, true))
  })
})

it('POST /-/api/exists costs one operation in R2 for 100 names of a directory', async () => {
  const names = numbered(100)
  await fill(media, Object.fromEntries(names.slice(0, 50).map((name) => [name, 'x'])))
  const calls: string[] = []
  const MEDIA = bucketWith({
    head: (...args) => (calls.push('head'), env.MEDIA.head(...args)),
    list: (...args) => (calls.push('list'), env.MEDIA.list(...args)),
  })
  const { chain, post } = startApp({ MEDIA, FALLBACK_STORAGES: [R2] })
  await chain.delete(names[1] ?? '')
  const { status, body } = await post('exists', { names })
  expect([status, body]).toEqual([
    200,
    { exists: Object.fromEntries(names.map((name, index) => [name, index < 50 && index !== 1])) },
  ])
  expect(calls).toEqual(['list'])
})

it.each(['overloaded', 'internal', 'invalid'] as const)('%s is no failure of a backend', async (code) => {
  const chain = createChain([failing('first', code)], { deletes: 'tombstone' })
  await expect(existsAll(chain, ['a', 'b'])).rejects.toMatchObject({ code })
})
