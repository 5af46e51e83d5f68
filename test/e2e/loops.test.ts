import { createServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forward } from '../kit/servers/forward.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { type Site, startSite } from '../kit/worker/site.ts'

const open: { close(): Promise<unknown> }[] = []
afterAll(() => Promise.all(open.splice(0).map((each) => each.close())))

/** Another address of `target`, as a proxy or a second hostname is; `passed` has the Via header of each request since `lead`. */
async function startAlias() {
  let target: Pick<Site, 'url'>
  const passed: (string | undefined)[] = []
  const server = createServer((request, response) => {
    passed.push(request.headers['fallback-storage-via'] as string | undefined)
    forward(request, response, new URL(target.url))
  })
  const url = await listen(server)
  open.push({ close: () => close(server) })
  return {
    url,
    passed,
    lead(to: Pick<Site, 'url'>) {
      target = to
      passed.length = 0
    },
  }
}

const R2 = { type: 'r2', binding: 'MEDIA' }
const http = (name: string, url: string) => ({ type: 'http', name, url })

async function start(storages: object[], vars: Record<string, string> = {}): Promise<Site> {
  // Tests must not be affected by what a Worker remembers about another test's backends.
  const forgetful = { FALLBACK_BREAKER_FAILURES: '0', FALLBACK_NEGATIVE_CACHE_SECONDS: '0' }
  const site = await startSite({ storages, vars: { ...forgetful, ...vars } })
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

let production: Site
let staging: Site
let development: Site
/** The fallbacks of staging and development, whose targets each test sets. */
let behindStaging: Awaited<ReturnType<typeof startAlias>>
let behindDevelopment: Awaited<ReturnType<typeof startAlias>>

beforeAll(async () => {
  behindStaging = await startAlias()
  behindDevelopment = await startAlias()
  production = await start([R2])
  staging = await start([R2, http('production', behindStaging.url)])
  development = await start([R2, http('staging', behindDevelopment.url)])
  await production.bucket.put('there.txt', 'there')
})

describe('a Worker that is its own fallback', () => {
  it.each([
    ['copying', async () => staging],
    [
      'copying nothing',
      () => start([R2, http('production', behindStaging.url)], { FALLBACK_DATA_MIGRATION: 'false' }),
    ],
  ])('and is %s answers 508 after one request, naming the backend that leads back', async (_, begin) => {
    const site = await begin()
    behindStaging.lead(site)
    const answer = await problemOf(await site.fetch('/absent.jpg'))
    expect(behindStaging.passed.length).toBe(1)
    expect(answer).toEqual({
      status: 508,
      backends: [{ name: 'production', ...LOOP }],
      detail: 'a backend leads back to this Worker: set it to the address of the server that holds the files',
    })
    expect((await site.fetch('/absent.jpg', { method: 'HEAD' })).status).toBe(508)
    expect((await problemOf(await site.fetch('/-/api/exists/absent.jpg'))).status).toBe(508)
    expect(behindStaging.passed.length).toBe(3)
  })

  it('still answers for objects in another backend', async () => {
    const site = await start([R2, http('production', behindStaging.url), http('legacy', production.url)])
    behindStaging.lead(site)
    const response = await site.fetch('/there.txt')
    expect([response.status, await response.text()]).toEqual([200, 'there'])
    expect(response.headers.get('Cache-Status')).toContain('detail=legacy')
  })
})

it('two Workers that are each other’s fallbacks answer 508 after one round', async () => {
  behindStaging.lead(development)
  behindDevelopment.lead(staging)
  const answer = await problemOf(await staging.fetch('/absent.jpg'))
  expect([answer.status, answer.backends]).toEqual([508, [{ name: 'production', ...LOOP }]])
  expect([behindStaging.passed.length, behindDevelopment.passed.length]).toEqual([1, 1])
})

describe('development that falls back to staging, and staging to production', () => {
  it('serves objects from production, and 404 if no backend has the object', async () => {
    behindDevelopment.lead(staging)
    behindStaging.lead(production)
    const response = await development.fetch('/there.txt')
    expect([response.status, await response.text()]).toEqual([200, 'there'])
    expect((await development.fetch('/absent.jpg')).status).toBe(404)
  })

  it('works as long as a request passes through no more Workers than any real chain has', async () => {
    const passed = (count: number) => ({
      headers: {
        'Fallback-Storage-Via': Array.from({ length: count }, (_, hop) => `0000000${hop}`).join(', '),
      },
    })
    expect((await production.fetch('/a', passed(7))).status).toBe(404)
    expect((await problemOf(await production.fetch('/a', passed(8)))).detail).toContain('8 Workers')
  })
})
