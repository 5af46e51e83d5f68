import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Route, type RouteId, ROUTES } from '../../src/schemas/routes.ts'
import { type RawRequest, type RawResponse, send } from '../kit/servers/raw-http.ts'
import { TOKEN } from '../kit/worker/site.ts'
import { type Attack, expectNoLeak, itWithstands, R2, startTarget, type Target } from './attack.ts'

/** Who may use each route, said once more: a route that changes must be changed here too. */
const ACCESS: Record<RouteId, 'anyone' | 'media' | 'signed-in' | 'read' | 'write' | 'admin'> = {
  getObject: 'media',
  putObject: 'write',
  deleteObject: 'write',
  open: 'media',
  save: 'write',
  delete: 'write',
  exists: 'media',
  existsAll: 'media',
  size: 'media',
  accessedTime: 'media',
  createdTime: 'media',
  modifiedTime: 'media',
  url: 'media',
  getValidName: 'media',
  getAvailableName: 'media',
  path: 'read',
  listdirRoot: 'read',
  listdir: 'read',
  listAll: 'read',
  list: 'read',
  listTombstones: 'admin',
  purgeTombstones: 'admin',
  undelete: 'write',
  listPriorVersions: 'write',
  restore: 'write',
  purgeCache: 'admin',
  explain: 'read',
  preview: 'read',
  migrate: 'write',
  listBackends: 'admin',
  listMirrors: 'admin',
  getSeries: 'admin',
  listConflicts: 'admin',
  dismissConflict: 'admin',
  listEvents: 'admin',
  receiveEvents: 'admin',
  getDependence: 'admin',
  health: 'anyone',
  metrics: 'admin',
  getSession: 'signed-in',
  signIn: 'anyone',
  signOut: 'signed-in',
  dashboard: 'anyone',
  dashboardFile: 'anyone',
  openapi: 'anyone',
  docs: 'anyone',
  errorDocs: 'anyone',
  docsScript: 'anyone',
  docsStyle: 'anyone',
  listBackfills: 'admin',
  startBackfill: 'admin',
  getBackfill: 'admin',
  pauseBackfill: 'admin',
  resumeBackfill: 'admin',
  cancelBackfill: 'admin',
  retryFailedBackfill: 'admin',
  listBackfillFailures: 'admin',
  getBackfillSeries: 'admin',
  listDeadCopies: 'admin',
  resyncMirror: 'admin',
  listVerifications: 'admin',
  startVerification: 'admin',
  checkCertificate: 'admin',
  getVerification: 'admin',
  listDifferences: 'admin',
  getVerificationReport: 'admin',
  cancelVerification: 'admin',
}

/** Routes about names below `team/` as they are requested here; a token with a prefix may use no other that needs one. */
const ABOUT_TEAM: readonly RouteId[] = [
  ...(Object.entries(ROUTES) as [RouteId, Route][])
    .filter(([, { path }]) => /\{(?:name|path|prefix)\}$/.test(path))
    .map(([id]) => id),
  'existsAll',
  'migrate',
  'listTombstones',
  'purgeTombstones',
  'startBackfill',
  'resyncMirror',
  'startVerification',
]

const BODIES: Partial<Record<RouteId, string>> = {
  putObject: 'x',
  save: 'x',
  existsAll: '{"names":["team/a.txt"]}',
  migrate: '{"names":["team/a.txt"]}',
  purgeTombstones: '{"prefix":"team/"}',
  startBackfill: '{"prefix":"team/","dry_run":true}',
  resyncMirror: '{"prefix":"team/"}',
  startVerification: '{"prefix":"team/"}',
  checkCertificate: '{"certificate":null}',
}

const QUERIES: Partial<Record<RouteId, string>> = {
  listTombstones: '?prefix=team/',
  dismissConflict: '?backend=old',
  getSeries: '?what=reads',
}

function requestOf(id: RouteId): RawRequest {
  const { method, path }: Route = ROUTES[id]
  const target = path
    .replace('{name}', 'team/a.txt')
    .replace('{path}', 'team')
    .replace('{prefix}', 'team/')
    .replace('{backend}', 'media')
    .replace('{id}', '01hzzzzzzzzzzzzzzzzzzzzzzz')
  const query = QUERIES[id] ?? ''
  const body = BODIES[id]
  return { method, target: `/${target}${query}`, ...(body !== undefined && { body }) }
}

