import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startLegacyOrigin, type LegacyOrigin } from '../../demo/legacy-origin.ts'
import { createClient } from '../../src/client/client.ts'
import type { Check } from '../../src/cli/checks.ts'
import { examine } from '../../src/cli/commands/doctor.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { startSite, TOKEN, type Site } from '../kit/worker/site.ts'
import { createCli, type Ran } from './run.ts'

const READER = 'the-token-of-the-reader'

let origin: LegacyOrigin

beforeAll(async () => {
  origin = await startLegacyOrigin()
})

afterAll(() => origin?.close())

function diagnosis({ stdout }: Ran): { ok: boolean; checks: Record<string, Check> } {
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Check[] }
  return { ok, checks: Object.fromEntries(checks.map((check) => [check.name, check])) }
}

it.each([
  { url: 'http://localhost:8787/', says: 'set API_TOKEN in .dev.vars' },
  { url: 'http://[::1]:8787/', says: '.dev.vars' },
  { url: 'https://media.example.com/', says: 'npx wrangler secret put API_TOKEN' },
])('says where to set secrets for $url', async ({ url, says }) => {
  const send = async (input: string | URL | Request) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input)
    if (pathname === '/-/health') return Response.json({ status: 'ok' })
    if (pathname !== '/-/api/backends') return Response.json({})
    const problem = { title: 'Forbidden', status: 403, detail: 'no token is configured' }
    return Response.json(problem, { status: 403, headers: { 'Content-Type': 'application/problem+json' } })
  }
  const checks = await Array.fromAsync(
    examine({ client: createClient({ url, fetch: send }), url, hasToken: false }),
  )
  expect(checks.at(-1)).toMatchObject({
    name: 'token',
    status: 'failed',
    fix: expect.stringContaining(says),
  })
})

interface Stub {
  /** Of the backend `media`. */
  type?: string
  state?: string
  error: string
  detail: string
  result?: string
  mirror?: object
  /** Instead of an answer, for paths that begin with this. */
  failing?: { path: string; fail: () => Response }
}

/** What doctor says about a backend that failed recently, and about a mirror behind it. */
async function checksOf({ type = 'r2', state = 'closed', result = 'absent', ...stub }: Stub) {
  const { mirror, failing, ...failure } = stub
  const error = { at: '2026-11-01T00:00:00.000Z', ...failure }
  const health = { state, failures: 0, recent_errors: [error] }
  const backend = {
    name: 'media',
    type,
    role: 'primary',
    writable: true,
    methods: [],
    config: { url: 'https://old.example/' },
    health,
  }
  const old = { ...backend, name: 'old', type: 's3', role: 'mirror', health: undefined }
  const followed = {
    name: 'old',
    pending: 0,
    failed: 0,
    oldest_pending_seconds: null,
    last_resync: '2026-11-01T00:00:00.000Z',
    failures: [],
  }
  const answers: Record<string, object> = {
    '/-/health': { status: 'ok' },
    '/-/api/backends': { backends: [backend, old], migration: false, deletes: 'tombstone' },
    '/-/api/explain': {
      backends: [
        { name: 'media', type, accepts: true, result, detail: 'it failed too often', latency_ms: 1 },
      ],
    },
    '/-/api/list': { prefix: '', objects: [], directories: [], cursor: null, degraded: [] },
    '/-/api/mirrors': { mirrors: [{ ...followed, ...mirror }] },
  }
  const send = async (input: string | URL | Request) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input)
    if (failing && pathname.startsWith(failing.path)) return failing.fail()
    const known = Object.keys(answers).find((path) => pathname.startsWith(path))
    return Response.json(known === undefined ? { backfills: [], name: 'x' } : answers[known])
  }
  const url = 'https://media.example.com/'
  return Array.fromAsync(examine({ client: createClient({ url, fetch: send }), url, hasToken: true }))
}

const LOCKED = { error: 'locked', detail: 'a bucket lock protects the object' }

it('warns about a backend that refused a change because of a lock', async () => {
  const checks = await checksOf(LOCKED)
  expect(checks.find(({ name }) => name === 'chain')?.detail).toContain('media (r2) → old (s3, mirror);')
  expect(checks.filter(({ status }) => status !== 'ok')).toEqual([
    expect.objectContaining({
      name: 'media',
      status: 'warning',
      detail: expect.stringContaining('locked: a bucket lock protects the object'),
      fix: expect.stringContaining('remove the rule or limit it to a prefix'),
    }),
  ])
})

