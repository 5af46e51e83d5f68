import { reset } from 'cloudflare:test'
import fc from 'fast-check'
import pLimit from 'p-limit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anyCharacter } from '../kit/any-character.ts'
import { EMPTY_ORIGIN, KV, OLD, R2, startApp } from '../kit/app.ts'
import { checkName, encodeName, nameBytes } from '../../src/storage/name.ts'
import { compareNames } from '../../src/storage/order.ts'
import { BAD_PATHS } from '../bad-paths.ts'
import { sampled, sized } from '../kit/sample.ts'
import { NASTY_NAMES, shown } from '../names.ts'

const KV_NAME_BYTES = 512

type Call = ReturnType<typeof startApp>['call']

const store = (call: Call, name: string): Promise<Response> =>
  call(`/${encodeName(name)}`, { method: 'PUT', body: textOf(name) })

function textOf(name: string): string {
  return `bytes of ${encodeURIComponent(name)}`
}

/** The text of the object, and how often it is listed. */
async function read(call: Call, name: string): Promise<[text: string, listed: number]> {
  const path = encodeName(name)
  const [got, listing] = await Promise.all([call(`/${path}`), call(`/-/api/list/${path}`)])
  const text = await got.text()
  const { objects } = await listing.json<{ objects: { name: string }[] }>()
  return [text, objects.filter((object) => object.name === name).length]
}

/** The statuses of a DELETE, and of a GET after it. */
async function remove(call: Call, name: string): Promise<number[]> {
  const deleted = await call(`/${encodeName(name)}`, { method: 'DELETE' })
  const missing = await call(`/${encodeName(name)}`)
  await missing.body?.cancel()
  return [deleted.status, missing.status]
}

async function listAll(call: Call): Promise<string[]> {
  const names: string[] = []
  for (let query = '?limit=37'; ;) {
    const page = await (
      await call(`/-/api/list/${query}`)
    ).json<{ objects: { name: string }[]; cursor: string | null }>()
    names.push(...page.objects.map(({ name }) => name))
    if (page.cursor === null) return names
    query = `?limit=37&cursor=${encodeURIComponent(page.cursor)}`
  }
}

describe.each([
  ['r2', R2, Infinity],
  ['r2 with a prefix', { ...R2, prefix: 'a b/%2F/' }, 1000],
  ['kv', { ...KV, read_only: false }, KV_NAME_BYTES],
])('names through the Worker over %s', (title, storage, longest) => {
  const fitting = NASTY_NAMES.filter((name) => nameBytes(name) <= longest)
  const names = sampled(fitting, title === 'r2' ? 2 : 6)
  const { call } = startApp({ FALLBACK_STORAGES: [storage] })
  let stored: number[]
  // All tests share these objects, because a write takes longer than all reads of a name together.
  beforeAll(async () => {
    const limit = pLimit(5)
    const responses = await Promise.all(names.map((name) => limit(() => store(call, name))))
    stored = responses.map(({ status }) => status)
  }, 60_000)
  afterAll(() => reset())

  it('are created and listed in UTF-8 byte order, each once', async () => {
    expect(stored).toEqual(names.map(() => 201))
    expect(await listAll(call)).toEqual(names.toSorted(compareNames))
  })

  it.each(titled(names))('%s comes back byte for byte', async (_shown, name) => {
    expect(await read(call, name)).toEqual([textOf(name), 1])
  })

  it.each(titled(sampled(names, 3)))('%s is deleted', async (_shown, name) => {
    expect(await remove(call, name)).toEqual([204, 404])
  })
})

describe('names through the Worker', () => {
  const { call } = startApp({ FALLBACK_STORAGES: [R2] })
  afterAll(() => reset())

  it.each(
    BAD_PATHS.filter(({ path }) => arrivesAsSent(path)).map(({ path, why }) => [shown(path), path, why]),
  )('refuses %s and says why', async (_shown, path, why) => {
    // The root can be read, and is a 404.
    const response = await call(`/${path}`, { method: path === '' ? 'DELETE' : 'GET' })
    const problem = await response.json<{ detail: string }>()
    expect([response.status, problem.detail]).toEqual([400, expect.stringMatching(why)])
  })

  it('stores, returns and deletes any valid name', async () => {
    const name = fc.string({ unit: anyCharacter, minLength: 1, maxLength: 60 }).filter(isName)
    await fc.assert(
      fc.asyncProperty(name, async (each) => {
        expect((await store(call, each)).status).toBe(201)
        expect(await read(call, each)).toEqual([textOf(each), 1])
        expect(await remove(call, each)).toEqual([204, 404])
      }),
      { numRuns: sized(100, 30) },
    )
  })
})