const TOKENS = {
  read: 'token-of-a-reader',
  write: 'token-of-a-writer',
  admin: 'token-of-an-admin',
  inside: 'token-of-the-team',
  outside: 'token-of-the-others',
}
type Credential = 'none' | 'wrong' | keyof typeof TOKENS
const CREDENTIALS: readonly Credential[] = ['none', 'wrong', 'read', 'write', 'admin', 'inside', 'outside']

const API_TOKENS = JSON.stringify([
  { name: 'reader', token: TOKENS.read, scopes: ['read'] },
  { name: 'writer', token: TOKENS.write, scopes: ['write'] },
  { name: 'admin', token: TOKENS.admin, scopes: ['admin'] },
  { name: 'team', token: TOKENS.inside, scopes: ['admin'], prefix: 'team/' },
  { name: 'others', token: TOKENS.outside, scopes: ['admin'], prefix: 'other/' },
])

function headersOf(credential: Credential): [string, string][] {
  if (credential === 'none') return []
  const token = credential === 'wrong' ? 'token-of-nobody' : TOKENS[credential]
  return [['Authorization', `Bearer ${token}`]]
}

/** 200 stands for any answer but a refusal. */
function expected(id: RouteId, credential: Credential, mediaAccess: 'public' | 'token'): 200 | 401 | 403 {
  const access = ACCESS[id]
  if (access === 'anyone') return 200
  // Open reads look at no token; POST exists does, since it raises the limit.
  if (access === 'media' && mediaAccess === 'public' && id !== 'existsAll') return 200
  if (credential === 'wrong') return 401
  if (credential === 'none') return access === 'media' && mediaAccess === 'public' ? 200 : 401
  if (access === 'signed-in') return 200
  if (credential === 'outside') return 403
  if (credential === 'inside') return ABOUT_TEAM.includes(id) ? 200 : 403
  const scopes: string[] = ['media', 'read', 'write', 'admin']
  return scopes.indexOf(credential) >= scopes.indexOf(access) ? 200 : 403
}

const KV = { type: 'kv', binding: 'MEDIA_KV', read_only: true }
const OBJECTS = { 'team/a.txt': 'ours', 'other/b.txt': 'theirs' }

const targets: Partial<Record<'public' | 'token', Target>> = {}
beforeAll(async () => {
  const start = (mediaAccess: string) =>
    startTarget({ storages: [R2, KV], vars: { API_TOKENS, MEDIA_ACCESS: mediaAccess } }, OBJECTS)
  ;[targets.public, targets.token] = await Promise.all([start('public'), start('token')])
})
afterAll(() => Promise.all(Object.values(targets).map((target) => target.close())))

function targetOf(mediaAccess: 'public' | 'token'): Target {
  const target = targets[mediaAccess]
  if (!target) throw new Error('not started')
  return target
}

function expectRefusal({ status, body, header }: RawResponse): void {
  expect(header('Content-Type')).toBe('application/problem+json')
  expect(header('WWW-Authenticate') !== null || status === 403).toBe(true)
  expect(JSON.parse(body)).toMatchObject({ status })
  expect(body).not.toContain('ours')
}

const ids = Object.keys(ACCESS) as RouteId[]

describe.each(['public', 'token'] as const)('where media access is %s,', (mediaAccess) => {
  const cases = ids.flatMap((id) =>
    CREDENTIALS.map((credential) => ({ id, credential, status: expected(id, credential, mediaAccess) })),
  )
  const only = mediaAccess === 'public' ? cases : cases.filter(({ id }) => ACCESS[id] === 'media')

  describe('refused', () => {
    itWithstands(
      () => targetOf(mediaAccess),
      only
        .filter(({ status }) => status !== 200)
        .map(({ id, credential, status }): Attack => ({
          name: `${id} with ${credential}`,
          sends: { ...requestOf(id), headers: headersOf(credential) },
          status,
          check: expectRefusal,
        })),
    )
  })

  it.each(only.filter(({ status }) => status === 200))(
    '$id with $credential is allowed',
    async ({ id, credential }) => {
      const response = await send(targetOf(mediaAccess).url, {
        ...requestOf(id),
        headers: headersOf(credential),
      })
      expect([401, 403]).not.toContain(response.status)
      // No backend knows when an object was accessed.
      expect(response.status).toBeLessThan(id === 'accessedTime' ? 502 : 500)
      expectNoLeak(response, Object.values(TOKENS))
    },
  )
})

