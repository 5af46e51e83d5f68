import { reset } from 'cloudflare:test'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { startApp } from '../kit/app.ts'
import { checkName, encodeName, nameBytes } from '../../src/storage/name.ts'
import { compareNames } from '../../src/storage/order.ts'
import { BAD_PATHS } from '../bad-paths.ts'
import { sampled } from '../kit/sample.ts'
import { NASTY_NAMES, shown } from '../names.ts'

const KV_NAME_BYTES = 512

type Call = ReturnType<typeof startApp>['call']

/** The app over one backend. */
function appOver(storage: object): Call {
  return startApp({ FALLBACK_STORAGES: [storage] }).call
}

/** Stores, reads, lists and deletes the name; what came back of its text and of the name itself. */
async function roundTrip(call: Call, name: string) {
  const path = `/${encodeName(name)}`
  const text = `bytes of ${encodeURIComponent(name)}`
  const put = await call(path, { method: 'PUT', body: text })
  const got = await call(path)
  const gotText = await got.text()
  const listed = await (await call(`/-/api/list/${encodeName(name)}`)).json<{ objects: { name: string }[] }>()
  const deleted = await call(path, { method: 'DELETE' })
  const gone = await call(path)
  await gone.body?.cancel()
  return {
    statuses: [put.status, got.status, deleted.status, gone.status],
    same: gotText === text,
    listed: listed.objects.map((object) => object.name).filter((other) => other === name).length,
  }
}

const ROUND = { statuses: [201, 200, 204, 404], same: true, listed: 1 }

describe.each([
  ['r2', { type: 'r2', binding: 'MEDIA' }, Infinity],
  ['r2 with a prefix', { type: 'r2', binding: 'MEDIA', prefix: 'a b/%2F/' }, 1000],
  ['kv', { type: 'kv', binding: 'MEDIA_KV' }, KV_NAME_BYTES],
])('names through the Worker over %s', (title, storage, longest) => {
  const fitting = NASTY_NAMES.filter((name) => nameBytes(name) <= longest)
  const names = title === 'r2' ? fitting : sampled(fitting, 6)
  afterAll(() => reset())

  it.each(names.map((name) => [shown(name), name]))('%s comes back byte for byte', async (_shown, name) => {
    expect(await roundTrip(appOver(storage), name)).toEqual(ROUND)
  })
})

describe('names through the Worker', () => {
  afterAll(() => reset())

  it.each(
    BAD_PATHS.filter(({ path }) => arrivesAsSent(path)).map(({ path, why }) => [shown(path), path, why]),
  )('refuses %s and says why', async (_shown, path, why) => {
    const response = await appOver({ type: 'r2', binding: 'MEDIA' })(`/${path}`)
    const problem = await response.json<{ detail: string }>()
    expect([response.status, problem.detail]).toEqual([400, expect.stringMatching(why)])
  })

  it('round-trips whatever name is one', async () => {
    const call = appOver({ type: 'r2', binding: 'MEDIA' })
    const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).filter(isName)
    await fc.assert(
      fc.asyncProperty(name, async (given) => {
        expect(await roundTrip(call, given)).toEqual(ROUND)
      }),
      { numRuns: 100 },
    )
  })

  it('lists them in UTF-8 byte order, each once', async () => {
    const call = appOver({ type: 'r2', binding: 'MEDIA' })
    for (const name of NASTY_NAMES) await call(`/${encodeName(name)}`, { method: 'PUT', body: 'x' })
    const listed: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: { objects: { name: string }[]; cursor: string | null } = await (
        await call(`/-/api/list/?limit=37&cursor=${encodeURIComponent(cursor)}`.replace(/&cursor=$/, ''))
      ).json()
      listed.push(...page.objects.map((object) => object.name))
      cursor = page.cursor
    }
    expect(listed).toEqual([...NASTY_NAMES].toSorted(compareNames))
  })
})

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