describe('an empty name', () => {
  const { call, json } = startApp({ FALLBACK_STORAGES: [R2] })
  const READS = 'open size url accessed_time created_time modified_time path explain preview prior_versions'

  it.each(READS.split(' '))('is 404 where it is read: %s', async (method) => {
    for (const verb of ['GET', 'HEAD'])
      expect((await call(`/-/api/${method}/`, { method: verb })).status).toBe(404)
  })

  it('does not exist', async () => {
    const { status, body } = await json('/-/api/exists/')
    expect([status, body]).toEqual([200, { name: '', exists: false }])
  })

  it('is protected before it is 404', async () => {
    expect((await call('/-/api/explain/', { token: null })).status).toBe(401)
  })

  it.each([
    ['PUT', ''],
    ['DELETE', ''],
    ['POST', '-/api/save/'],
    ['DELETE', '-/api/delete/'],
    ['POST', '-/api/undelete/'],
    ['GET', '-/api/get_valid_name/'],
    ['GET', '-/api/get_available_name/'],
  ])('is 400 where it is written, or to become one: %s /%s', async (method, path) => {
    expect((await call(`/${path}`, { method })).status).toBe(400)
  })
})

describe('a name that is too long for KV', () => {
  afterAll(() => reset())
  const name = 'x'.repeat(513)
  const writable = { ...KV, read_only: false }
  const statuses = (call: Call, requests: readonly (readonly [string, string])[]) =>
    Promise.all(
      requests.map(async ([method, path]) => {
        const init = path.endsWith('exists')
          ? { body: JSON.stringify({ names: ['a', name] }), headers: { 'Content-Type': 'application/json' } }
          : {}
        return (await call(`/${path}`, { method, ...init })).status
      }),
    )
  const READS = [
    ['GET', name],
    ['HEAD', name],
    ...['open', 'exists', 'size', 'modified_time', 'url'].map((each) => ['GET', `-/api/${each}/${name}`]),
    ['POST', '-/api/exists'],
  ] as [string, string][]
  const WRITES = [
    ['PUT', name],
    ['DELETE', name],
    ['DELETE', `-/api/delete/${name}`],
  ] as [string, string][]

  it('is 400 where only KV would take it', async () => {
    const { call } = startApp({ FALLBACK_STORAGES: [writable] })
    const requests = [...READS, ...WRITES]
    expect(await statuses(call, requests)).toEqual(requests.map(() => 400))
    const problem = await (await call(`/${name}`)).json<{ detail: string }>()
    expect(problem.detail).toBe('no backend accepts a name of 513 bytes: media_kv allows 512')
  })

  it('is passed on to the others, and 400 for writes if only KV takes those', async () => {
    const { call } = startApp({ FALLBACK_STORAGES: [writable, OLD], OLD: EMPTY_ORIGIN })
    expect(
      await statuses(call, [
        ['GET', name],
        ['HEAD', name],
        ['GET', `-/api/exists/${name}`],
      ]),
    ).toEqual([404, 404, 200])
    expect(await statuses(call, WRITES)).toEqual(WRITES.map(() => 400))
  })

  it('is stored in a backend that takes it', async () => {
    const { call } = startApp({ FALLBACK_STORAGES: [writable, R2] })
    expect(await statuses(call, [['PUT', name]])).toEqual([201])
    expect(await statuses(call, [['GET', name]])).toEqual([200])
    expect(await statuses(call, [['DELETE', name]])).toEqual([204])
  })

  it('counts with the prefix', async () => {
    const { call } = startApp({ FALLBACK_STORAGES: [{ ...R2, prefix: 'media/' }] })
    const long = 'x'.repeat(1019)
    expect(
      await statuses(call, [
        ['PUT', long],
        ['GET', long],
        ['PUT', long.slice(1)],
      ]),
    ).toEqual([400, 400, 201])
  })

  it('is 404 for reads and 501 for writes where it is the filters that leave it out', async () => {
    const filtered = { ...R2, include: '^photos/' }
    const { call } = startApp({ FALLBACK_STORAGES: [filtered] })
    expect(
      await statuses(call, [
        ['GET', name],
        ['PUT', name],
      ]),
    ).toEqual([404, 501])
  })
})

function titled(names: readonly string[]): [title: string, name: string][] {
  return names.map((name) => [shown(name), name])
}

function isName(text: string): boolean {
  try {
    checkName(text)
    return true
  } catch {
    return false
  }
}

/** URL parsers resolve dot segments and drop tabs before the Worker could refuse them; below `-/` are the API's own 404s. */
function arrivesAsSent(path: string): boolean {
  const { pathname } = new URL(`https://media.example/${path}`)
  const isOurs = /^(-|%2D)(\/|$)/.test(path)
  return !isOurs && decodeLoosely(pathname) === decodeLoosely(`/${path}`)
}

function decodeLoosely(path: string): string {
  return path.replace(/%20/g, ' ')
}