describe('no token is found', () => {
  const cases: [string, RawRequest][] = [
    ['in the query', { target: `/-/api/list/?token=${TOKEN}` }],
    ['in the query as access_token', { target: `/-/api/list/?access_token=${TOKEN}` }],
    ['in the query as Authorization', { target: `/-/api/list/?Authorization=Bearer%20${TOKEN}` }],
    ['in the fragment', { target: `/-/api/list/#${TOKEN}` }],
    ...(
      [
        ['as Basic', ['Authorization', `Basic ${btoa(`:${TOKEN}`)}`]],
        ['as Digest', ['Authorization', `Digest ${TOKEN}`]],
        ['as Token', ['Authorization', `Token ${TOKEN}`]],
        ['without a scheme', ['Authorization', TOKEN]],
        ['without a space', ['Authorization', `Bearer${TOKEN}`]],
        ['after a tab', ['Authorization', `Bearer\t${TOKEN}`]],
        ['after another', ['Authorization', `Bearer wrong, Bearer ${TOKEN}`]],
        ['before another', ['Authorization', `Bearer ${TOKEN}, Bearer wrong`]],
        ['in quotes', ['Authorization', `Bearer "${TOKEN}"`]],
        ['with a part missing', ['Authorization', `Bearer ${TOKEN.slice(0, -1)}`]],
        ['with a part more', ['Authorization', `Bearer ${TOKEN}=`]],
        ['in capitals', ['Authorization', `Bearer ${TOKEN.toUpperCase()}`]],
        ['twice as long', ['Authorization', `Bearer ${TOKEN}${TOKEN}`]],
        ['as a token’s name', ['Authorization', 'Bearer API_TOKEN']],
        ['as a pattern', ['Authorization', 'Bearer .*']],
        ['as null', ['Authorization', 'Bearer null']],
        ['as undefined', ['Authorization', 'Bearer undefined']],
        ['as JSON', ['Authorization', `Bearer ["${TOKEN}"]`]],
        [
          'as a JWT without a signature',
          ['Authorization', 'Bearer eyJhbGciOiJub25lIn0.eyJzY29wZSI6ImFkbWluIn0.'],
        ],
        ['with a megabyte more', ['Authorization', `Bearer ${TOKEN}${'x'.repeat(100_000)}`]],
        ['in Proxy-Authorization', ['Proxy-Authorization', `Bearer ${TOKEN}`]],
        ['in X-Authorization', ['X-Authorization', `Bearer ${TOKEN}`]],
        ['in X-API-Key', ['X-API-Key', TOKEN]],
        ['in X-Auth-Token', ['X-Auth-Token', TOKEN]],
        ['in a cookie', ['Cookie', `token=${TOKEN}; API_TOKEN=${TOKEN}; Authorization=Bearer ${TOKEN}`]],
      ] as [string, [string, string]][]
    ).map(([name, header]): [string, RawRequest] => [name, { target: '/-/api/list/', headers: [header] }]),
    [
      'in the second of two headers',
      {
        target: '/-/api/list/',
        headers: [
          ['Authorization', 'Bearer wrong'],
          ['Authorization', `Bearer ${TOKEN}`],
        ],
      },
    ],
    [
      'in a JSON body',
      { method: 'POST', target: '/-/api/backfills', body: JSON.stringify({ token: TOKEN }) },
    ],
  ]
  itWithstands(
    () => targetOf('public'),
    cases.map(([name, sends]) => ({ name, sends, status: 401 })),
  )
})

