import { createExecutionContext, env } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { fill, media, SITE, startApp, TOKEN } from '../kit/app.ts'
import { logged } from '../kit/logged.ts'

const AUDIENCE = '32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228'
const NOW = new Date('2026-05-01T12:00:00.000Z')
const HOURS = 60 * 60 * 1000
const SAME_ORIGIN = { 'Sec-Fetch-Site': 'same-origin' }

const EDITOR = { name: 'editor', token: 'edit-edit-edit-edit', scopes: ['write'], prefix: 'photos/' }
const READER = { name: 'reader', token: 'read-read-read-read', scopes: ['read'] }
const TOKENS = JSON.stringify([EDITOR, READER])

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
})
afterEach(() => {
  vi.useRealTimers()
})

type App = ReturnType<typeof startApp>

function signIn(app: App, token: unknown = TOKEN, headers: Record<string, string> = {}, base = '/-/') {
  return app.call(`${base}api/session`, {
    method: 'POST',
    token: null,
    headers,
    body: JSON.stringify({ token }),
  })
}

/** The cookie as a browser sends it back. */
function cookieOf(response: Response): string {
  return response.headers.get('Set-Cookie')?.split(';')[0] ?? ''
}

async function cookieFor(app: App, token?: string): Promise<string> {
  return cookieOf(await signIn(app, token))
}

function withCookie(app: App, cookie: string) {
  return (path: string, { headers, ...init }: RequestInit = {}) =>
    app.call(path, { ...init, token: null, headers: { Cookie: cookie, ...(headers as object) } })
}

async function statusWith(app: App, cookie: string): Promise<number> {
  return (await withCookie(app, cookie)('/-/api/session')).status
}