it.each([
  ['unavailable', 'could not be reached', 'check that https://old.example/ is up'],
  ['unavailable', 'the origin answered 503', 'it answers, but fails: its own log says why'],
  // Cloudflare's own, for an origin that it cannot reach.
  ['unavailable', 'the origin answered 522', 'check that https://old.example/ is up'],
  ['unavailable', 'the origin answered 530', 'check that https://old.example/ is up'],
  [
    'unavailable',
    'the origin redirects to an address that is not public',
    'see where https://old.example/ redirects',
  ],
  ['unavailable', 'the origin answered 429', 'it limits how fast it is read'],
  ['denied', 'the origin answered 401', 'if the origin needs a header'],
])('says why a backend is skipped, and how to fix that: %s, %s', async (error, detail, fix) => {
  const checks = await checksOf({ type: 'http', state: 'open', result: 'skipped', error, detail })
  expect(checks.find(({ name }) => name === 'media')).toEqual({
    name: 'media',
    status: 'failed',
    detail: `skipped: it failed too often, last at 2026-11-01T00:00:00.000Z: ${error}: ${detail}`,
    fix: expect.stringContaining(fix),
  })
})

it.each([
  ['S3 answered 500 InternalError', 'it answers, but fails'],
  ['S3 answered 523', 'check endpoint'],
])('says how to fix an S3 backend: %s', async (detail, fix) => {
  const checks = await checksOf({ type: 's3', error: 'unavailable', detail })
  expect(checks.find(({ name }) => name === 'media')?.fix).toContain(fix)
})

it('says what a backend failed with that is skipped in a listing', async () => {
  const skipped = { name: 'media', error: 'skipped', detail: 'it failed too often recently' }
  const page = { objects: [], directories: [], cursor: null, degraded: ['media'], backends: [skipped] }
  const failing = { path: '/-/api/list', fail: () => Response.json(page) }
  const failure = { error: 'unavailable', detail: 'the origin answered 503' }
  const checks = await checksOf({ type: 'http', ...failure, failing })
  expect(checks.find(({ name }) => name === 'listing')).toEqual({
    name: 'listing',
    status: 'failed',
    detail:
      'media: skipped: it failed too often recently, last at 2026-11-01T00:00:00.000Z: unavailable: the origin answered 503',
    fix: expect.stringContaining('its own log says why'),
  })
})

it.each([
  [{ state: 'running', waiting: null }, 'ok', 'unfinished: a1', undefined],
  [{ state: 'paused', waiting: null }, 'ok', 'unfinished: a1 (paused)', undefined],
  [
    {
      state: 'running',
      waiting: { backend: 'media', error: 'timeout', detail: 'did not answer', until: '' },
    },
    'warning',
    'unfinished: a1 (waiting for media: timeout: did not answer)',
    'a job that waits goes on by itself',
  ],
])('says what jobs wait for: %j', async (job, status, detail, fix) => {
  const failing = {
    path: '/-/api/backfills',
    fail: () =>
      Response.json({
        backfills: [
          { id: 'a1', ...job },
          { id: 'b', state: 'completed' },
        ],
      }),
  }
  const checks = await checksOf({ ...LOCKED, failing })
  expect(checks.find(({ name }) => name === 'jobs')).toEqual({
    name: 'jobs',
    status,
    detail,
    ...(fix !== undefined && { fix: expect.stringContaining(fix) }),
  })
})

it.each([
  [
    'is behind',
    { pending: 3, oldest_pending_seconds: 300 },
    'warning',
    '3 changes pending, for 5 min 0 s',
    'a backlog ends by itself',
  ],
  [
    'failed',
    {
      pending: 3,
      failed: 1,
      oldest_pending_seconds: 900,
      failures: [{ name: 'a.jpg', error: 'denied', detail: 'S3 answered 403', attempts: 6, since: '' }],
    },
    'failed',
    '3 changes pending, for 15 min 0 s; 1 has failed, e.g. a.jpg: denied: S3 answered 403',
    'fix what the mirror fails with',
  ],
])('reports a mirror that %s, and what to do', async (_, mirror, status, detail, fix) => {
  const checks = await checksOf({ ...LOCKED, mirror })
  expect(checks.find(({ name }) => name === 'mirrors')).toEqual({
    name: 'mirrors',
    status,
    detail: `old: ${detail}`,
    fix: expect.stringContaining(fix),
  })
})

const problem = (status: number, title: string) => () =>
  Response.json(
    { type: 'about:blank', status, title, detail: 'why' },
    { status, headers: { 'Content-Type': 'application/problem+json' } },
  )
const unreachable = () => {
  throw new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) })
}

