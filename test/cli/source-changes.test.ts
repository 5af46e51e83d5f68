import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ConflictPage, SourceJson } from '../../src/client/client.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { eventually } from '../kit/eventually.ts'
import { SILENT as SILENT_SOURCE } from '../kit/silent-source.ts'
import { type Cli, createCli, records } from './run.ts'

const AT = '2026-11-28T22:22:20.613Z'
const SILENT: SourceJson = { ...SILENT_SOURCE, backend: 'media_kv' }
const HEARD: SourceJson = {
  ...SILENT,
  backend: 'legacy',
  last_event: AT,
  last_received: AT,
  last_handled: AT,
  lag_seconds: { last: 1.402, max: 61.3, p50: 1.1, p95: 62.4 },
  accepted: 18_204,
  ignored: 3,
  copied: 11_331,
  tombstoned: 4128,
  conflicts: 1,
  unchanged: 2742,
  failed: 2,
}
const PROBLEM = { 'Content-Type': 'application/problem+json' }
const problem = (code: number) =>
  JSON.stringify({ type: 'about:blank', title: `It fails with ${code}`, status: code, detail: 'for now' })
const conflict = (name: string): ConflictPage['conflicts'][number] => ({
  name,
  backend: 'legacy',
  detail: 'saved in media, not copied: 5120 bytes in media, 4711 in legacy',
  held: { etag: '"9b2c"', modified_time: '2026-11-28T20:00:00.000Z', size: 5120 },
  found: { etag: '"77ab"', modified_time: null, size: 4711 },
  seen: AT,
})

let sources: SourceJson[] = []
let pages: ConflictPage[] = []
let requests = 0
const dismissed: string[] = []
let status = 200
let server: Server
let cli: Cli

beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1
    if (request.method === 'DELETE') {
      dismissed.push(request.url ?? '')
      const isKnown = request.url?.endsWith('.jpg?backend=legacy')
      return void response.writeHead(isKnown ? 204 : 404, PROBLEM).end(isKnown ? undefined : problem(404))
    }
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const body = pathname === '/-/api/events' ? { sources } : pages[Number(searchParams.get('cursor') ?? '0')]
    if (status !== 200) return void response.writeHead(status, PROBLEM).end(problem(status))
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(body))
  })
  cli = createCli(await listen(server), 'token')
})
afterAll(() => close(server))

it('shows what each source has said of its changes, and what came of it', async () => {
  sources = [SILENT, HEARD]
  expect((await cli(['events'])).stdout).toBe(`\
source    last change (UTC)    median       95 %  accepted  copied  deleted  unchanged  conflicts  failed  ignored
media_kv  -                         -          -         0       0        0          0          0       0        0
legacy    2026-11-28 22:22:20   1.1 s  1 min 2 s    18,204  11,331    4,128      2,742          1       2        3
`)
  expect(records(await cli(['events', '--json']))).toEqual(sources)
})

it('says that there is no source', async () => {
  sources = []
  expect(await cli(['events'])).toMatchObject({ code: 0, stdout: '', stderr: 'no backend is a source\n' })
})

it('follows what is counted, and prints only what changed', async () => {
  sources = [SILENT, HEARD]
  requests = 0
  const interrupt = new AbortController()
  const running = cli(['events', '--follow', '--json'], { signal: interrupt.signal })
  await eventually(
    () => 'the first answer',
    async () => (requests > 0 ? true : null),
  )
  const later = { ...HEARD, accepted: 18_205 }
  sources = [SILENT, later]
  const changed = requests
  // The second answer after the change proves that the first was printed.
  await eventually(
    () => 'two more answers',
    async () => (requests > changed + 1 ? true : null),
  )
  interrupt.abort()
  const ran = await running
  expect(ran.code).toBe(130)
  expect(records(ran)).toEqual([SILENT, HEARD, later])
})

it('follows on after failed requests, under one head', async () => {
  sources = [SILENT, HEARD]
  requests = 0
  const interrupt = new AbortController()
  const running = cli(['events', '--follow'], { signal: interrupt.signal })
  const answers = (more: number) => {
    const before = requests
    return eventually(
      () => `${more} answers`,
      async () => (requests >= before + more ? true : null),
    )
  }
  await answers(1)
  status = 503
  await answers(3)
  status = 200
  sources = [SILENT, { ...HEARD, accepted: 18_205 }]
  // The second answer after the change proves that the first was printed.
  await answers(2)
  interrupt.abort()
  const { code, stdout, stderr } = await running
  expect(code).toBe(130)
  expect(stdout).toBe(`\
source    last change (UTC)    median       95 %  accepted  copied  deleted  unchanged  conflicts  failed  ignored
media_kv  -                         -          -         0       0        0          0          0       0        0
legacy    2026-11-28 22:22:20   1.1 s  1 min 2 s    18,204  11,331    4,128      2,742          1       2        3
legacy    2026-11-28 22:22:20   1.1 s  1 min 2 s    18,205  11,331    4,128      2,742          1       2        3
`)
  expect(stderr.match(/^warning: It fails with 503: for now; trying again$/gm)).toHaveLength(1)
})

it('ends when the token is refused while it follows', async () => {
  sources = [HEARD]
  requests = 0
  const running = cli(['events', '--follow'], { spawned: true })
  await eventually(
    () => 'the first answer',
    async () => (requests > 0 ? true : null),
  )
  status = 401
  const { code } = await running.finally(() => (status = 200))
  expect(code).toBe(4)
})

it('lists conflicts of all pages, with what each side has', async () => {
  pages = [
    { conflicts: [conflict('photos/a.jpg')], total: 2, cursor: '1' },
    { conflicts: [conflict('photos/b.jpg')], total: 2, cursor: null },
  ]
  const { stdout } = await cli(['conflicts'])
  expect(stdout).toContain(`\
photos/a.jpg
  saved in media, not copied: 5120 bytes in media, 4711 in legacy
  here    5.0 KiB  2026-11-28 20:00:00 UTC
  legacy  4.6 KiB  -                        compared 2026-11-28 22:22:20 UTC
`)
  expect(stdout.match(/^photos\/.*$/gm)).toEqual(['photos/a.jpg', 'photos/b.jpg'])
  expect(records(await cli(['conflicts', '--json']))).toEqual(pages.flatMap((page) => page.conflicts))
})

it('says that there are no conflicts', async () => {
  pages = [{ conflicts: [], total: 0, cursor: null }]
  expect(await cli(['conflicts'])).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'there are no conflicts\n',
  })
})

it('dismisses conflicts, each on its own', async () => {
  const names = ['photos/a b.jpg', 'unknown', 'photos/c.jpg']
  const ran = await cli(['conflicts', 'dismiss', 'legacy', ...names, '--json'])
  expect(ran.code).toBe(3)
  expect(records(ran)).toEqual([
    { name: 'photos/a b.jpg', dismissed: true },
    { name: 'photos/c.jpg', dismissed: true },
  ])
  expect(dismissed).toEqual(
    ['photos/a%20b.jpg', 'unknown', 'photos/c.jpg'].map((path) => `/-/api/conflicts/${path}?backend=legacy`),
  )
  expect((await cli(['conflicts', 'dismiss', 'legacy', 'photos/c.jpg'])).stderr).toBe(
    'dismissed photos/c.jpg\n',
  )
})
