import { createServer, type ServerResponse } from 'node:http'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import timers from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { close, listen } from '../kit/servers/listen.ts'
import { type Cli, createCli } from './run.ts'

const waits: number[] = []

/** How a deployment answers that has the object `a`, and a second page of its listing. */
let answer: (response: ServerResponse, url: string) => void
let requests: string[]
let cli: Cli
let folder: string

const server = createServer((request, response) => {
  requests.push(`${request.method} ${request.url}`)
  request.resume().on('end', () => answer(response, request.url ?? ''))
})

beforeEach(async () => {
  waits.length = 0
  vi.spyOn(timers, 'setTimeout').mockImplementation(async (ms) => void waits.push(ms ?? 0) as never)
  // For what has imported it by its name.
  syncBuiltinESMExports()
  requests = []
  cli = createCli(await listen(server), 'token')
  folder = await mkdtemp(join(tmpdir(), 'cli-retry-after-'))
})

afterEach(async () => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
  await close(server)
  await rm(folder, { recursive: true })
})

function busy(response: ServerResponse, status: number, retryAfter?: string): void {
  response.writeHead(status, {
    'Content-Type': 'application/problem+json',
    ...(retryAfter !== undefined && { 'Retry-After': retryAfter }),
  })
  response.end(JSON.stringify({ type: 'about:blank', title: 'Not now', status, detail: 'busy' }))
}

function json(response: ServerResponse, body: object): void {
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(body))
}

const page = (cursor: string | null) => ({
  prefix: '',
  objects: [{ name: 'a', size: 2, etag: '"x"', modified_time: '2024-05-01T12:00:00.000Z', backend: 'r2' }],
  directories: [],
  cursor,
  degraded: [],
})

it.each([429, 503])('waits as Retry-After says, and says so: %d', async (status) => {
  answer = (response) =>
    requests.length < 3
      ? busy(response, status, requests.length === 1 ? '15' : '1')
      : json(response, { name: 'a', url: 'https://example.com/a' })
  const ran = await cli(['url', 'a'])
  expect(ran).toMatchObject({ code: 0, stdout: 'https://example.com/a\n' })
  expect(ran.stderr).toBe(`HTTP ${status}; trying again in 15 s\nHTTP ${status}; trying again in 2 s\n`)
  expect(waits).toEqual([15_000, 2_000])
})

it.each([
  ['without one', undefined],
  ['after a long one', '86400'],
])('sends nothing again %s', async (_, retryAfter) => {
  answer = (response) => busy(response, 503, retryAfter)
  expect((await cli(['url', 'a'])).code).toBe(1)
  expect(requests).toHaveLength(1)
})

const limited = (response: ServerResponse) => {
  response.writeHead(429, { 'Content-Type': 'text/html', 'Retry-After': '15' }).end('error code: 1015')
}

it.each([
  ['the Worker', (response: ServerResponse) => busy(response, 503, '15')],
  ['Cloudflare', limited],
])('waits for the same Retry-After once in a download of a folder: %s', async (_, fail) => {
  answer = (response, url) => (url.includes('open') ? fail(response) : json(response, page(null)))
  expect((await cli(['cp', ':', folder])).code).toBe(1)
  expect(requests.filter((request) => request.includes('/open/'))).toHaveLength(4)
  expect(waits).toEqual([15_000, 15_000, 15_000])
})

it('waits for the same Retry-After once in a long listing', async () => {
  answer = (response, url) =>
    url.includes('cursor') ? busy(response, 503, '15') : json(response, page('next'))
  expect((await cli(['ls', '-r'])).code).toBe(1)
  expect(requests).toHaveLength(5)
  expect(waits).toEqual([15_000, 15_000, 15_000])
})

it.each([
  ['failures', ['backfill', 'failures', 'job'], { failures: [] }],
  ['conflicts', ['conflicts'], { conflicts: [] }],
  ['differences', ['verify'], { differences: [] }],
])('goes on with a long list after a page that failed: %s', async (path, args, list) => {
  const started = { id: 'job', state: 'completed', differences: [], reasons: [], accepted: [], prefixes: [] }
  const verification = { ...started, conditions: [], left_out: {}, safe_to_detach: true, as_of: null }
  let failures = 0
  answer = (response, url) => {
    if (!url.includes(`/${path}`)) return json(response, verification)
    if (!url.includes('cursor')) return json(response, { ...list, cursor: 'next' })
    return failures++ === 0 ? busy(response, 502) : json(response, { ...list, cursor: null })
  }
  const ran = await cli(args)
  expect(ran.code, ran.stderr).toBe(0)
  expect(requests.filter((request) => request.includes('cursor'))).toHaveLength(2)
})

it.each([
  [503, '15', [15_000, 15_000, 15_000]],
  [502, '600', [15_000, 15_000, 15_000]],
  [502, undefined, [500, 2_000, 5_000]],
])('waits in an upload, too: %d with %s', async (status, retryAfter, expected) => {
  await writeFile(join(folder, 'a'), 'ok')
  answer = (response, url) =>
    url.includes('list') ? json(response, { ...page(null), objects: [] }) : busy(response, status, retryAfter)
  expect((await cli(['cp', folder, ':'])).code).toBe(1)
  expect(requests.filter((request) => request.startsWith('PUT'))).toHaveLength(4)
  expect(waits).toEqual(expected)
})
