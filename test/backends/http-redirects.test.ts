import { describe, expect, it } from 'vitest'
import { httpBackend, type HttpOptions } from '../../src/backends/http/http.ts'
import { isPublicHost } from '../../src/backends/http/public-address.ts'
import { CONTENT, read } from '../kit/http-origin.ts'

/** A backend in a network where every URL redirects according to `routes`, or returns the content. */
function backendIn(routes: Record<string, string>, options: HttpOptions = {}) {
  const seen: { url: string; headers: Headers; method: string }[] = []
  const network = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    seen.push({ url: request.url, headers: request.headers, method: request.method })
    const location = routes[request.url]
    if (location === undefined) return new Response(CONTENT, { headers: { 'Content-Length': '10' } })
    return new Response('moved', { status: 302, headers: { Location: location } })
  }
  const headers = { Authorization: 'secret' }
  const backend = httpBackend('old', { url: 'https://origin.example/', headers, fetch: network, ...options })
  return { backend, seen }
}

it('follows to another path of the origin with the configured headers', async () => {
  const { backend, seen } = backendIn({ 'https://origin.example/a': '/b//c%2Fd' })
  expect(await read((await backend.get('a'))?.body)).toBe(CONTENT)
  expect(seen.at(-1)?.url).toBe('https://origin.example/b//c%2Fd')
  expect(seen.at(-1)?.headers.get('Authorization')).toBe('secret')
})

it('drops the configured headers at the first change of host, permanently', async () => {
  const { backend, seen } = backendIn({
    'https://origin.example/a': 'https://cdn.example/a',
    'https://cdn.example/a': 'https://origin.example/b',
  })
  await backend.get('a', { range: { offset: 0 } })
  expect(seen.map(({ headers }) => headers.get('Authorization'))).toEqual(['secret', null, null])
  expect(seen.map(({ headers }) => headers.get('Range'))).toEqual(['bytes=0-', 'bytes=0-', 'bytes=0-'])
})

it('drops them at a change of port, too', async () => {
  const { backend, seen } = backendIn({ 'https://origin.example/a': 'https://origin.example:8443/a' })
  await backend.get('a')
  expect(seen.at(-1)?.headers.has('Authorization')).toBe(false)
})

it('follows a HEAD as a HEAD', async () => {
  const { backend, seen } = backendIn({ 'https://origin.example/a': 'https://cdn.example/a' })
  expect(await backend.head('a')).toMatchObject({ name: 'a', size: 10 })
  expect(seen.map(({ method }) => method)).toEqual(['HEAD', 'HEAD'])
})

it('follows five redirects and no sixth', async () => {
  const routes = Object.fromEntries(
    [1, 2, 3, 4, 5, 6].map((n) => [`https://origin.example/${n}`, `/${n + 1}`]),
  )
  const { backend, seen } = backendIn(routes)
  expect(await backend.head('2')).not.toBeNull()
  seen.length = 0
  await expect(backend.head('1')).rejects.toMatchObject({ code: 'unavailable', status: 302 })
  expect(seen).toHaveLength(6)
})

it('checks each redirect anew', async () => {
  const { backend, seen } = backendIn({
    'https://origin.example/a': 'https://cdn.example/a',
    'https://cdn.example/a': 'https://127.0.0.1/a',
  })
  await expect(backend.get('a')).rejects.toMatchObject({ message: expect.stringContaining('not public') })
  expect(seen.map(({ url }) => url)).toEqual(['https://origin.example/a', 'https://cdn.example/a'])
})

it('uses a binding for its own host only', async () => {
  const requested: string[] = []
  const fetcher = {
    fetch: async (url: string) => (requested.push(url), Response.redirect('https://cdn.example/a')),
  }
  const { backend, seen } = backendIn({}, { fetcher })
  await backend.get('a')
  expect(requested).toEqual(['https://origin.example/a'])
  expect(seen.map(({ url }) => url)).toEqual(['https://cdn.example/a'])
})

it('follows to a private address that is the configured origin itself, and to no other port of it', async () => {
  const options = { url: 'http://10.0.0.5:8080/' }
  const same = backendIn({ 'http://10.0.0.5:8080/a': 'http://10.0.0.5:8080/b' }, options)
  expect(await same.backend.head('a')).not.toBeNull()
  const other = backendIn({ 'http://10.0.0.5:8080/a': 'http://10.0.0.5:9090/b' }, options)
  await expect(other.backend.head('a')).rejects.toMatchObject({ code: 'unavailable' })
})

