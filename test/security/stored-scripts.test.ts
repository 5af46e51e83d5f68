import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RawResponse, send } from '../kit/servers/raw-http.ts'
import { AUTHORIZED, R2, startTarget, type Target } from './attack.ts'

const SCRIPT = '<script>alert(1)</script>'
const MARKUP = [
  '<img src=x onerror=alert(1)>',
  '"><svg onload=alert(1)>',
  "'-alert(1)-'",
  '</title><script>',
  '{{7*7}}',
  '&lt;b&gt;',
]

let target: Target
beforeAll(async () => {
  target = await startTarget(
    { storages: [R2, { type: 'kv', binding: 'MEDIA_KV', name: 'old', read_only: true }] },
    {},
  )
  for (const markup of MARKUP) await target.bucket.put(`${markup}.html`, SCRIPT)
})
afterAll(() => target.close())

const NAVIGATION: [string, string][] = [
  ['Accept', 'text/html,application/xhtml+xml,*/*;q=0.8'],
  ['Sec-Fetch-Mode', 'navigate'],
  ['Sec-Fetch-Dest', 'document'],
  ['Sec-Fetch-Site', 'cross-site'],
]

/** No browser runs it as a page of the site: sandboxed, or of a type that is not run, which is not guessed. */
function expectInert({ header }: RawResponse): void {
  expect(header('X-Content-Type-Options')).toBe('nosniff')
  const [type = ''] = (header('Content-Type') ?? '').split(';')
  const inert =
    /^(?:image\/(?!svg)[a-z]+|text\/(?:plain|css|javascript|csv)|application\/(?:json|pdf)|video\/mp4|audio\/mpeg)$/
  if (!inert.test(type) || header('Content-Type')?.includes(','))
    expect(header('Content-Security-Policy')).toMatch(/^sandbox(?:$|; default-src 'none';)/)
}

/** Pages of other sites can neither load it nor show it in a frame. */
function expectOwn({ header }: RawResponse): void {
  expect(header('Cross-Origin-Resource-Policy')).toBe('same-origin')
  expect(header('Content-Security-Policy')).toMatch(/(?:^|; )frame-ancestors 'self'$/)
}

/** A name, and the type that it is uploaded with; without one, that of the name counts. */
const UPLOADS: [string, string | null][] = [
  ['page.html', null],
  ['page.HTM', null],
  ['page.xhtml', null],
  ['page', null],
  ['page.unknown', null],
  ['picture.svg', null],
  ['picture.svgz', null],
  ['picture.png', null],
  ['feed.xml', null],
  ['style.xsl', null],
  ['feed.rss', null],
  ['app.js', null],
  ['data.json', null],
  ['a.txt', null],
  ['a.png', 'text/html'],
  ['b.png', 'TEXT/HTML; charset=utf-8'],
  ['c.png', ' text/html '],
  ['d.png', 'text/html;charset=utf-7'],
  ['e.png', 'image/svg+xml'],
  ['f.png', 'image/svg'],
  ['g.png', 'application/xhtml+xml'],
  ['h.png', 'text/xml'],
  ['i.png', 'application/mathml+xml'],
  ['j.png', 'text/xsl'],
  ['k.png', 'multipart/x-mixed-replace; boundary=x'],
  ['l.png', 'multipart/related'],
  ['m.png', 'message/rfc822'],
  ['n.png', 'application/x-shockwave-flash'],
  ['o.png', 'image/png, text/html'],
  ['p.png', 'text/plain; x=y, text/html'],
  ['q.png', 'text/html image/png'],
  ['r.png', '*/*'],
  ['s.png', 'x'],
  ['t.png', 'application/octet-stream'],
  ['u.png', 'application/x-www-form-urlencoded'],
  ['v.png', 'text/vnd.wap.wml'],
  ['w.png', 'application/x-httpd-php'],
  ['x.png', 'text/cache-manifest'],
]

describe('a stored script', () => {
  /** As the dashboard's session reads it, whose origin a script would have. */
  const PREVIEWS = [
    { headers: [AUTHORIZED] },
    { method: 'HEAD', headers: [AUTHORIZED] },
    { headers: [AUTHORIZED, ['Range', 'bytes=0-24']] },
  ] as const

  it.each(UPLOADS)('does not run: %s as %s', async (name, type) => {
    const headers: [string, string][] = [
      AUTHORIZED as [string, string],
      ['Content-Security-Policy', 'default-src *'],
      ['X-Content-Type-Options', 'sniff'],
      ['Service-Worker-Allowed', '/'],
      ...(type === null ? [] : [['Content-Type', type] as [string, string]]),
    ]
    const stored = await send(target.url, { method: 'PUT', target: `/${name}`, headers, body: SCRIPT })
    expect(stored.status).toBe(201)
    const reads = [
      { target: `/${name}` },
      { target: `/${name}?x=.png` },
      { target: `/-/api/open/${name}` },
      ...PREVIEWS.map((preview) => ({ ...preview, target: `/-/api/preview/${name}` })),
      { method: 'HEAD', target: `/${name}` },
      { target: `/${name}`, headers: [['Range', 'bytes=0-24']] as const },
    ]
    for (const read of reads) {
      const response = await send(target.url, { ...read, headers: [...NAVIGATION, ...(read.headers ?? [])] })
      expect([200, 206]).toContain(response.status)
      expectInert(response)
      if (read.target.startsWith('/-/api/preview/')) expectOwn(response)
      expect(response.header('Service-Worker-Allowed')).toBeNull()
      if (type === null && name === 'picture.png') expect(response.header('Content-Type')).toBe('image/png')
    }
  })
})

