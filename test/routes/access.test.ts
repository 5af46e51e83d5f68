import { reset } from 'cloudflare:test'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answering, fill, media, mediaKv, OLD, R2, SITE, startApp, TOKEN } from '../kit/app.ts'
import { type Route, type RouteId, ROUTES, type Scope } from '../../src/schemas/routes.ts'
import { logged } from '../kit/logged.ts'

/** What each route must declare: a new one is missing here until someone has decided who may use it. */
const DECLARED: Record<Route['access'], RouteId[]> = {
  public: [
    'health',
    'openapi',
    'docs',
    'errorDocs',
    'docsScript',
    'docsStyle',
    'signIn',
    'dashboard',
    'dashboardFile',
  ],
  'signed-in': ['getSession', 'signOut'],
  media: [
    'getObject',
    'open',
    'exists',
    'existsAll',
    'size',
    'accessedTime',
    'createdTime',
    'modifiedTime',
    'url',
    'getValidName',
    'getAvailableName',
  ],
  read: ['path', 'listdirRoot', 'listdir', 'listAll', 'list', 'explain', 'preview'],
  write: [
    'putObject',
    'deleteObject',
    'save',
    'delete',
    'undelete',
    'listPriorVersions',
    'restore',
    'migrate',
  ],
  admin: [
    'listTombstones',
    'purgeTombstones',
    'purgeCache',
    'listBackends',
    'listMirrors',
    'getSeries',
    'listConflicts',
    'dismissConflict',
    'listEvents',
    'receiveEvents',
    'getDependence',
    'metrics',
    'listBackfills',
    'startBackfill',
    'getBackfill',
    'pauseBackfill',
    'resumeBackfill',
    'cancelBackfill',
    'retryFailedBackfill',
    'listBackfillFailures',
    'getBackfillSeries',
    'listDeadCopies',
    'resyncMirror',
    'listVerifications',
    'startVerification',
    'checkCertificate',
    'getVerification',
    'listDifferences',
    'getVerificationReport',
    'cancelVerification',
  ],
}

/** Routes that say in their query or body which names they are about, and how. */
const PREFIXED: Partial<Record<RouteId, (prefix: string) => { query?: string; body?: object }>> = {
  existsAll: (prefix) => ({ body: { names: [`${prefix}a`] } }),
  migrate: (prefix) => ({ body: { names: [`${prefix}a`] } }),
  listTombstones: (prefix) => ({ query: `prefix=${prefix}` }),
  purgeTombstones: (prefix) => ({ body: { prefix } }),
  purgeCache: (prefix) => ({ body: { prefix } }),
  startBackfill: (prefix) => ({ body: { prefix, dry_run: true } }),
  resyncMirror: (prefix) => ({ body: { prefix } }),
  startVerification: (prefix) => ({ body: { prefix } }),
}

/** What other routes need in their queries. */
const QUERIES: Partial<Record<RouteId, string>> = {
  getSeries: 'what=reads',
  dismissConflict: 'backend=old',
}

const SCOPES = ['read', 'write', 'admin'] as const
const tokenOf = (name: string): string => `the-secret-of-${name}`
const TOKENS = [
  ...SCOPES.map((scope) => ({ name: scope, token: tokenOf(scope), scopes: [scope] })),
  ...SCOPES.map((scope) => {
    const name = `team-${scope}`
    return { name, token: tokenOf(name), scopes: [scope], prefix: 'team/' }
  }),
]

type Mode = 'public' | 'token' | 'signed'
const MODES: Mode[] = ['public', 'token', 'signed']

const origin = answering(() => new Response('old', { headers: { ETag: '"1"' } }))

/** A deployment with these tokens, whose every backend counts its requests in `origin`. */
function start(mode: Mode, settings: Record<string, unknown> = {}) {
  return startApp({
    API_TOKENS: JSON.stringify(TOKENS),
    MEDIA_ACCESS: mode,
    ...(mode === 'signed' && {
      URL_SIGNING_KEYS: [{ id: 'a', key: 'a key that signs nothing in these tests' }],
    }),
    FALLBACK_STORAGES: [OLD],
    OLD: origin,
    ...settings,
  })
}

/** A request for the route about names below `prefix`. */
function requestOf(id: RouteId, prefix: string, token: string | null): Request {
  const { method, path, types }: Route = ROUTES[id]
  const { query = QUERIES[id] ?? '', body = types?.includes('*/*') ? 'bytes' : undefined } =
    PREFIXED[id]?.(prefix) ?? {}
  const filled = path
    .replace('{id}', '0123456789abcde')
    .replace('{backend}', 'media')
    .replace('{name}', `${prefix}a`)
    .replace(/\{\w+\}/, prefix)
  return new Request(`${SITE}/${filled}?${query}`, {
    method,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    headers: {
      ...(token !== null && { Authorization: `Bearer ${token}` }),
      ...(typeof body === 'object' && { 'Content-Type': 'application/json' }),
    },
  })
}

