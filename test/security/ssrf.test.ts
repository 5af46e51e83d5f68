import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Origin, startOrigin } from '../kit/origin/origin.ts'
import { redirect } from '../kit/origin/spoil.ts'
import { send } from '../kit/servers/raw-http.ts'
import { AUTHORIZED, expectNoLeak, R2, startTarget, type Target } from './attack.ts'

/** A server that nothing but this test may reach; it is on another port of the origin's own address. */
let internal: Origin
let origin: Origin
let http: Target
let s3: Target
let port: string

beforeAll(async () => {
  ;[internal, origin] = await Promise.all([startOrigin(), startOrigin()])
  internal.add('secret.txt', 'the secret')
  port = new URL(internal.url).port
  const vars = {
    FALLBACK_DATA_MIGRATION: 'true',
    FALLBACK_NEGATIVE_CACHE_SECONDS: '0',
    LEGACY_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    LEGACY_SECRET_ACCESS_KEY: 'the-secret-key',
    ORIGIN_TOKEN: 'the-origin-token',
  }
  const site = {
    type: 'http',
    name: 'old',
    url: origin.url,
    listing: 'autoindex-json',
    headers: { Authorization: '$ORIGIN_TOKEN' },
  }
  const bucket = { type: 's3', name: 'legacy', endpoint: origin.url, bucket: 'media', credentials: 'LEGACY' }
  ;[http, s3] = await Promise.all([
    startTarget({ storages: [R2, site], vars }, {}),
    startTarget({ storages: [R2, bucket], vars }, {}),
  ])
})
afterEach(() => {
  internal.requests.length = 0
  return origin.reset()
})
afterAll(() => Promise.all([http.close(), s3.close(), origin.close(), internal.close()]))

/** Ways to write addresses of this machine and of private networks; `:PORT` becomes that of the internal server. */
const PRIVATE_HOSTS = [
  '127.0.0.1:PORT',
  '127.0.0.1.:PORT',
  '127.1:PORT',
  '127.0.1:PORT',
  '127.255.255.254:PORT',
  '2130706433:PORT',
  '0x7f000001:PORT',
  '0X7F.1:PORT',
  '0x7f.0x0.0x0.0x1:PORT',
  '017700000001:PORT',
  '0177.0.0.1:PORT',
  '0177.0.0x0.1:PORT',
  '%31%32%37.0.0.1:PORT',
  '%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1:PORT',
  '127%E3%80%820%E3%80%820%E3%80%821:PORT',
  '0.0.0.0:PORT',
  '0:PORT',
  '0.1.2.3:PORT',
  'localhost:PORT',
  'LOCALHOST:PORT',
  'localhost.:PORT',
  'localhost..:PORT',
  'a.localhost:PORT',
  'loc%61lhost:PORT',
  '[::1]:PORT',
  '[0:0:0:0:0:0:0:1]:PORT',
  '[::]:PORT',
  '[::ffff:127.0.0.1]:PORT',
  '[::ffff:7f00:1]:PORT',
  '[0:0:0:0:0:ffff:7f00:1]:PORT',
  '[::127.0.0.1]:PORT',
  '[::7f00:1]:PORT',
  '[64:ff9b::127.0.0.1]:PORT',
  '[64:ff9b:1::7f00:1]:PORT',
  '[2002:7f00:1::]:PORT',
  '[2002:a00:1::1]:PORT',
  '[2001:0:7f00:1::]:PORT',
  '[2001::f5ff:fffe]:PORT',
  '[fe80::1]:PORT',
  '[febf::1]:PORT',
  '[fec0::1]:PORT',
  '[fc00::1]',
  '[fdff:ffff::1]',
  '[fd00:ec2::254]',
  '[ff02::1]',
  '[2001:db8::1]',
  '[3fff::1]',
  '[100::1]',
  '[5f00::1]',
  '10.0.0.1',
  '100.64.0.1',
  '100.100.100.200',
  '169.254.169.254',
  '169.254.170.2',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
  '127.0.0.1.nip.io:PORT',
  '127-0-0-1.nip.io:PORT',
  '7f000001.nip.io:PORT',
  'a.127.0.0.1.sslip.io:PORT',
  '127.0.0.1.traefik.me:PORT',
  'localtest.me:PORT',
  'a.localtest.me:PORT',
  'lvh.me:PORT',
  'metadata',
  'metadata.google.internal',
  'METADATA.GOOGLE.INTERNAL.',
  'instance-data.ec2.internal',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  'host.docker.internal:PORT',
  'nas.local',
  'router.lan',
  'printer.home.arpa',
  'intranet',
  'wiki.corp',
]

