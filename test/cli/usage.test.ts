import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { createCli } from './run.ts'

/** Responds like a Worker, or like something else. */
let server: Server
let base: string
let folder: string
let seen: (string | undefined)[] = []

const ANSWERS: Record<string, { status: number; type: string; body: object | string }> = {
  '/-/api/open/failing': {
    status: 502,
    type: 'application/problem+json',
    body: {
      type: '/-/docs/errors#unavailable',
      title: 'A backend failed',
      status: 502,
      detail: 'no backend could answer',
      backends: [
        { name: 'media', error: 'timeout', detail: 'no answer within 10000 ms' },
        { name: 'legacy', error: 'denied', detail: 'the origin answered 403' },
      ],
    },
  },
  '/-/api/open/guarded': {
    status: 401,
    type: 'application/problem+json',
    body: { title: 'Unauthorized', status: 401, detail: 'the bearer token is invalid' },
  },
  '/-/api/open/crash': { status: 500, type: 'text/plain; charset=UTF-8', body: 'error code: 1101' },
  '/-/api/open/login': { status: 302, type: 'text/html', body: '<h1>Log in</h1>' },
}

/** A captive portal answers everything like this. */
const PORTAL = { status: 200, type: 'text/html', body: '<h1>Welcome</h1>' }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-usage-'))
  server = createServer((request, response) => {
    seen.push(request.headers.authorization)
    const isPortal = request.url?.startsWith('/portal/')
    const answer = isPortal
      ? PORTAL
      : (ANSWERS[request.url ?? ''] ?? { status: 404, type: 'text/html', body: '<h1>Not here</h1>' })
    response.writeHead(answer.status, { 'Content-Type': answer.type })
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body))
  })
  base = await listen(server)
})

afterAll(async () => {
  await close(server)
  await rm(folder, { recursive: true, force: true })
})

const cli = createCli('', 'secret-token')