function scopeFor(id: RouteId, mode: Mode): Scope | null {
  const { access } = ROUTES[id]
  if (access === 'public') return null
  if (access === 'signed-in') return 'read'
  if (access !== 'media') return access
  return mode === 'public' ? null : 'read'
}

/** Whether the path, query or body of the route says which names it is about. */
function isAboutNames(id: RouteId): boolean {
  return id in PREFIXED || /\{(name|path|prefix)\}/.test(ROUTES[id].path)
}

/** 401, 403, or 0 for a request that is allowed. */
function expected(id: RouteId, who: string, { mode, inside }: { mode: Mode; inside: boolean }): number {
  const needed = scopeFor(id, mode)
  if (who === 'wrong') return needed === null && id !== 'existsAll' ? 0 : 401
  if (who === 'none') {
    if (needed === null) return 0
    return mode === 'signed' && id === 'getObject' ? 403 : 401
  }
  if (needed === null && id !== 'existsAll') return 0
  const scope = who.replace('team-', '') as Scope
  if (SCOPES.indexOf(scope) < SCOPES.indexOf(needed ?? 'read')) return 403
  if (ROUTES[id].access === 'signed-in') return 0
  return who.startsWith('team-') && !(inside && isAboutNames(id)) ? 403 : 0
}

const WHO = ['none', 'wrong', ...TOKENS.map(({ name }) => name)]
const IDS = Object.keys(ROUTES) as RouteId[]

afterAll(() => reset())

describe('the table of routes', () => {
  it('declares for each route who may use it', () => {
    const declared = IDS.map((id) => [id, ROUTES[id].access])
    const decided = Object.entries(DECLARED).flatMap(([access, ids]) => ids.map((id) => [id, access]))
    expect(Object.fromEntries(declared)).toEqual(Object.fromEntries(decided))
  })
})

describe.each(MODES)('with MEDIA_ACCESS = %s', (mode) => {
  const { app } = start(mode)

  it.each(IDS)(
    '%s is allowed to whom it should be, and refused before any backend or body is used',
    async (id) => {
      for (const who of WHO) {
        for (const prefix of ['team/', 'other/']) {
          const token = who === 'none' ? null : tokenOf(who)
          const request = requestOf(id, prefix, token)
          origin.requests.length = 0
          const response = await app.request(request)
          const status = [401, 403].includes(response.status) ? response.status : 0
          const about = `${id} by ${who} about ${prefix}`
          expect([about, status]).toEqual([about, expected(id, who, { mode, inside: prefix === 'team/' })])
          if (status === 0) continue
          expect([about, origin.requests.length]).toEqual([about, 0])
          expect(response.headers.get('Content-Type')).toBe('application/problem+json')
          expect(response.headers.has('WWW-Authenticate') || status === 403).toBe(true)
          // A body may only be read for the names in it, by someone with the scope.
          const scope = scopeFor(id, mode)
          const hasScope =
            SCOPES.indexOf(who.replace('team-', '') as Scope) >= SCOPES.indexOf(scope ?? 'read')
          expect([about, request.bodyUsed && !hasScope]).toEqual([about, false])
        }
      }
    },
  )
})