it('treats a redirect to the name with a slash as a directory if the origin lists', async () => {
  const routes = { 'https://origin.example/photos': 'https://origin.example/photos/' }
  expect(await backendIn(routes, { listing: 'autoindex-json' }).backend.get('photos')).toBeNull()
  expect(await backendIn(routes).backend.get('photos')).not.toBeNull()
})

it('treats a redirect as absence if its status is configured so', async () => {
  const { backend } = backendIn({ 'https://origin.example/a': '/missing.png' }, { absentStatuses: [302] })
  expect(await backend.head('a')).toBeNull()
})

describe('a redirect is refused, without showing its address, if it goes', () => {
  it.each([
    ['http://origin.example/a', 'from https to http'],
    ['ftp://cdn.example/a', 'not http'],
    ['file:///etc/passwd', 'not http'],
    ['data:image/png,x', 'not http'],
    ['javascript:alert(1)', 'not http'],
    ['https://user:pw@cdn.example/a', 'credentials'],
    ['https://', 'without saying where'],
    ['https://127.0.0.1/a', 'not public'],
    ['https://2130706433/a', 'not public'],
    ['https://0x7f.1/a', 'not public'],
    ['https://0177.0.0.1/a', 'not public'],
    ['https://%31%32%37.0.0.1/a', 'not public'],
    ['https://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/a', 'not public'],
    ['//169.254.169.254/latest/meta-data/', 'not public'],
    ['\\\\192.168.1.1\\a', 'not public'],
    ['https://[::ffff:127.0.0.1]/a', 'not public'],
    ['https://metadata/computeMetadata/', 'not public'],
    ['https://LOCALHOST./a', 'not public'],
  ])('to %s', async (location, reason) => {
    const { backend, seen } = backendIn({ 'https://origin.example/a': location })
    const failure = await backend.get('a').catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'unavailable', message: expect.stringContaining(reason) })
    expect(String(failure)).not.toMatch(/\d\.\d|metadata|localhost|passwd/i)
    expect(seen).toHaveLength(1)
  })

  it('nowhere', async () => {
    const network = async () => new Response(null, { status: 301 })
    const backend = httpBackend('old', { url: 'https://origin.example/', fetch: network })
    await expect(backend.get('a')).rejects.toMatchObject({ message: expect.stringContaining('where') })
  })
})

describe('a host is public by its form', () => {
  const hostOf = (host: string): string => new URL(`http://${host}/`).hostname

  it.each(
    (
      'example.com 8.8.8.8 1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 128.0.0.1 169.253.1.1 ' +
      '172.15.0.1 172.32.0.1 192.167.0.1 192.169.0.1 223.255.255.255 [2606:4700::1111] [2a00:1450::1] ' +
      '[2001:4860:4860::8888] local.example internal.example.org mylocal.com nip.io.example.com notlvh.me'
    ).split(' '),
  )('%s is', (host) => {
    expect(isPublicHost(hostOf(host))).toBe(true)
  })

  it.each(
    (
      '0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 ' +
      '172.31.255.255 192.0.0.1 192.0.2.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.9 224.0.0.1 ' +
      '240.0.0.1 255.255.255.255 127.1 0x7f000001 017700000001 [::] [::1] [::ffff:10.0.0.1] [::ffff:8.8.8.8] ' +
      '[64:ff9b::a00:1] [fc00::1] [fd12::1] [fe80::1] [fec0::1] [ff02::1] [2001::1] [2001:db8::1] [2002:a00:1::] ' +
      '[3fff::1] [100::1] localhost a.localhost redis nas.local metadata.google.internal db.internal. x.home.arpa ' +
      'router.lan 127.0.0.1.nip.io 7f000001.nip.io a.127-0-0-1.sslip.io 10.0.0.1.traefik.me localtest.me a.lvh.me ' +
      'kubernetes.default.svc x.svc.cluster.local [::127.0.0.1] [64:ff9b:1::a00:1] [2001:0:7f00:1::] [5f00::1] ' +
      '127.0.0.1. localhost..'
    ).split(' '),
  )('%s is not', (host) => {
    expect(isPublicHost(hostOf(host))).toBe(false)
  })
})
