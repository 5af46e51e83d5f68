import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exchange, type RawRequest, rawRequest, send } from '../kit/servers/raw-http.ts'
import { type Attack, AUTHORIZED, itWithstands, R2, startTarget, type Target } from './attack.ts'

const KV = { type: 'kv', binding: 'MEDIA_KV', read_only: true }

/** Its URLs have the host of the request. */
let unnamed: Target
/** Its URLs have the host of MEDIA_URL. */
let named: Target

beforeAll(async () => {
  const storages = [R2, KV]
  ;[unnamed, named] = await Promise.all([
    startTarget({ storages }),
    startTarget({ storages, vars: { MEDIA_URL: 'https://media.example.com/' } }),
  ])
})
afterAll(() => Promise.all([unnamed.close(), named.close()]))

const EVIL = 'evil.example'
/** What proxies and frameworks believe about the host, scheme, path or client of a request. */
const FORWARDED: [string, string][] = [
  ['X-Forwarded-Host', EVIL],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Proto', 'javascript'],
  ['X-Forwarded-Scheme', 'nothttps'],
  ['X-Forwarded-Port', '8443'],
  ['X-Forwarded-For', '127.0.0.1'],
  ['X-Forwarded-Prefix', `//${EVIL}/`],
  ['X-Forwarded-Path', '/-/api/backends'],
  ['X-Forwarded-Server', EVIL],
  ['X-Forwarded-Uri', '/-/api/backends'],
  ['Forwarded', `for=127.0.0.1;host=${EVIL};proto=https`],
  ['X-Original-URL', '/-/api/backends'],
  ['X-Original-Host', EVIL],
  ['X-Rewrite-URL', '/-/api/backends'],
  ['X-Override-URL', '/-/api/backends'],
  ['X-Host', EVIL],
  ['X-HTTP-Host-Override', EVIL],
  ['X-Real-IP', '127.0.0.1'],
  ['X-Client-IP', '127.0.0.1'],
  ['True-Client-IP', '127.0.0.1'],
  ['CF-Connecting-IP', '127.0.0.1'],
  ['CF-Visitor', '{"scheme":"https"}'],
  ['CF-Worker', EVIL],
  ['CDN-Loop', 'cloudflare; loops=99'],
  ['Front-End-Https', 'on'],
  ['X-Url-Scheme', 'https'],
  ['X-Middleware-Subrequest', 'middleware:middleware:middleware'],
  ['X-Accel-Redirect', '/secret.txt'],
  ['X-Sendfile', '/etc/passwd'],
  ['Base-Url', `https://${EVIL}/`],
  ['Destination', `https://${EVIL}/b.txt`],
  ['Referer', `https://${EVIL}/`],
  ['Via', `1.1 ${EVIL}`],
  ['Fallback-Storage-Via', EVIL],
]

const REQUESTS: [string, RawRequest][] = [
  ['an object', { target: '/a.txt' }],
  ['its URL', { target: '/-/api/url/a.txt' }],
]

/** The answer without what differs from one request to the next. */
async function answerTo(url: string, request: RawRequest) {
  const { status, headers, body } = await send(url, request)
  const stable = headers.filter(([name]) => !/^(?:date|server-timing)$/i.test(name))
  return { status, headers: stable, body }
}

describe.each(REQUESTS)('the answer about %s', (_, request) => {
  let clean: Awaited<ReturnType<typeof answerTo>>
  beforeAll(async () => {
    clean = await answerTo(unnamed.url, request)
  })

  it.each(FORWARDED)('is the same with %s: %s', async (name, value) => {
    expect(clean.status).toBeLessThan(500)
    expect(await answerTo(unnamed.url, { ...request, headers: [[name, value]] })).toEqual(clean)
  })
})

it.each(['/absent.txt', '/-/api/openapi.json', '/-/docs', '/-/api/list/', '/-/api/none', '/.'])(
  'the answer to GET %s is the same with all of them',
  async (path) => {
    const clean = await answerTo(unnamed.url, { target: path })
    expect(await answerTo(unnamed.url, { target: path, headers: FORWARDED })).toEqual(clean)
  },
)