describe('the command line', () => {
  it.each([
    { args: ['ls'], env: {}, says: 'which Worker? Give --url or set FALLBACK_STORAGE_URL' },
    { args: ['ls', '--url', 'media.example.com'], env: {}, says: 'not a URL: media.example.com' },
    { args: ['ls', '--url', 'ftp://example.com/'], env: {}, says: 'not an http or https URL' },
    {
      args: ['ls', '--url', 'https://me:pw@example.com/'],
      env: {},
      says: 'contains a user name or password',
    },
    { args: ['ls', '--url', 'https://example.com/?a=b'], env: {}, says: 'contains a query' },
    {
      args: ['ls', '--token-file', '/no/such/token'],
      env: { FALLBACK_STORAGE_URL: 'https://example.com/' },
      says: 'ENOENT',
    },
    { args: ['ls', '--limit', '0'], env: {}, says: 'whole number of at least 1' },
    { args: ['ls', '--colour'], env: {}, says: "unknown option '--colour'" },
    { args: ['get'], env: {}, says: "missing required argument 'name'" },
    { args: ['lss'], env: {}, says: 'Did you mean ls?' },
    { args: ['backfill', 'stop'], env: {}, says: "unknown command 'stop'" },
  ])('exits with 2 for $args and says why', async ({ args, env, says }) => {
    const { code, stdout, stderr } = await cli(args, { env })
    expect(stderr).toContain(says)
    expect(stderr).not.toContain('    at ')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  it.each([
    { args: ['ls', '--colour'], title: "unknown option '--colour'" },
    { args: ['lss'], title: "unknown command 'lss'" },
    { args: ['get'], title: "missing required argument 'name'" },
    { args: ['ls', '--limit', '0'], title: expect.stringContaining('whole number of at least 1') },
    { args: ['ls'], title: expect.stringContaining('which Worker?') },
    { args: ['ls', '--url', 'nonsense'], title: 'not a URL: nonsense' },
    { args: [], title: 'no command given, or none of that name' },
    { args: ['backfill'], title: 'no command given, or none of that name' },
  ])('reports usage errors as JSON with --json: $args', async ({ args, title }) => {
    const { code, stdout, stderr } = await cli([...args, '--json'])
    expect(stderr).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(stderr)).toEqual({ error: { title, exit_code: 2 } })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  it('treats --json after -- as a name', async () => {
    const { code, stderr } = await cli(['rm', '--url', 'nonsense', '--', '--json'])
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'error: not a URL: nonsense\n' })
  })

  it('shows the usage when no command is given', async () => {
    const { code, stderr } = await cli([])
    expect(code).toBe(2)
    expect(stderr).toContain('Usage: fallback-storage')
  })

  it('shows examples for every command', () => {
    const commands = leaves(createProgram(process))
    expect(commands.map(nameOf)).toEqual(expect.arrayContaining(['ls', 'backfill retry', 'tombstones purge']))
    for (const command of commands) {
      const help = helpOf(command)
      expect(help).toMatch(/\nExamples?:\n {2}/)
      expect(help).toContain(`fallback-storage ${nameOf(command)}`)
      expect(help).toContain('--json')
    }
  })
})

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

function nameOf(command: Command): string {
  const { parent } = command
  return parent?.parent ? `${nameOf(parent)} ${command.name()}` : command.name()
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp()
  return text
}

describe('errors', () => {
  it('show why each backend failed', async () => {
    expect(await cli(['get', 'failing', '-', '--url', base])).toMatchObject({
      code: 1,
      stdout: '',
      stderr:
        'error: A backend failed: no backend could answer\n' +
        '  media: timeout: no answer within 10000 ms\n' +
        '  legacy: denied: the origin answered 403\n',
    })
  })

  it('are one JSON document on standard error with --json', async () => {
    const { code, stdout, stderr } = await cli(['rm', 'missing', '--url', base, '--json'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(JSON.parse(stderr)).toMatchObject({ error: { status: 404, exit_code: 1 } })
  })

  it.each([
    {
      what: 'where nothing listens',
      url: 'http://127.0.0.1:1023/',
      says: 'the Worker cannot be reached: nothing listens there',
    },
    { what: 'of no host', url: 'http://no-such-host.invalid/', says: 'the Worker cannot be reached' },
  ])('say that the Worker cannot be reached: URL $what', async ({ url, says }) => {
    const { code, stderr } = await cli(['ls', '--url', url])
    expect(code).toBe(1)
    expect(stderr).toContain(says)
    expect(stderr).toContain('FALLBACK_STORAGE_URL')
  })

  it.each(['ls', 'doctor'])('say that another server answered, even with a 200: %s', async (command) => {
    const { code, stdout, stderr } = await cli([command, '--url', `${base}portal/`])
    expect(stdout + stderr).toContain('did not answer as fallback-storage does')
    expect(code).toBe(1)
  })

  it.each(['anything', 'login'])('say that another server answered: %s', async (name) => {
    const { code, stderr } = await cli(['get', name, '-', '--url', base])
    expect(code).toBe(1)
    expect(stderr).toContain('did not answer as fallback-storage does')
  })
})

it('passes on error texts of Cloudflare itself', async () => {
  const { code, stderr } = await cli(['get', 'crash', '-', '--url', base])
  expect(stderr).toContain('HTTP 500: ')
  expect(stderr).toContain(
    'did not answer as fallback-storage does: error code: 1101. Is the URL its media base?',
  )
  expect(code).toBe(1)
})

describe('the token', () => {
  it('is read from the environment or a file, and never printed', async () => {
    await writeFile(join(folder, 'token'), 'token-of-the-file\n')
    seen = []
    const first = await cli(['get', 'guarded', '-', '--url', base])
    const second = await cli(['get', 'guarded', '-', '--url', base, '--token-file', join(folder, 'token')])
    expect(seen).toEqual(['Bearer secret-token', 'Bearer token-of-the-file'])
    for (const { code, stderr } of [first, second]) {
      expect(code).toBe(4)
      expect(stderr).toBe(
        'error: Unauthorized: the bearer token is invalid\n' +
          'The token is read from FALLBACK_STORAGE_TOKEN or --token-file.\n',
      )
    }
  })

  it('is not sent if there is none', async () => {
    seen = []
    await cli(['get', 'guarded', '-', '--url', base], { env: { FALLBACK_STORAGE_TOKEN: undefined } })
    expect(seen).toEqual([undefined])
  })

  it('cannot be an argument, which other users could see', async () => {
    expect(await cli(['ls', '--token', 'x'])).toMatchObject({ code: 2 })
  })
})