describe('a session', () => {
  it('begins with a token, does what the token may, and ends when its cookie is removed', async () => {
    const app = startApp()
    const begun = await signIn(app)
    expect(begun.status).toBe(200)
    expect(begun.headers.get('Cache-Control')).toBe('no-store')
    const session = {
      name: 'API_TOKEN',
      via: 'session',
      scopes: ['read', 'write', 'admin'],
      expires_time: '2026-05-02T00:00:00.000Z',
    }
    expect(await begun.json()).toEqual(session)

    const send = withCookie(app, cookieOf(begun))
    expect(await (await send('/-/api/session')).json()).toEqual(session)
    expect((await send('/-/api/backends')).status).toBe(200)
    const saved = await send('/-/api/save/a.txt', { method: 'POST', headers: SAME_ORIGIN, body: 'x' })
    expect(saved.status).toBe(201)

    const ended = await send('/-/api/session', { method: 'DELETE', headers: SAME_ORIGIN })
    expect(ended.status).toBe(204)
    expect(ended.headers.get('Set-Cookie')).toBe(
      'fallback-storage-session=; Path=/-/; Max-Age=0; HttpOnly; SameSite=Strict; Secure',
    )
    expect((await app.call('/-/api/session', { token: null })).status).toBe(401)
  })

  it.each(['token', 'signed'])(
    'opens private media through the API (MEDIA_ACCESS = "%s")',
    async (access) => {
      const keys = JSON.stringify([{ id: 'k1', key: 'a key that signs nothing in these tests' }])
      const app = startApp({ MEDIA_ACCESS: access, URL_SIGNING_KEYS: keys })
      await fill(media, { 'a.txt': 'x' })
      const send = withCookie(app, await cookieFor(app))
      expect((await send('/-/api/open/a.txt')).status).toBe(200)
      expect((await app.call('/-/api/open/a.txt', { token: null })).status).not.toBe(200)
    },
  )

  it('is a cookie that is not the token, and that only the API gets', async () => {
    const header = (await signIn(startApp())).headers.get('Set-Cookie') ?? ''
    const [cookie = '', ...attributes] = header.split('; ')
    expect(attributes).toEqual(['Path=/-/', 'Max-Age=43200', 'HttpOnly', 'SameSite=Strict', 'Secure'])
    expect(cookie).toMatch(/^fallback-storage-session=[\w.-]+$/)
    expect(cookie).not.toContain(TOKEN)
    expect(cookie).not.toContain(btoa(TOKEN).replaceAll('=', ''))
  })

  it('is not Secure on http, where browsers would not keep it', async () => {
    const body = JSON.stringify({ token: TOKEN })
    const { app } = startApp()
    const response = await app.request('http://127.0.0.1:8787/-/api/session', { method: 'POST', body }, env)
    expect(response.headers.get('Set-Cookie')).not.toContain('Secure')
  })

  it('has the path of the API below MEDIA_PATH', async () => {
    const app = startApp({ MEDIA_PATH: '/media/' })
    const response = await signIn(app, TOKEN, {}, '/media/-/')
    expect(response.headers.get('Set-Cookie')).toContain('; Path=/media/-/;')
    const send = withCookie(app, cookieOf(response))
    expect((await send('/media/-/api/session')).status).toBe(200)
    const ended = await send('/media/-/api/session', { method: 'DELETE', headers: SAME_ORIGIN })
    expect(ended.headers.get('Set-Cookie')).toContain('; Path=/media/-/; Max-Age=0;')
  })

  it('ends after 12 hours', async () => {
    const app = startApp()
    const cookie = await cookieFor(app)
    vi.setSystemTime(NOW.getTime() + 12 * HOURS - 1000)
    expect(await statusWith(app, cookie)).toBe(200)
    vi.setSystemTime(NOW.getTime() + 12 * HOURS)
    expect(await statusWith(app, cookie)).toBe(401)
  })

  it.each<[string, Record<string, unknown>]>([
    ['changes', { API_TOKENS: JSON.stringify([{ ...READER, token: 'another-reader-token' }]) }],
    ['is removed', { API_TOKENS: JSON.stringify([EDITOR]) }],
    ['has another name', { API_TOKENS: JSON.stringify([{ ...READER, name: 'viewer' }]) }],
  ])('ends when its token %s', async (_, settings) => {
    const cookie = await cookieFor(startApp({ API_TOKENS: TOKENS }), READER.token)
    expect(await statusWith(startApp({ API_TOKENS: TOKENS }), cookie)).toBe(200)
    expect(await statusWith(startApp(settings), cookie)).toBe(401)
  })

  it('has the scopes that its token has now', async () => {
    const cookie = await cookieFor(startApp({ API_TOKENS: TOKENS }), READER.token)
    const send = withCookie(
      startApp({ API_TOKENS: JSON.stringify([{ ...READER, scopes: ['write'] }]) }),
      cookie,
    )
    expect(await (await send('/-/api/session')).json()).toMatchObject({ scopes: ['read', 'write'] })
  })

  it('keeps the scopes and the prefix of its token', async () => {
    const app = startApp({ API_TOKENS: TOKENS })
    const begun = await signIn(app, EDITOR.token)
    expect(await begun.json()).toMatchObject({ scopes: ['read', 'write'], prefix: 'photos/' })
    const send = withCookie(app, cookieOf(begun))
    expect(await (await send('/-/api/session')).json()).toMatchObject({ name: 'editor', prefix: 'photos/' })
    const put = { method: 'POST', headers: SAME_ORIGIN, body: 'x' }
    expect((await send('/-/api/save/photos/a.jpg', put)).status).toBe(201)
    expect((await send('/-/api/save/other/a.jpg', put)).status).toBe(403)
    expect((await send('/-/api/list/photos/')).status).toBe(200)
    expect((await send('/-/api/list/')).status).toBe(403)
    expect((await send('/-/api/backends')).status).toBe(403)
    expect((await send('/-/api/session', { method: 'DELETE', headers: SAME_ORIGIN })).status).toBe(204)
  })
})

describe('a cookie', () => {
  const change = (text: string): string => (text.startsWith('A') ? 'B' : 'A') + text.slice(1)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  /** The same bytes to a lenient decoder: the last character of 32 bytes has two bits to spare. */
  const respell = (text: string): string => text.slice(0, -1) + alphabet[alphabet.indexOf(text.slice(-1)) ^ 1]

  it.each<[string, (parts: [string, string, string]) => string]>([
    ['a later end', ([end, name, mac]) => `${Number(end) + 1}.${name}.${mac}`],
    ['no end', ([, name, mac]) => `.${name}.${mac}`],
    ['an endless end', ([, name, mac]) => `Infinity.${name}.${mac}`],
    ['an end that is no number', ([, name, mac]) => `never.${name}.${mac}`],
    ['another spelling of its end', ([end, name, mac]) => `${end}.0.${name}.${mac}`],
    ['the name of another token', ([end, , mac]) => `${end}.${btoa('API_TOKEN')}.${mac}`],
    ['an unknown name', ([end, , mac]) => `${end}.bm9uZQ.${mac}`],
    ['another HMAC', ([end, name, mac]) => `${end}.${name}.${change(mac)}`],
    ['half an HMAC', ([end, name, mac]) => `${end}.${name}.${mac.slice(0, 20)}`],
    ['no HMAC', ([end, name]) => `${end}.${name}.`],
    ['another spelling of its HMAC', ([end, name, mac]) => `${end}.${name}.${respell(mac)}`],
    ['a part too many', (parts) => [...parts, 'x'].join('.')],
    ['the token', () => READER.token],
    ['nothing', () => ''],
  ])('with %s signs nobody in', async (_, tamper) => {
    const app = startApp({ API_TOKENS: TOKENS })
    const [name, value = ''] = (await cookieFor(app, READER.token)).split('=')
    expect(await statusWith(app, `${name}=${value}`)).toBe(200)
    const response = await withCookie(app, `${name}=${tamper(value.split('.') as never)}`)('/-/api/session')
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="fallback-storage"')
  })

  it('is found among others, also behind one of the same name that is not ours', async () => {
    const app = startApp()
    const cookie = await cookieFor(app)
    expect(await statusWith(app, `a=b; fallback-storage-session=1.QQ.x;${cookie}; c=d`)).toBe(200)
    expect(await statusWith(app, `x${cookie}`)).toBe(401)
  })

  it('is no hindrance once it has ended, where no token is needed', async () => {
    const app = startApp()
    await fill(media, { a: 'x' })
    const send = withCookie(app, 'fallback-storage-session=1.QVBJX1RPS0VO.x')
    const names = { method: 'POST', body: JSON.stringify({ names: ['a'] }) }
    expect(await (await send('/-/api/exists', names)).json()).toEqual({ exists: { a: true } })
  })

  it('gives way to a bearer token', async () => {
    const app = startApp({ API_TOKENS: TOKENS })
    const headers = { Cookie: await cookieFor(app) }
    expect((await app.call('/-/api/backends', { headers, token: null })).status).toBe(200)
    expect((await app.call('/-/api/backends', { headers, token: 'wrong' })).status).toBe(401)
    expect((await app.call('/-/api/backends', { headers, token: READER.token })).status).toBe(403)
  })
})

