import { reset } from 'cloudflare:test'
import fc from 'fast-check'
import pLimit from 'p-limit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anyCharacter } from '../kit/any-character.ts'
import { KV, R2, startApp } from '../kit/app.ts'
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
