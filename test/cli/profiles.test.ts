import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { close, listen } from '../kit/servers/listen.ts'
import { createCli, records, type Ran } from './run.ts'

let server: Server
let base: string
let home: string
let file: string
/** Where requests went, and with which token. */
let seen: string[]

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(`${request.url?.split('/')[1]} ${request.headers.authorization ?? 'no token'}`)
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify({ prefix: '', objects: [], directories: [], cursor: null, degraded: [] }))
  })
  base = await listen(server)
})

afterAll(() => close(server))

beforeEach(async () => {
  seen = []
  home = await mkdtemp(join(tmpdir(), 'cli-profiles-'))
  file = join(home, 'fallback-storage', 'config.json')
  return () => rm(home, { recursive: true })
})

const run = createCli('')
const cli = (args: readonly string[], env: Record<string, string> = {}, stdin = ''): Promise<Ran> =>
  run(args, { env: { XDG_CONFIG_HOME: home, ...env }, stdin })

async function add(name: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await cli(
    ['profile', 'add', name, '--url', `${base}${name}`, ...args],
    {},
    'secret\n',
  )
  expect(code, stderr).toBe(0)
}

describe('profiles', () => {
  it('are added, listed, chosen and removed, and the first one is the current one', async () => {
    await add('production', '--with-token')
    await add('staging', '--token-env', 'STAGING_TOKEN')
    const listed = await cli(['profile', 'ls', '--json'])
    expect(records(listed)).toEqual([
      { name: 'production', url: `${base}production/`, token: 'stored', current: true },
      { name: 'staging', url: `${base}staging/`, token: 'env', current: false },
    ])
    expect(listed.stdout).not.toContain('secret')
    expect((await cli(['profile', 'use', 'staging'])).code).toBe(0)
    expect((await cli(['profile', 'ls'])).stdout).toMatch(/^ {3}production .*\n\* {2}staging /)
    expect((await cli(['profile', 'rm', 'staging'])).code).toBe(0)
    expect(records(await cli(['profile', 'ls', '--json']))).toMatchObject([
      { name: 'production', current: false },
    ])
  })

  it('are stored so that only their owner can read them, even if others could before', async () => {
    await add('production', '--with-token')
    await chmod(file, 0o644)
    await add('staging')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await stat(dirname(file))).mode & 0o777).toBe(0o700)
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      current: 'production',
      profiles: { production: { token: 'secret' } },
    })
  })

  it.each([
    { from: '--with-token', args: ['--with-token'], env: {} },
    { from: '--token-env', args: ['--token-env', 'MY_TOKEN'], env: { MY_TOKEN: 'secret' } },
    { from: '--token-command', args: ['--token-command', 'echo secret'], env: {} },
  ])('take their token from $from', async ({ args, env }) => {
    await add('production', ...args)
    expect(await cli(['ls'], env)).toMatchObject({ code: 0 })
    expect(seen).toEqual(['production Bearer secret'])
  })

  it('take their token from a file', async () => {
    await writeFile(join(home, 'token'), 'of-the-file\n')
    await add('production', '--token-file', join(home, 'token'))
    expect(await cli(['ls'])).toMatchObject({ code: 0 })
    expect(seen).toEqual(['production Bearer of-the-file'])
  })

  it.each([
    { what: 'the current profile', args: [], env: {}, used: 'staging Bearer secret' },
    {
      what: 'FALLBACK_STORAGE_PROFILE before the current profile',
      args: [],
      env: { FALLBACK_STORAGE_PROFILE: 'production' },
      used: 'production Bearer secret',
    },
    {
      what: 'FALLBACK_STORAGE_URL before FALLBACK_STORAGE_PROFILE, without the token of any profile',
      args: [],
      env: { FALLBACK_STORAGE_URL: 'BASE/env', FALLBACK_STORAGE_PROFILE: 'production' },
      used: 'env no token',
    },
    {
      what: 'FALLBACK_STORAGE_TOKEN before the token of the current profile',
      args: [],
      env: { FALLBACK_STORAGE_TOKEN: 'of-the-environment' },
      used: 'staging Bearer of-the-environment',
    },
    {
      what: '--profile before everything in the environment',
      args: ['--profile', 'production'],
      env: { FALLBACK_STORAGE_URL: 'BASE/env', FALLBACK_STORAGE_TOKEN: 'of-the-environment' },
      used: 'production Bearer secret',
    },
    {
      what: '--url before the environment and without the token of any profile',
      args: ['--url', 'BASE/flag'],
      env: { FALLBACK_STORAGE_URL: 'BASE/env', FALLBACK_STORAGE_PROFILE: 'production' },
      used: 'flag no token',
    },
  ])('are used in this order: $what', async ({ args, env, used }) => {
    await add('production', '--with-token')
    await add('staging', '--with-token')
    await cli(['profile', 'use', 'staging'])
    const resolved = (text: string) => text.replace('BASE/', base)
    const settings = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, resolved(value)]))
    const { code, stderr } = await cli(['ls', ...args.map(resolved)], settings)
    expect(code, stderr).toBe(0)
    expect(seen).toEqual([used])
  })

  it.each([
    {
      args: ['ls', '--profile', 'prod'],
      says: 'there is no profile "prod"; there are: production, staging',
    },
    { args: ['profile', 'use', 'toString'], says: 'there is no profile "toString"' },
    { args: ['profile', 'rm', '__proto__'], says: 'there is no profile "__proto__"' },
    { args: ['ls', '--profile', 'production', '--url', 'http://x.test/'], says: 'exclude each other' },
    { args: ['profile', 'add', 'new'], says: 'give the URL of the deployment with --url' },
    {
      args: ['profile', 'add', 'production', '--url', 'http://x.test/'],
      says: 'give --replace to replace it',
    },
    { args: ['profile', 'add', 'c', '--url', 'http://x.test/'], says: '"c" cannot name a profile' },
    { args: ['profile', 'add', 'a:b', '--url', 'http://x.test/'], says: '"a:b" cannot name a profile' },
    {
      args: ['profile', 'add', 'new', '--url', 'http://x.test/', '--with-token', '--token-env', 'X'],
      says: 'exclude each other',
    },
    { args: ['profile', 'add', 'new', '--url', 'nonsense'], says: 'not a URL: nonsense' },
    {
      args: ['ls', '--profile', 'staging'],
      says: 'the token command of the profile "staging" failed: false',
    },
  ])('exit with 2 for $args and say why', async ({ args, says }) => {
    await add('production', '--with-token')
    await add('staging', '--token-command', 'false')
    const { code, stderr } = await cli(args)
    expect(stderr).toContain(says)
    expect(code).toBe(2)
    expect(seen).toEqual([])
  })

  it.each([
    { what: 'not JSON', text: '{', says: 'JSON' },
    { what: 'of another shape', text: '{"profiles":{"live":{"urk":1}}}', says: 'profiles.live.url' },
  ])('name their file if it is $what', async ({ text, says }) => {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
    const { code, stderr } = await cli(['ls'])
    expect(stderr).toContain(file)
    expect(stderr).toContain(says)
    expect(code).toBe(2)
  })

  it.each([
    { what: 'not JSON', text: '{"profiles":{"live":{"url":"u","token":SECRET}}}' },
    { what: 'a token that is no string', text: '{"profiles":{"live":{"url":"u","token":["SECRET"]}}}' },
    { what: 'a token that is a number', text: '{"profiles":{"live":{"url":"u","token":5323}}}' },
    { what: 'a profile that is only a token', text: '{"profiles":{"live":"SECRET"}}' },
  ])('show nothing of their file that could be a token: $what', async ({ text }) => {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
    const { code, stderr } = await cli(['ls'])
    expect(stderr).not.toMatch(/SEC|5323/)
    expect(stderr).toMatch(/JSON|profiles\.live/)
    expect(code).toBe(2)
  })

  it('are replaced only with --replace', async () => {
    await add('production', '--with-token')
    await add('production', '--replace')
    expect(await cli(['ls'])).toMatchObject({ code: 0 })
    expect(seen).toEqual(['production no token'])
  })
})