it.each([
  ['backends', 'explain', problem(500, 'Internal error'), 'failed', 'npx wrangler tail'],
  ['backends', 'explain', unreachable, 'failed', 'run doctor again'],
  ['listing', 'list', problem(503, 'Overloaded'), 'failed', 'npx wrangler tail'],
  ['mirrors', 'mirrors', problem(501, 'Not implemented'), 'failed', 'bind it as MIRROR_LOG'],
  ['mirrors', 'mirrors', problem(403, 'Forbidden'), 'failed', 'use a token with the scope "admin"'],
  ['mirrors', 'mirrors', problem(500, 'The mirrors cannot be read'), 'failed', 'npx wrangler tail'],
  ['mirrors', 'mirrors', unreachable, 'failed', 'run doctor again'],
  ['jobs', 'backfills', problem(501, 'Not implemented'), 'warning', 'backfills need the queue'],
  ['jobs', 'backfills', problem(500, 'The jobs cannot be read'), 'failed', 'npx wrangler tail'],
  ['jobs', 'backfills', unreachable, 'failed', 'run doctor again'],
])('says what to do if the request of the check %s fails (%s): case %#', async (...given) => {
  const [name, route, fail, status, fix] = given
  const checks = await checksOf({ ...LOCKED, failing: { path: `/-/api/${route}`, fail } })
  const [check, ...more] = checks.filter((one) => one.name === name)
  expect(check).toMatchObject({ status, fix: expect.stringContaining(fix) })
  expect(check?.detail).toContain(fail === unreachable ? 'the connection was closed' : 'why')
  expect(check?.detail).not.toContain('fallback-storage doctor')
  expect(more).toEqual([])
})

it.each([
  ['follows', {}, 'old: no change is pending'],
  ['was never resynced', { last_resync: null }, 'old: no change is pending; never resynced, so '],
])('says that a mirror %s', async (_, mirror, detail) => {
  const checks = await checksOf({ ...LOCKED, mirror })
  expect(checks.find(({ name }) => name === 'mirrors')).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining(detail),
  })
})

it('says where a URL redirects, and sends no token there', async () => {
  const redirected: (string | undefined)[] = []
  const server = createServer(({ url }, response) => {
    redirected.push(url)
    response.writeHead(301, { Location: `https://www.example.com${url}` }).end()
  })
  const url = await listen(server)
  onTestFinished(() => close(server))
  const ran = await createCli(url, TOKEN)(['doctor', '--json'])
  expect(diagnosis(ran).checks['worker']).toMatchObject({
    status: 'failed',
    detail: expect.stringContaining('redirects to https://www.example.com/-/health;'),
  })
  const { code, stderr } = await createCli(url, TOKEN)(['rm', 'a.txt'])
  expect(stderr).toContain('redirects to https://www.example.com/-/api/delete/a.txt;')
  expect(code).toBe(1)
  expect(redirected).toHaveLength(2)
})