describe('signing in', () => {
  it.each(['wrong', '', `${TOKEN} `, TOKEN.toUpperCase()])(
    'is refused with the token %j as a bearer token would be',
    async (token) => {
      const app = startApp()
      const response = await signIn(app, token)
      const bearer = await app.call('/-/api/backends', { token: 'wrong' })
      expect(response.status).toBe(401)
      expect(await response.json()).toEqual(await bearer.json())
      expect(response.headers.get('WWW-Authenticate')).toBe(bearer.headers.get('WWW-Authenticate'))
      expect(response.headers.get('Set-Cookie')).toBeNull()
    },
  )

  it.each([undefined, null, 1, [TOKEN]])('is a 400 with the token %j', async (token) => {
    expect((await signIn(startApp(), token ?? null)).status).toBe(400)
  })

  it('is a 403 that names API_TOKEN if no token is configured', async () => {
    const response = await signIn(startApp({ API_TOKEN: undefined }))
    expect(response.status).toBe(403)
    expect(await response.text()).toContain('API_TOKEN')
  })

  it.each<[number, Record<string, string>]>([
    [200, {}],
    [200, SAME_ORIGIN],
    [200, { Origin: SITE }],
    [403, { 'Sec-Fetch-Site': 'cross-site' }],
    [403, { 'Sec-Fetch-Site': 'same-site' }],
    [403, { Origin: 'https://evil.example' }],
    [403, { Origin: 'null' }],
  ])('answers %i to a request with %o', async (status, headers) => {
    const response = await signIn(startApp(), TOKEN, headers)
    expect(response.status).toBe(status)
    expect(response.headers.has('Set-Cookie')).toBe(status === 200)
  })
})

describe('the log', () => {
  it('names the token that signs in, and never shows it or the cookie', async () => {
    const app = startApp({ API_TOKENS: TOKENS })
    let cookie = ''
    const lines = await logged(async () => {
      cookie = await cookieFor(app, READER.token)
      await withCookie(app, cookie)('/-/api/explain/a')
      await signIn(app, 'wrong-wrong-wrong')
    })
    expect(lines).toMatchObject([
      { method: 'POST', status: 200, by: 'reader' },
      { method: 'GET', status: 200, by: 'reader' },
      { method: 'POST', status: 401 },
    ])
    const text = JSON.stringify(lines)
    for (const secret of [READER.token, 'wrong-wrong', cookie.split('.')[2]])
      expect(text).not.toContain(secret)
  })
})

describe('who is signed in', () => {
  it('is told of a bearer token too, also of one with a prefix', async () => {
    const app = startApp({ API_TOKENS: TOKENS })
    expect(await (await app.call('/-/api/session', { token: EDITOR.token })).json()).toEqual({
      name: 'editor',
      via: 'token',
      scopes: ['read', 'write'],
      prefix: 'photos/',
    })
  })
})

type Page = [allowed: boolean, headers: Record<string, string>]
type Answers = [headers: Record<string, string>, status: number | 'refused'][]

