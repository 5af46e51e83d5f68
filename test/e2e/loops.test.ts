import { createServer } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { forward } from '../kit/servers/forward.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { type Site, startSite } from '../kit/worker/site.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

/** Another address of what `target` names later, as a proxy or a second hostname is; counts what passes. */
async function startAlias() {
  const alias = { url: '', target: '', passed: [] as (string | undefined)[] }
  const server = createServer((request, response) => {
    alias.passed.push(request.headers['fallback-storage-via'] as string | undefined)
    forward(request, response, new URL(alias.target))
  })
  alias.url = await listen(server)
  open.push({ close: () => close(server) })
  return alias
}

const R2 = { type: 'r2', binding: 'MEDIA' }
const http = (name: string, url: string) => ({ type: 'http', name, url })

async function start(...storages: object[]): Promise<Site> {
  return startWith({}, ...storages)
}

async function startWith(vars: Record<string, string>, ...storages: object[]): Promise<Site> {
  const site = await startSite({ storages, vars })
  open.push(site)
  return site
}

async function problemOf(response: Response) {
  const { backends, detail } = (await response.json()) as { backends: unknown; detail: string }
  return { status: response.status, backends, detail }
}

const LOOP = {
  error: 'loop',
  detail: 'the origin answered 508: the request came back to a Worker that it had passed already',
}

describe('a Worker that is its own fallback', () => {
  it.each([
    ['copying', 'true'],
    ['copying nothing', 'false'],
  ])('(%s) answers 508 after one request and names the backend that leads back', async (_, migration) => {
    const alias = await startAlias()
    const vars = { FALLBACK_DATA_MIGRATION: migration }
    const site = await startWith(vars, R2, http('production', alias.url))
    alias.target = site.url
    const answer = await problemOf(await site.fetch('/missing/a.jpg'))
    expect(alias.passed.length).toBe(1)
    expect(answer).toEqual({
      status: 508,
      backends: [{ name: 'production', ...LOOP }],
      detail: 'a backend leads back to this Worker: give it the address of what holds the files itself',
    })
    expect((await site.fetch('/missing/a.jpg', { method: 'HEAD' })).status).toBe(508)
    expect((await problemOf(await site.fetch('/-/api/exists/missing/a.jpg'))).status).toBe(508)
    expect(alias.passed.length).toBe(3)
  })

  it('still serves what another backend has', async () => {
    const [alias, other] = [await startAlias(), await start(R2)]
    await other.bucket.put('there.txt', 'there')
    const site = await start(R2, http('production', alias.url), http('legacy', other.url))
    alias.target = site.url
    const response = await site.fetch('/there.txt')
    expect([response.status, await response.text()]).toEqual([200, 'there'])
    expect(response.headers.get('Cache-Status')).toContain('detail=legacy')
  })
})

it('two Workers that are each other’s fallbacks answer 508 after one round', async () => {
  const [first, second] = [await startAlias(), await startAlias()]
  const [site, other] = [await start(R2, http('b', second.url)), await start(R2, http('a', first.url))]
  first.target = site.url
  second.target = other.url
  const answer = await problemOf(await site.fetch('/missing/a.jpg'))
  expect([answer.status, answer.backends]).toEqual([508, [{ name: 'b', ...LOOP }]])
  expect([first.passed.length, second.passed.length]).toEqual([1, 1])
})

describe('development that falls back to staging, and staging to production', () => {
  it('serves what production has, and 404 for everything else', async () => {
    const production = await start(R2)
    const staging = await start(R2, http('production', production.url))
    const development = await start(R2, http('staging', staging.url))
    await production.bucket.put('there.txt', 'there')
    const response = await development.fetch('/there.txt')
    expect([response.status, await response.text()]).toEqual([200, 'there'])
    expect((await development.fetch('/missing/a.jpg')).status).toBe(404)
  })

  it('refuses a request that has passed more Workers than any chain has', async () => {
    const site = await start(R2)
    const passed = (count: number) => ({
      headers: {
        'Fallback-Storage-Via': Array.from({ length: count }, (_, hop) => `0000000${hop}`).join(', '),
      },
    })
    expect((await site.fetch('/a', passed(7))).status).toBe(404)
    expect((await problemOf(await site.fetch('/a', passed(8)))).detail).toContain('8 Workers')
  })
})