describe('a deployment with broken origins', () => {
  let worker: Site
  /** An S3 server that refuses every request. */
  let denying: Server

  beforeAll(async () => {
    denying = createServer((_, response) => response.writeHead(403).end())
    const endpoint = await listen(denying)
    const storages = [
      { type: 'r2', binding: 'MEDIA' },
      { type: 'http', name: 'well', url: origin.url },
      { type: 'http', name: 'gone', url: 'http://127.0.0.1:1023/', listing: 'autoindex-json' },
      {
        type: 's3',
        name: 'locked',
        endpoint: `${origin.url}denied/`,
        bucket: 'b',
        credentials: 'LEGACY',
        absent_statuses: [410],
      },
      { type: 's3', name: 'refused', endpoint, bucket: 'b', credentials: 'LEGACY' },
      { type: 's3', name: 'private', endpoint, bucket: 'c' },
    ]
    const vars = {
      MEDIA_PATH: '/media/',
      MEDIA_URL: 'http://127.0.0.1:1023/media/',
      LEGACY_ACCESS_KEY_ID: 'id',
      LEGACY_SECRET_ACCESS_KEY: 'very-secret',
    }
    worker = await startSite({ storages, vars })
  })

  afterAll(async () => {
    await worker?.close()
    await close(denying)
  })

  it('gets a diagnosis and a fix for every backend', async () => {
    const ran = await createCli(`${worker.url}media/`, TOKEN)(['doctor', '--json'])
    const { ok, checks } = diagnosis(ran)
    expect({ ok, code: ran.code }).toEqual({ ok: false, code: 1 })
    expect(checks['media']).toMatchObject({ status: 'ok' })
    expect((JSON.parse(ran.stdout) as { checks: Check[] }).checks).toContainEqual({
      name: 'gone',
      status: 'warning',
      detail: expect.stringContaining('has the same host as MEDIA_URL (127.0.0.1:1023)'),
    })
    expect(checks['well']).toMatchObject({ status: 'ok' })
    expect(checks['gone']).toMatchObject({
      status: 'failed',
      fix: expect.stringContaining('http://127.0.0.1:1023/'),
    })
    expect(checks['locked']).toMatchObject({ status: 'failed' })
    expect(checks['refused']).toMatchObject({
      status: 'failed',
      fix: expect.stringMatching(/LEGACY_ACCESS_KEY_ID and LEGACY_SECRET_ACCESS_KEY .*\.dev\.vars/),
    })
    expect(checks['private']).toMatchObject({
      status: 'failed',
      fix: expect.stringContaining('set credentials'),
    })
    expect(ran.stdout).not.toContain('very-secret')
  })

  it('sends each backend one request, for a name that does not exist', async () => {
    origin.requests.length = 0
    await createCli(`${worker.url}media`, TOKEN)(['doctor'])
    const requests = origin.requests.filter((request) => !request.includes('denied'))
    expect(requests).toEqual([expect.stringMatching(/^HEAD \/fallback-storage-doctor-[\w-]+$/)])
  })

  it('lists what it can, and exits with 1 because the listing is incomplete', async () => {
    const cli = createCli(`${worker.url}media/`, TOKEN)
    await cli(['put', '-', 'there.txt'], { stdin: 'x' })
    const { code, stdout, stderr } = await cli(['ls'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'there.txt\n' })
    expect(stderr).toContain('warning: gone failed, so the listing is not complete: ')
    expect(stderr).toContain('well cannot list: objects that only it holds are not shown\n')
  })

  it('explains a name that only a backend that failed may have as not known, and exits with 1', async () => {
    const { code, stdout } = await createCli(`${worker.url}media/`, TOKEN)(['explain', 'nowhere.txt'])
    expect(stdout).toMatch(/^nowhere\.txt: not known, because a backend failed\nmigration: unknown \(.+\)\n/)
    expect(code).toBe(1)
  })

  it('says that MEDIA_PATH is missing from the URL', async () => {
    const { code, stdout } = await createCli(worker.url, TOKEN)(['doctor'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^✗ worker .+\n {17}→ .+MEDIA_PATH included/)
  })

  it.each([
    { token: undefined, says: 'set FALLBACK_STORAGE_TOKEN, or give --token-file, to a token of the Worker' },
    { token: 'wrong', says: 'FALLBACK_STORAGE_TOKEN (or --token-file) is not a token of the Worker' },
  ])('says what is wrong with the token $token', async ({ token, says }) => {
    const { code, stdout } = await createCli(`${worker.url}media/`, token)(['doctor'])
    expect(code).toBe(1)
    expect(stdout).toContain(says)
  })
})

it.each([
  {
    what: 'a wrong configuration',
    options: { storages: [{ type: 'r2', binding: 'MEDAI' }] },
    says: /^✗ configuration .*\n {17}.*`MEDAI`.*use `MEDIA`/m,
  },
  {
    what: 'a Worker without a token',
    options: { storages: [{ type: 'r2', binding: 'MEDIA' }], vars: { API_TOKEN: '' } },
    says: /^✗ token .*\n.*→ set API_TOKEN in \.dev\.vars/m,
  },
  {
    what: 'a token with too small a scope, where media are not public',
    options: {
      storages: [{ type: 'r2', binding: 'MEDIA' }],
      vars: {
        MEDIA_ACCESS: 'token',
        API_TOKENS: JSON.stringify([{ name: 'reader', token: READER, scopes: ['read'] }]),
      },
    },
    token: READER,
    says: /^✗ token .*the scope "admin", and "reader" has "read"\n.*→ use a token with the scope "admin"/m,
  },
  {
    what: 'a wrong token, where media are not public',
    options: {
      storages: [{ type: 'r2', binding: 'MEDIA' }],
      vars: {
        MEDIA_ACCESS: 'signed',
        URL_SIGNING_KEYS: JSON.stringify([{ id: 'a', key: 'a key that signs nothing in this test' }]),
      },
    },
    token: 'wrong',
    says: /^✓ configuration .*\n✗ token .*Unauthorized/m,
  },
])('reports $what', async ({ options, token = TOKEN, says }) => {
  const worker = await startSite(options)
  try {
    const { code, stdout } = await createCli(worker.url, token)(['doctor'])
    expect(stdout).toMatch(says)
    expect(code).toBe(1)
  } finally {
    await worker.close()
  }
})
