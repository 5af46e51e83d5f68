import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RawRequest, type RawResponse, send } from '../kit/servers/raw-http.ts'
import { AUTHORIZED, itWithstands, R2, startTarget, type Target } from './attack.ts'

let target: Target
beforeAll(async () => {
  target = await startTarget({
    storages: [R2, { type: 'kv', binding: 'MEDIA_KV', read_only: true }],
    vars: { MEDIA_CORS_ORIGINS: 'https://www.example.com,https://app.example.com' },
  })
})
afterAll(() => target.close())

/** What would begin a header, or a response, of its own where it is sent back unescaped. */
const BREAKS = [
  '\r\nX-Injected: 1',
  '\nX-Injected: 1',
  '\rX-Injected: 1',
  '\r\n\r\n<script>',
  '\0X-Injected: 1',
]
const ENCODED = [
  '%0d%0aX-Injected:%201',
  '%0aX-Injected:%201',
  '%0d%0a%0d%0a%3Cscript%3E',
  '%e5%98%8a%e5%98%8dX-Injected:%201',
  '%c4%8d%c4%8aX-Injected:%201',
  '%u000d%u000aX-Injected:%201',
  '%5cr%5cnX-Injected:%201',
]

function expectOne({ headers, body }: RawResponse): void {
  expect(headers.map(([name]) => name.toLowerCase())).not.toContain('x-injected')
  expect(headers.flat().filter((text) => text.includes('<script>'))).toEqual([])
  expect(body.startsWith('<')).toBe(false)
}

describe('a line break in the path', () => {
  const targets = [
    ...ENCODED.map((text) => [`/${text}`, /^%(?:0|u)/.test(text) ? 400 : 404] as const),
    ...ENCODED.map((text) => [`/-/api/url/${text}`, /^%(?:0|u)/.test(text) ? 400 : 200] as const),
    ...ENCODED.map((text) => [`/-/api/none${text}`, 404] as const),
    ...ENCODED.map((text) => [`/a.txt?x=${text}`, 200] as const),
    ...ENCODED.map((text) => [`/-/api/backfills/${text}`, 404] as const),
    ...ENCODED.map((text) => [`/-/api/list/?delimiter=${text}`, 400] as const),
    ...ENCODED.map((text) => [`/-/api/list/?cursor=${text}`, 400] as const),
  ]
  itWithstands(
    () => target,
    targets.map(([path, status]) => ({
      name: path,
      sends: { target: path, headers: [AUTHORIZED] },
      status,
      check: expectOne,
    })),
  )
})

/** Headers whose values come back, in this answer or in a later one. */
const REFLECTED = [
  'Content-Type',
  'Content-Disposition',
  'Content-Language',
  'Cache-Control',
  'x-amz-meta-note',
  'If-Match',
  'If-None-Match',
  'Range',
  'If-Range',
  'Origin',
  'Access-Control-Request-Headers',
  'Access-Control-Request-Method',
  'Authorization',
  'Fallback-Storage-Via',
]

describe('a bare line break or NUL in a header is refused', () => {
  itWithstands(
    () => target,
    REFLECTED.map((name) => ({
      name,
      sends: { method: 'PUT', target: '/b.txt', headers: [[name, 'x\ry'] as const], body: 'x' },
      status: 400,
      closes: true as const,
      check: expectOne,
    })),
  )
  it.each(BREAKS.filter((text) => !text.includes('\n')))('%j', async (text) => {
    const response = await send(target.url, { target: '/a.txt', headers: [['Origin', `x${text}`]] })
    expect(response.status).toBe(400)
    expectOne(response)
  })
})

