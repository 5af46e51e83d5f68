import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileFor } from '../../src/cli/download.ts'
import { createOutput } from '../../src/cli/output.ts'
import { createClient } from '../../src/client/client.ts'
import { type Both, transferAll } from '../../src/cli/transfer/transfer.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { type Cli, createCli, records } from './run.ts'

/** A deployment of which each test says how it answers. */
let answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>
let requests: string[]
let server: Server
let cli: Cli
let folder: string

beforeEach(async () => {
  requests = []
  server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    void answer(request, response)
  })
  cli = createCli(await listen(server), 'token')
  folder = await mkdtemp(join(tmpdir(), 'cli-retries-'))
})

afterEach(async () => {
  await close(server)
  await rm(folder, { recursive: true })
})

function problem(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/problem+json', ...headers })
  response.end(JSON.stringify({ type: 'about:blank', title: 'Not now', status, detail: 'busy' }))
}

function json(response: ServerResponse, body: object): void {
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(body))
}

const objects = (...names: string[]) =>
  names.map((name) => ({
    name,
    size: 2,
    etag: '"x"',
    modified_time: '2024-05-01T12:00:00.000Z',
    backend: 'a',
  }))

describe('what a deployment cannot answer now', () => {
  it.each([
    ['a backend', (response: ServerResponse) => problem(response, 502)],
    ['Cloudflare', (response: ServerResponse) => void response.writeHead(520).end('error code: 520')],
  ])('does not end a long listing, or a download of a folder: %s', async (_, fail) => {
    const failed = new Set<string>()
    answer = ({ url = '' }, response) => {
      const isFirst = !failed.has(url) && (url.includes('cursor') || url.includes('open'))
      if (isFirst) {
        failed.add(url)
        return fail(response)
      }
      if (url.includes('open')) {
        response.writeHead(200, { ETag: '"x"', 'Content-Length': '2' })
        return void response.end('ok')
      }
      const isLast = url.includes('cursor')
      json(response, {
        prefix: '',
        objects: objects(isLast ? 'b' : 'a'),
        directories: [],
        cursor: isLast ? null : 'next',
        degraded: [],
      })
    }
    const ran = await cli(['cp', ':', folder, '--json'])
    expect(ran.code, ran.stderr).toBe(0)
    expect(records(ran).at(-1)).toMatchObject({ transferred: 2, failed: 0 })
    expect(await readFile(join(folder, 'b'), 'utf8')).toBe('ok')
  })
})

describe('a file that changes while it is uploaded', () => {
  const path = () => join(folder, 'log.txt')

  beforeEach(() => writeFile(path(), Buffer.alloc(2 * 1024 * 1024)))

  const commands = [
    ['cp', () => ['cp', path(), ':log.txt']],
    ['put', () => ['put', path()]],
  ] as const
  const changes = [
    ['it grows', () => appendFile(path(), Buffer.alloc(1024 * 1024))],
    ['its size stays the same', () => writeFile(path(), Buffer.alloc(2 * 1024 * 1024, 'x'))],
  ] as const
  const cases = commands.flatMap(([command, args]) =>
    changes.map(([title, change]) => ({ command, args, title, change })),
  )

  it.each(cases)('is reported if $title: $command', async ({ args, change }) => {
    answer = async (request, response) => {
      if (request.method !== 'PUT') return problem(response, 404)
      await change()
      await request
        .resume()
        .toArray()
        .catch(() => {})
      response.writeHead(201).end()
    }
    const { code, stderr } = await cli([...args()])
    expect(stderr).toContain(`${path()} was changed while it was uploaded`)
    expect(code).toBe(1)
    expect(requests.filter((request) => request.startsWith('PUT'))).toHaveLength(1)
  })
})

it('shows progress while everything is equal', async () => {
  await writeFile(join(folder, 'a'), 'ok')
  const { size, mtime: modified } = await stat(join(folder, 'a'))
  const written: string[] = []
  const stream = { isTTY: true, write: (text: string) => written.push(text) }
  async function* pairs(): AsyncGenerator<Both> {
    for (let index = 0; index < 3; index++) {
      yield {
        name: 'a',
        left: { name: 'a', size, modified },
        right: { name: 'a', size, etag: '"x"', modified },
      }
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
  }
  await transferAll({
    direction: 'download',
    client: createClient({ url: 'http://localhost' }),
    output: createOutput({}, { stdout: stream, stderr: stream } as never),
    root: folder,
    nameOf: (file) => file,
    pairs,
    isPartial: () => false,
    dryRun: false,
    maxConcurrency: 1,
  })
  expect(written.join('')).toContain('equal')
})

describe('the file of an object', () => {
  it.each(['a/..\\..\\evil.txt', 'C:evil.txt', 'a/nul.txt'])(
    'is never outside the folder, or a device: %s',
    async (name) => {
      await expect(fileFor(name, './', 'win32')).rejects.toThrow('cannot be a file here')
      // The user may name another one.
      expect(await fileFor(name, 'other.txt', 'win32')).toBe('other.txt')
    },
  )
})