/** Where the markup is, it is data: JSON that is not sniffed. In HTML, it is escaped. */
function expectData(response: RawResponse): void {
  const { header, body } = response
  expect(header('X-Content-Type-Options')).toBe('nosniff')
  const type = header('Content-Type') ?? ''
  if (/^application\/(?:problem\+)?json$/.test(type)) return
  if (/^text\/plain\b/.test(type)) return
  expect(type).toMatch(/^text\/html\b/)
  expect(MARKUP.slice(0, 4).filter((markup) => body.includes(markup))).toEqual([])
  expect(body).not.toContain(SCRIPT)
  const policy = header('Content-Security-Policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toMatch(/script-src[^;]*(?:unsafe|\*|http|data)/)
}

const ENCODED = encodeURIComponent([SCRIPT, ...MARKUP].join(' '))

describe('markup is data', () => {
  const paths = [
    '/NAME',
    '/%00NAME',
    '/-/NAME',
    '/-/api/NAME',
    '/-/docs/NAME',
    '/-/docs?NAME',
    '/-/docs/errors?NAME',
    '/-/api/openapi.json?NAME',
    '/-/health?NAME',
    '/-/api/url/NAME',
    '/-/api/url/a?expires_in=NAME',
    '/-/api/exists/NAME',
    '/-/api/size/NAME',
    '/-/api/get_valid_name/NAME',
    '/-/api/get_available_name/NAME',
    '/-/api/explain/NAME.html',
    '/-/api/preview/NAME.html',
    '/-/?NAME',
    '/-/dashboard/NAME',
    '/-/api/list/NAME',
    '/-/api/list/?delimiter=NAME',
    '/-/api/list/?cursor=NAME',
    '/-/api/list/?limit=NAME',
    '/-/api/listdir/NAME',
    '/-/api/tombstones?prefix=NAME',
    '/-/api/backfills/NAME',
    '/-/api/verifications/NAME/report',
    '/-/api/verifications/x/differences?kind=NAME',
    '/-/metrics?NAME',
  ]
  it.each(paths)('in GET %s', async (path) => {
    const request = { target: path.replace('NAME', ENCODED) }
    const response = await send(target.url, { ...request, headers: [AUTHORIZED, ...NAVIGATION] })
    expect(response.status).toBeLessThan(500)
    expectData(response)
  })

  it.each(['POST', 'PATCH', 'TRACE', 'DELETE'])('in %s', async (method) => {
    const response = await send(target.url, { method, target: `/-/api/${ENCODED}`, headers: NAVIGATION })
    expect(response.status).toBe(404)
    expectData(response)
  })

  it.each([
    ['exists', { names: [SCRIPT, 1] }],
    ['exists', { [SCRIPT]: 1 }],
    ['exists', { names: [SCRIPT] }],
    ['migrate', { names: [SCRIPT] }],
    ['backfills', { backends: [SCRIPT] }],
    ['backfills', { manifest: SCRIPT }],
    ['verifications', { accept: [SCRIPT] }],
    ['tombstones/purge', { prefix: SCRIPT }],
    ['tombstones/purge', { cursor: SCRIPT }],
  ])('in a body for %s: %j', async (route, body) => {
    const headers = [AUTHORIZED, ...NAVIGATION]
    const request = { method: 'POST', target: `/-/api/${route}`, headers, body: JSON.stringify(body) }
    const response = await send(target.url, request)
    expect(response.status).toBeLessThan(500)
    expectData(response)
  })
})

describe('the certificate page', () => {
  it('shows names, prefixes and reasons as text', async () => {
    for (const prefix of ['', ...MARKUP.slice(0, 4)]) {
      const request = { method: 'POST', target: '/-/api/verifications', headers: [AUTHORIZED] }
      const started = await send(target.url, { ...request, body: JSON.stringify({ prefix }) })
      const job = started.header('Location') ?? ''
      const state = async (): Promise<unknown> =>
        JSON.parse((await send(target.url, { target: job, headers: [AUTHORIZED] })).body)
      await expect.poll(state, { timeout: 20_000 }).toMatchObject({ state: 'completed' })
      const report = await send(target.url, { target: `${job}/report`, headers: [AUTHORIZED, ...NAVIGATION] })
      expect(report.status).toBe(200)
      expect(report.body).toContain(
        prefix === '' ? '&lt;img src=x onerror=alert(1)&gt;' : 'Names that begin with',
      )
      expectData(report)
      expect(report.body).not.toMatch(/<(?:img|svg|script)/i)
    }
  })
})