describe('a token that is limited to team/', () => {
  const inside = headersOf('inside')
  const get = (target: string): RawRequest => ({ target, headers: inside })
  const post = (path: string, body: string, more: [string, string][] = []): RawRequest => ({
    method: 'POST',
    target: `/-/api/${path}`,
    headers: [...inside, ...more],
    body,
  })
  const put = (path: string): RawRequest => ({
    method: 'PUT',
    target: `/${path}`,
    headers: inside,
    body: 'x',
  })
  const text: [string, string] = ['Content-Type', 'text/plain']
  const cases: [string, RawRequest, number][] = [
    ['the directory without its slash', get('/-/api/list/team'), 403],
    ['another that begins so', get('/-/api/list/teammates/'), 403],
    ['another case', get('/-/api/list/Team/'), 403],
    ['everything', get('/-/api/list/'), 403],
    ['everything as a directory', get('/-/api/listdir/'), 403],
    ['everything, its prefix in the query', get('/-/api/list/?prefix=team/'), 403],
    ['a directory beside it', get('/-/api/listdir/teammates'), 403],
    ['a leading slash', get('/-/api/list//team/'), 403],
    ['a step up', get('/-/api/list/team/../'), 400],
    ['an encoded step up', get('/-/api/list/team%2f..%2f'), 400],
    ['an object of others', get('/-/api/explain/other/b.txt'), 403],
    ['the path of others', get('/-/api/path/other/b.txt'), 403],
    ['a name in the query', get('/-/api/explain/other/b.txt?name=team/a.txt'), 403],
    ['PUT beside it', put('teammates.txt'), 403],
    ['PUT of its name', put('team'), 403],
    ['PUT with a step up', put('team/..%2fother/b.txt'), 400],
    ['PUT with a second slash', put('/team/a.txt'), 403],
    ['PUT of others, the name in the query', put('other/b.txt?name=team/a.txt'), 403],
    ['save of others', post('save/other/c.txt', 'x'), 403],
    ['save with a step up', post('save/team/../other/c.txt', 'x'), 400],
    ['delete of others', { ...get('/-/api/delete/other/b.txt'), method: 'DELETE' }, 403],
    ['undelete of others', post('undelete/other/b.txt', ''), 403],
    ['prior versions of others', get('/-/api/prior_versions/other/b.txt'), 403],
    ['a restore of others', post('restore/other/b.txt', '{}'), 403],
    ['one name of others', post('exists', '{"names":["team/a.txt","other/b.txt"]}'), 403],
    ['a preview of others', get('/-/api/preview/other/b.txt'), 403],
    ['a copy of others', post('migrate', '{"names":["team/a.txt","other/b.txt"]}'), 403],
    ['tombstones of all', get('/-/api/tombstones'), 403],
    ['tombstones of all, then its own', get('/-/api/tombstones?prefix=&prefix=team/'), 403],
    ['a purge of all', post('tombstones/purge', '{}'), 403],
    ['a purge of all by a second key', post('tombstones/purge', '{"prefix":"team/","prefix":""}'), 403],
    ['a purge of all by a prototype', post('tombstones/purge', '{"__proto__":{"prefix":"team/"}}'), 400],
    ['a purge of all, its prefix in the query', post('tombstones/purge?prefix=team/', '{}'), 403],
    ['a backfill of all', post('backfills', '{}'), 403],
    ['a backfill of all, its prefix in the query', post('backfills?prefix=team/', '{}'), 403],
    [
      'a backfill by a manifest of others',
      post('backfills', '{"prefix":"team/","manifest":"other/b.txt"}'),
      403,
    ],
    [
      'a backfill by a manifest of others in one backend',
      post('backfills', '{"prefix":"team/","manifest":{"backend":"media_kv","name":"other/b.txt"}}'),
      403,
    ],
    ['a manifest without a prefix', post('backfills', 'team/a.txt', [text]), 403],
    ['a verification of all', post('verifications', '{}'), 403],
    ['metrics', get('/-/metrics'), 403],
    ['the backends', get('/-/api/backends'), 403],
  ]
  itWithstands(
    () => targetOf('token'),
    cases.map(([name, sends, status]) => ({ name, sends, status })),
  )

  it('copies nothing of others that its manifest names', async () => {
    const { url } = targetOf('public')
    const manifest = post('backfills?prefix=team/&dry_run=1', 'other/b.txt\n', [text])
    const started = await send(url, manifest)
    expect(started.status).toBe(202)
    const job = async (): Promise<unknown> => {
      const target = started.header('Location') ?? ''
      return JSON.parse((await send(url, { target, headers: headersOf('admin') })).body)
    }
    await expect.poll(job, { timeout: 20_000 }).toMatchObject({ state: 'completed', listed: 0 })
  })
})