/** Locations that are no URL of a web server, or hide one; `HOST` is 127.0.0.1 and the internal server's port. */
const ODD_LOCATIONS = [
  'ftp://HOST/secret.txt',
  'file:///etc/passwd',
  'gopher://HOST/_GET%20/secret.txt',
  'dict://HOST/d:secret',
  'ldap://HOST/secret',
  'ws://HOST/secret.txt',
  'wss://HOST/secret.txt',
  'data:text/plain,secret',
  'javascript:fetch("//HOST/secret.txt")',
  'blob:http://HOST/secret.txt',
  'about:blank',
  'view-source:http://HOST/secret.txt',
  'jar:http://HOST/secret.txt!/',
  '//HOST/secret.txt',
  '///HOST/secret.txt',
  '\\\\HOST\\secret.txt',
  '/\\HOST/secret.txt',
  'http:\\\\HOST\\secret.txt',
  'HTTP://HOST/secret.txt',
  'http:///HOST/secret.txt',
  'http://user:password@HOST/secret.txt',
  'http://example.com@HOST/secret.txt',
  'http://HOST#@example.com/',
  'http://HOST\\@example.com/',
  'http://example.com:80@HOST/',
  'http://[::1%25lo]/secret.txt',
  'http://[fe80::1%25eth0]/secret.txt',
  'http://[::1/secret.txt',
  'http://',
  'https://:443/',
  'http://a b/',
  'http://%00/',
  'http://127.0.0.1:99999/',
]

const through = (host: string): [string, string] => [host, `http://${host}/secret.txt`]
const LOCATIONS: [string, string][] = [
  ...PRIVATE_HOSTS.map(through),
  ...ODD_LOCATIONS.map((location): [string, string] => [location, location]),
]

const locate = (location: string): string =>
  location.replaceAll(':PORT', `:${port}`).replaceAll('HOST', `127.0.0.1:${port}`)

async function expectRefused(target: Target, name: string, paths = [`/${name}`]): Promise<void> {
  const responses = await Promise.all(paths.map((path) => send(target.url, { target: path })))
  expect(responses.map(({ status }) => status)).toEqual(paths.map(() => 502))
  const leaks = [
    'the secret',
    'the-secret-key',
    'the-origin-token',
    port,
    '127.0.0.1',
    '169.254',
    'secret.txt',
  ]
  for (const response of responses) expectNoLeak(response, leaks)
  expect(internal.requests).toEqual([])
  expect(await target.snapshot()).toEqual([])
}

describe('an origin that redirects to', () => {
  it.each(LOCATIONS)('%s is not followed', async (_, location) => {
    await origin.set('*', redirect(locate(location)))
    await expectRefused(http, 'moved')
    expect(new Set(origin.requests.map(({ name }) => name))).toEqual(new Set(['moved']))
  })

  it('an internal address is not followed by any route', async () => {
    await origin.set('*', redirect(`${internal.url}secret.txt`))
    const routes = ['open', 'exists', 'size', 'modified_time']
    await expectRefused(
      http,
      'moved',
      routes.map((route) => `/-/api/${route}/moved`),
    )
    expect((await send(http.url, { method: 'HEAD', target: '/moved' })).status).toBe(502)
    const listed = await send(http.url, { target: '/-/api/list/', headers: [AUTHORIZED] })
    expect(JSON.parse(listed.body)).toMatchObject({ objects: [], degraded: ['old'] })
    expect(internal.requests).toEqual([])
  })

  it('a relative path that looks like a URL stays at the origin', async () => {
    origin.add('127.0.0.1/x', 'mine')
    await origin.set('moved', redirect('http:/127.0.0.1/x'))
    const { status, body } = await send(http.url, { target: '/moved' })
    expect([status, body]).toEqual([200, 'mine'])
  })
})

describe('an S3 server that redirects', () => {
  it.each([301, 302, 303, 307, 308])('with %d is not followed anywhere', async (status) => {
    for (const location of [`${internal.url}secret.txt`, 'https://example.com/', '/media/elsewhere']) {
      await origin.set('*', ({ response }) => response.writeHead(status, { Location: location }).end())
      await expectRefused(s3, 'moved')
    }
    expect(new Set(origin.requests.map(({ name }) => name))).toEqual(new Set(['media/moved']))
  })

  it('by an error document with an endpoint is not followed', async () => {
    const document = `<Error><Code>PermanentRedirect</Code><Endpoint>127.0.0.1:${port}</Endpoint><Region>evil.example/</Region></Error>`
    await origin.set('*', ({ response }) =>
      response.writeHead(301, { 'Content-Type': 'application/xml' }).end(document),
    )
    await expectRefused(s3, 'moved')
    expect(origin.count('media/moved').requests).toBe(1)
  })
})