/** What the headers say of the page that sends a request, and whether it may change anything. */
const PAGES: Page[] = [
  [true, { 'Sec-Fetch-Site': 'same-origin' }],
  [true, { 'Sec-Fetch-Site': 'same-origin', Origin: SITE }],
  // What the browser says of the site counts, as scripts cannot set it.
  [true, { 'Sec-Fetch-Site': 'same-origin', Origin: 'https://evil.example' }],
  [true, { Origin: SITE }],
  [false, {}],
  [false, { 'Sec-Fetch-Site': 'same-site', Origin: SITE }],
  [false, { 'Sec-Fetch-Site': 'cross-site', Origin: SITE }],
  [false, { 'Sec-Fetch-Site': 'none', Origin: SITE }],
  [false, { 'Sec-Fetch-Site': '', Origin: SITE }],
  [false, { Origin: 'null' }],
  [false, { Origin: '' }],
  [false, { Origin: `${SITE}:8443` }],
  [false, { Origin: SITE.replace('https', 'http') }],
  [false, { Origin: `${SITE}.evil.example` }],
  [false, { Origin: 'https://evil.example', Referer: `${SITE}/-/` }],
]
const CHANGES: [method: string, path: string, status: number][] = [
  ['POST', '/-/api/save/a', 201],
  ['POST', '/-/api/tombstones/purge', 200],
  ['DELETE', '/-/api/delete/a', 204],
  ['DELETE', '/-/api/session', 204],
  ['PUT', '/a', 204],
]
const READS: [method: string, path: string][] = [
  ['GET', '/-/api/backends'],
  ['HEAD', '/-/api/session'],
  ['GET', '/-/api/list/'],
]

describe.each<[string, (app: App) => Promise<(path: string, init: RequestInit) => Promise<Response>>]>([
  ['a session', async (app) => withCookie(app, await cookieFor(app))],
  [
    'Cloudflare Access',
    async ({ app }) => {
      const access = { aud: AUDIENCE, getIdentity: async () => ({ email: 'ada@example.com' }) }
      const context = Object.assign(createExecutionContext(), { access })
      return async (path, init) => app.request(`${SITE}${path}`, init, env, context)
    },
  ],
])('by %s', (_, start) => {
  /** The status for each page. */
  const statuses = async (method: string, path: string): Promise<Answers> => {
    await fill(media, { a: 'x' })
    const send = await start(startApp({ ACCESS_AUDIENCE: AUDIENCE }))
    const answer = async ([, headers]: Page): Promise<Answers[number]> => {
      const takesBody = method === 'PUT' || path.includes('/save/')
      const response = await send(path, { method, headers, ...(takesBody && { body: 'x' }) })
      const isExplained = response.status === 403 && (await response.text()).includes('Sec-Fetch-Site')
      return [headers, isExplained ? 'refused' : response.status]
    }
    return Promise.all(PAGES.map(answer))
  }

  it.each(CHANGES)('%s %s is allowed to pages of the same origin only', async (method, path, status) => {
    const expected = PAGES.map(([allowed, headers]) => [headers, allowed ? status : 'refused'])
    expect(await statuses(method, path)).toEqual(expected)
  })

  it.each(READS)('%s %s is allowed whatever the page', async (method, path) => {
    expect(await statuses(method, path)).toEqual(PAGES.map(([, headers]) => [headers, 200]))
  })
})

describe('a bearer token', () => {
  it.each(PAGES)('changes what it may, whatever the page (%s, %o)', async (_, headers) => {
    await fill(media, { a: 'x' })
    expect((await startApp().call('/a', { method: 'PUT', headers, body: 'x' })).status).toBe(204)
  })
})

describe('Cloudflare Access', () => {
  const request = (settings: Record<string, unknown>, access?: object) => {
    const context = Object.assign(createExecutionContext(), access && { access })
    return startApp(settings).app.request(`${SITE}/-/api/session`, {}, env, context)
  }
  const ada = { aud: AUDIENCE, getIdentity: async () => ({ email: 'ada@example.com' }) }

  it('signs in as admin by ctx.access, also where no token is configured', async () => {
    const response = await request({ ACCESS_AUDIENCE: AUDIENCE, API_TOKEN: undefined }, ada)
    expect(await response.json()).toEqual({
      name: 'ada@example.com',
      via: 'access',
      scopes: ['read', 'write', 'admin'],
    })
  })

  it('signs nobody in while ACCESS_AUDIENCE is not set', async () => {
    expect((await request({}, ada)).status).toBe(401)
  })

  it('of another application is a 401, and so is a request that it did not let in', async () => {
    const settings = { ACCESS_AUDIENCE: '0'.repeat(64) }
    expect((await request(settings, ada)).status).toBe(401)
    expect((await request(settings)).status).toBe(401)
  })
})