describe.each(['token', 'signed'] as const)('media with MEDIA_ACCESS = %s', (mode) => {
  beforeAll(async () => {
    await fill(media, { secret: 'in the primary' })
    await fill(mediaKv, { old: 'in the fallback' })
  })

  it.each(['GET', 'HEAD'])('are refused alike, whether or not they exist or can (%s)', async (method) => {
    const { call } = start(mode, { FALLBACK_STORAGES: [R2] })
    const answers = []
    for (const path of ['/secret', '/old', '/none', '/%00', '/a/../b', '/secret?expires=1&signature=x']) {
      const response = await call(path, { method, token: null })
      answers.push([response.status, [...response.headers], await response.text()])
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(answers[0]?.[0]).toBe(mode === 'signed' ? 403 : 401)
  })

  it('are served to the scope read, for no shared cache', async () => {
    const { call } = start(mode, { FALLBACK_STORAGES: [R2] })
    const response = await call('/secret', { token: tokenOf('read') })
    expect([response.status, await response.text()]).toEqual([200, 'in the primary'])
    expect(response.headers.get('Cache-Control')).toBe('private, max-age=3600')
    const headers = { 'If-None-Match': response.headers.get('ETag') ?? '' }
    const unchanged = await call('/-/api/open/secret', { token: tokenOf('read'), headers })
    expect([unchanged.status, unchanged.headers.get('Cache-Control')]).toEqual([304, 'private, max-age=3600'])
  })

  it("keep the object's own Cache-Control where that is stricter", async () => {
    const { call } = start(mode, { FALLBACK_STORAGES: [R2] })
    for (const cacheControl of ['no-store', 'private, max-age=5']) {
      const headers = { 'Cache-Control': cacheControl }
      await call('/own', { method: 'PUT', body: 'x', headers, token: tokenOf('write') })
      const response = await call('/own', { token: tokenOf('read') })
      expect([await response.text(), response.headers.get('Cache-Control')]).toEqual(['x', cacheControl])
    }
  })
})

describe('API_TOKEN', () => {
  it('has every scope, next to the tokens of API_TOKENS', async () => {
    const { call } = start('token')
    for (const path of ['/a', '/-/api/explain/a', '/-/api/backends'])
      expect((await call(path, { token: TOKEN })).status).toBe(200)
  })
})

describe('a token with a prefix', () => {
  it('lists its directory, page by page, and no other', async () => {
    await fill(media, { 'team/a': '1', 'team/b': '2', 'teams/c': '3' })
    const { call } = start('public', { FALLBACK_STORAGES: [R2] })
    const token = tokenOf('team-read')
    const list = async (path: string): Promise<Record<string, unknown>> =>
      (await call(`/-/api/${path}`, { token })).json()
    const first = await list('list/team/?limit=1')
    const second = await list(`list/team/?limit=1&cursor=${String(first['cursor'])}`)
    expect([first, second]).toMatchObject([
      { objects: [{ name: 'team/a' }] },
      { objects: [{ name: 'team/b' }], cursor: null },
    ])
    expect(await list('listdir/team')).toMatchObject({ files: ['a', 'b'] })
    expect(await list('listdir/')).toMatchObject({ status: 403 })
    expect(await list('list/teams/')).toMatchObject({ status: 403 })
  })

  it('saves below its prefix only, whatever Django makes of the name', async () => {
    const { call } = start('public', { FALLBACK_STORAGES: [R2] })
    const save = async (name: string): Promise<unknown> => {
      const init = { method: 'POST', body: 'x', token: tokenOf('team-write') }
      const response = await call(`/-/api/save/${name}`, init)
      const { status, name: saved } = await response.json<Record<string, unknown>>()
      return status ?? saved
    }
    expect(await save('team/new')).toBe('team/new')
    expect(await save('team/new')).toMatch(/^team\/new_\w{7}$/)
    expect(await save('team/x%5Cy')).toBe('team/x/y')
    expect(await save('team/..%5Cother')).toBe(400)
    expect(await save('team%5Cother')).toBe(403)
  })

  it('cannot ask for one name outside among others', async () => {
    const { call } = start('public')
    const exists = (names: string[]): Promise<Response> =>
      call('/-/api/exists', {
        method: 'POST',
        body: JSON.stringify({ names }),
        token: tokenOf('team-read'),
      })
    expect((await exists(['team/a'])).status).toBe(200)
    expect((await exists(['team/a', 'team/../other'])).status).toBe(400)
    expect((await exists(['team/a', 'other'])).status).toBe(403)
  })
})

describe('what is logged', () => {
  it('is the name of the token, never the token', async () => {
    await fill(media, { a: '1' })
    const { call } = start('token', { FALLBACK_STORAGES: [R2] })
    const lines = await logged(async () => {
      await call('/a', { token: tokenOf('read') })
      await call('/a', { method: 'DELETE', token: tokenOf('read') })
      await call('/other', { token: tokenOf('team-read') })
      await call('/a', { token: 'wrong' })
    })
    expect(lines).toMatchObject([
      { status: 200, by: 'read', route: 'media' },
      { status: 403, by: 'read', route: 'media' },
      { status: 403, by: 'team-read', route: 'media' },
      { status: 401, route: 'media' },
    ])
    expect(lines[3]).not.toHaveProperty('by')
    expect(JSON.stringify(lines)).not.toContain('the-secret-of')
  })

  it('is absent for what anyone may read', async () => {
    const { call } = start('public')
    const [line] = await logged(() => call('/a', { token: tokenOf('read') }))
    expect(line).toMatchObject({ status: 200, outcome: 'hit' })
    expect(line).not.toHaveProperty('by')
  })
})

describe('a job', () => {
  it.each(['backfills', 'verifications'])('says in %s who started it', async (jobs) => {
    const { call } = start('public', { FALLBACK_STORAGES: [R2, { ...OLD, listing: 'autoindex-json' }] })
    const init = { method: 'POST', body: '{}', token: tokenOf('admin') }
    const started = await call(`/-/api/${jobs}`, init)
    expect(started.status).toBe(202)
    expect(await started.json()).toMatchObject({ started_by: 'admin' })
    const { [jobs]: listed } = await (await call(`/-/api/${jobs}`)).json<Record<string, unknown>>()
    expect(listed).toMatchObject([{ started_by: 'admin' }])
  })
})