describe('escapes in stored headers come back as they were, never as line breaks', () => {
  const VALUES = [
    'attachment; filename="a%0d%0aX-Injected: 1.txt"',
    'attachment; filename="a\\r\\nX-Injected: 1.txt"',
    "attachment; filename*=UTF-8''a%0d%0aX-Injected%3A%201.txt",
    '=?utf-8?q?a=0D=0AX-Injected:_1?=',
    '=?utf-8?b?YQ0KWC1JbmplY3RlZDogMQ==?=',
    'a\u00c4\u00d6\u00dc\u0085\u00a0b',
  ]
  const HEADERS = ['Content-Disposition', 'Content-Language', 'Cache-Control', 'x-amz-meta-note']
  const cases = HEADERS.flatMap((header) => VALUES.map((value, index) => [header, value, index] as const))

  it.each(cases)('%s: %s', async (header, value, index) => {
    const name = `/stored-${header}-${index}.txt`
    const put: RawRequest = { method: 'PUT', target: name, headers: [AUTHORIZED, [header, value]], body: 'x' }
    expect((await send(target.url, put)).status).toBe(201)
    for (const method of ['GET', 'HEAD']) {
      const response = await send(target.url, { method, target: name })
      expect(response.status).toBe(200)
      expectOne(response)
      expect(response.headers.filter(([own]) => own.toLowerCase() === header.toLowerCase())).toHaveLength(1)
    }
    const listed = await send(target.url, { target: `/-/api/explain${name}`, headers: [AUTHORIZED] })
    expect(listed.status).toBe(200)
  })
})

function expectNotPermitted({ header }: RawResponse): void {
  expect(header('Access-Control-Allow-Origin')).toBeNull()
  expect(header('Access-Control-Allow-Credentials')).toBeNull()
  expect(header('Timing-Allow-Origin')).toBeNull()
  expect(header('Vary')).toContain('Origin')
}

describe('an Origin that is not allowed', () => {
  const ORIGINS = [
    'https://evil.example',
    'https://www.example.com.evil.example',
    'https://evilwww.example.com',
    'https://www.example.com:8443',
    'http://www.example.com',
    'https://www.example.com/',
    'https://WWW.EXAMPLE.COM',
    'https://www.example.com, https://evil.example',
    'https://www.example.com,https://app.example.com',
    'https://user@www.example.com',
    'https://www.example.com%00.evil.example',
    'https://www.example.com\u00ff',
    'https://sub.www.example.com',
    'https://wwwxexample.com',
    'null',
    '*',
    'file://',
    '',
  ]
  const requests: RawRequest[] = [
    { target: '/a.txt' },
    { target: '/absent' },
    { method: 'OPTIONS', target: '/a.txt' },
  ]
  itWithstands(
    () => target,
    requests.flatMap((request) =>
      ORIGINS.map((origin) => ({
        name: `${request.method ?? 'GET'} ${request.target} from ${origin}`,
        sends: { ...request, headers: [['Origin', origin] as const] },
        status: request.method ? 204 : request.target === '/a.txt' ? 200 : 404,
        check: expectNotPermitted,
      })),
    ),
  )

  it('may not send credentials even if it is', async () => {
    const response = await send(target.url, {
      target: '/a.txt',
      headers: [['Origin', 'https://www.example.com']],
    })
    expect(response.header('Access-Control-Allow-Origin')).toBe('https://www.example.com')
    expect(response.header('Access-Control-Allow-Credentials')).toBeNull()
  })
})

describe('a preflight reflects only header names', () => {
  const asked = [
    'x-amz-meta-ok, x-evil',
    'x-amz-meta-<script>',
    'x-amz-meta-a b',
    'x-amz-meta-a:b',
    'x-amz-meta-"',
    'x-amz-meta-',
    'x-amz-meta-\u00ff',
    '*',
  ]
  it.each(asked)('%s', async (names) => {
    const headers = [
      ['Origin', 'https://www.example.com'],
      ['Access-Control-Request-Headers', names],
    ] as const
    const { status, header } = await send(target.url, { method: 'OPTIONS', target: '/a.txt', headers })
    expect(status).toBe(204)
    const allowed = (header('Access-Control-Allow-Headers') ?? '').split(', ')
    expect(allowed.filter((name) => /^x-/i.test(name))).toEqual(
      names.startsWith('x-amz-meta-ok') ? ['x-amz-meta-ok'] : [],
    )
    expect(allowed).not.toContain('*')
  })
})
