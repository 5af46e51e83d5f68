import { createServer, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { close, listen } from '../kit/servers/listen.ts'
import { startSite, TOKEN } from '../kit/worker/site.ts'
import { createCli, type Cli, records } from './run.ts'

/** Plays a Worker that has Workers Cache. */
let server: Server
let cli: Cli
const targets: { names?: string[]; prefix?: string }[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    void text(request).then((body) => {
      const target = JSON.parse(body) as (typeof targets)[number]
      targets.push(target)
      response.setHeader('Content-Type', 'application/json')
      response.end(JSON.stringify({ ...target, reach: 'everywhere' }))
    })
  })
  cli = createCli(await listen(server), 'token')
})
afterAll(() => close(server))
beforeEach(() => void (targets.length = 0))

it('purges names, a hundred at a time', async () => {
  const names = Array.from({ length: 150 }, (_, index) => `photos/${index} ü.jpg`)
  expect(await cli(['cache', 'purge', ...names])).toMatchObject({
    code: 0,
    stdout: '100 purged, everywhere\n50 purged, everywhere\n',
  })
  expect(targets).toEqual([{ names: names.slice(0, 100) }, { names: names.slice(100) }])
})

it('purges a prefix, the empty one too', async () => {
  expect((await cli(['cache', 'purge', '--prefix', 'photos/'])).stdout).toBe(
    'all of "photos/" purged, everywhere\n',
  )
  expect((await cli(['cache', 'purge', '--prefix', ''])).code).toBe(0)
  expect(targets).toEqual([{ prefix: 'photos/' }, { prefix: '' }])
})

it.each([[['cache', 'purge']], [['cache', 'purge', 'a.jpg', '--prefix', 'photos/']]])(
  'refuses %j',
  async (args) => {
    expect(await cli(args)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('either names or --prefix') as string,
    })
    expect(targets).toEqual([])
  },
)

it('says how far a purge reaches, and what a deployment cannot purge', async () => {
  const storages = [{ type: 'r2', binding: 'MEDIA' }]
  const site = await startSite({ storages, vars: { MEDIA_EDGE_CACHE_SECONDS: '60' } })
  try {
    const real = createCli(site.url, TOKEN)
    expect((await real(['cache', 'purge', 'a.jpg'])).stdout).toMatch(/^1 purged, only in the location/)
    expect(records(await real(['cache', 'purge', 'a.jpg', '--json']))).toEqual([
      { names: ['a.jpg'], reach: 'this location' },
    ])
    const prefix = await real(['cache', 'purge', '--prefix', 'a/'])
    expect(prefix).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot purge a prefix') as string,
    })
  } finally {
    await site.close()
  }
})