it('the Location of a job leads nowhere else', async () => {
  const start = { method: 'POST', target: '/-/api/verifications', body: '{}' }
  const response = await send(unnamed.url, { ...start, headers: [AUTHORIZED, ...FORWARDED] })
  expect(response.status).toBe(202)
  expect(response.header('Location')).toMatch(/^\/-\/api\/verifications\/[\w-]+$/)
  expect(response.body).not.toContain(EVIL)
})

/** Each with the status of the answer. Cloudflare refuses most of them before the Worker runs; other servers may not. */
const HOSTS: [string, number][] = [
  [EVIL, 200],
  [`${EVIL}:8443`, 200],
  [`user:password@${EVIL}`, 200],
  [`127.0.0.1@${EVIL}`, 200],
  [`${EVIL}.`, 200],
  [`${EVIL}\\`, 200],
  ['[::1]', 200],
  ['a,b', 200],
  ['x'.repeat(10_000), 200],
  ['a b', 400],
  ['a:99999', 400],
  ['a:b', 400],
  ['[::1', 400],
  ['%zz', 400],
  ['%00', 400],
  ['<script>alert(1)</script>', 400],
  // The path begins within the Host.
  ['"onload=alert(1)//', 404],
  [`${EVIL}/x?`, 404],
  // And is empty.
  [`${EVIL}#`, 404],
]

function withHosts(title: string, target: string, shows: string[] = []): Attack[] {
  return HOSTS.map(([host, status]) => ({
    name: `${title} with Host ${host.slice(0, 40)}`,
    sends: { target, host, headers: [AUTHORIZED] },
    status,
    shows,
    check: ({ body }) => expect(body).not.toContain('<script>'),
  }))
}

describe('with MEDIA_URL, a Host', () => {
  itWithstands(
    () => named,
    [
      ...withHosts('GET url', '/-/api/url/a.txt'),
      ...withHosts('GET backends', '/-/api/backends', ['MEDIA_KV']),
      ...withHosts('GET explain', '/-/api/explain/a.txt'),
    ],
  )

  it.each(HOSTS.filter(([, status]) => status === 200))('of %s is in no URL', async (host) => {
    const { body } = await send(named.url, { target: '/-/api/url/a.txt', host })
    expect(JSON.parse(body)).toEqual({ name: 'a.txt', url: 'https://media.example.com/a.txt' })
  })
})

describe('without MEDIA_URL, a Host', () => {
  itWithstands(() => unnamed, withHosts('GET url', '/-/api/url/a.txt'))

  it('is that of the URL, without user info', async () => {
    const { body } = await send(unnamed.url, {
      target: '/-/api/url/a.txt',
      host: 'user:pw@media.example.com',
    })
    expect(JSON.parse(body)).toEqual({ name: 'a.txt', url: 'http://media.example.com/a.txt' })
  })

  it.each([
    ['missing', { host: null }],
    ['empty', { host: '' }],
    ['not ASCII', { host: '\xff' }],
    ['there twice', { headers: [['Host', EVIL]] as [string, string][] }],
  ])('that is %s gets 400', async (_, request) => {
    expect((await send(unnamed.url, { target: '/-/api/url/a.txt', ...request })).status).toBe(400)
  })

  it('that is broken in the very first request breaks no later one', async () => {
    const fresh = await startTarget({ storages: [R2, { type: 'http', url: 'http://127.0.0.1:9/' }] })
    try {
      const requests = ['a b', 'media.example.com'].map((host) =>
        rawRequest(fresh.url, { target: '/a.txt', host }),
      )
      const { responses } = await exchange(fresh.url, requests.join(''), { count: 2 })
      expect(responses.map(({ status }) => status)).toEqual([400, 200])
    } finally {
      await fresh.close()
    }
  })
})
