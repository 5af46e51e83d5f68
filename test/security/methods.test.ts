import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exchange, type RawRequest, rawRequest, type RawResponse } from '../kit/servers/raw-http.ts'
import { type Attack, AUTHORIZED, itWithstands, startTarget, type Target } from './attack.ts'

let target: Target
beforeAll(async () => {
  target = await startTarget()
})
afterAll(() => target.close())

const ALLOWED = 'GET, HEAD, PUT, DELETE'

/** Methods that the runtime knows and no route has. */
const OTHER_METHODS = [
  'TRACE',
  'POST',
  'PATCH',
  'PURGE',
  'PROPFIND',
  'PROPPATCH',
  'MKCOL',
  'COPY',
  'MOVE',
  'LOCK',
  'UNLOCK',
  'SEARCH',
  'REPORT',
  'MERGE',
  'ACL',
  'QUERY',
]

/** TRACE must not send the request back. */
function expectRefused({ header, body }: RawResponse): void {
  expect(header('Allow')).toBe(ALLOWED)
  expect(body).not.toContain('secret=1')
}

describe('a method that a name does not have', () => {
  itWithstands(
    () => target,
    OTHER_METHODS.map((method) => ({
      name: method,
      sends: { method, target: '/a.txt', headers: [AUTHORIZED, ['Cookie', 'secret=1'] as const], body: 'x' },
      status: 405,
      check: expectRefused,
    })),
  )
})

/** The runtime answers these itself: RFC 9110 wants 501 for methods that a server does not know. */
describe('a method that nobody knows', () => {
  it.each(['TRACK', 'DEBUG', 'BREW', 'get', 'Put', 'delete', 'M-SEARCH2', 'X'.repeat(5000)])(
    '%s gets 501',
    async (method) => {
      const { responses } = await exchange(target.url, rawRequest(target.url, { method, target: '/a.txt' }))
      expect(responses).toMatchObject([{ status: 501, body: 'ERROR: Unrecognized request method.' }])
    },
  )

  it('CONNECT opens no tunnel', async () => {
    const bytes = `CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\nGET / HTTP/1.1\r\n\r\n`
    const { responses } = await exchange(target.url, bytes)
    expect(responses).toMatchObject([{ status: 500, body: 'Internal Server Error' }])
  })
})

const OVERRIDES: [string, string][] = ['DELETE', 'PUT'].flatMap((method): [string, string][] => [
  ['X-HTTP-Method-Override', method],
  ['X-HTTP-Method', method],
  ['X-Method-Override', method],
  ['X-Requested-Method', method],
  ['X-Original-Method', method],
  ['X-Rewrite-Method', method],
])

function overrides(method: string, status: number): Attack[] {
  return OVERRIDES.map(([name, value]) => ({
    name: `${method} with ${name}: ${value}`,
    sends: { method, target: '/a.txt', headers: [AUTHORIZED, [name, value] as const], body: 'x' },
    status,
    check: ({ body }) => status === 200 && expect(body).toBe('hello'),
  }))
}

describe('another method in a header or parameter is ignored', () => {
  const form = ['Content-Type', 'application/x-www-form-urlencoded'] as const
  itWithstands(
    () => target,
    [
      ...overrides('GET', 200),
      ...overrides('POST', 405),
      ...overrides('OPTIONS', 204),
      ...['_method', '_Method', 'method', 'x-http-method-override'].flatMap((parameter) => [
        {
          name: `GET ?${parameter}=DELETE`,
          sends: { target: `/a.txt?${parameter}=DELETE`, headers: [AUTHORIZED] },
          status: 200,
        },
        {
          name: `POST ${parameter}=DELETE in a form`,
          sends: {
            method: 'POST',
            target: '/a.txt',
            headers: [AUTHORIZED, form],
            body: `${parameter}=DELETE`,
          },
          status: 405,
        },
      ]),
    ],
  )
})

const put = (headers: readonly (readonly [string, string])[], body: string): RawRequest => ({
  method: 'PUT',
  target: '/b.txt',
  headers,
  body,
})
const SMUGGLED = 'DELETE /a.txt HTTP/1.1\r\nHost: x\r\n\r\n'
const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

/** Without a token, so that only the framing decides whether something is stored. */
const FRAMING: Attack[] = [
  {
    name: 'two lengths',
    sends: put(
      [
        ['Content-Length', '5'],
        ['Content-Length', '6'],
      ],
      'hello!',
    ),
    status: 400,
  },
  { name: 'a list of lengths', sends: put([['Content-Length', '5, 6']], 'hello!'), status: 400 },
  { name: 'a negative length', sends: put([['Content-Length', '-5']], 'hello'), status: 400 },
  { name: 'a signed length', sends: put([['Content-Length', '+5']], 'hello'), status: 400 },
  { name: 'a length in hex', sends: put([['Content-Length', '0x5']], 'hello'), status: 400 },
  { name: 'a length in exponents', sends: put([['Content-Length', '5e0']], 'hello'), status: 400 },
  { name: 'a length with a fraction', sends: put([['Content-Length', '5.0']], 'hello'), status: 400 },
  { name: 'a length of 2⁶⁴', sends: put([['Content-Length', '18446744073709551616']], 'hello'), status: 400 },
  { name: 'an empty length', sends: put([['Content-Length', '']], 'hello'), status: 400 },
  {
    name: 'an unknown coding',
    sends: put([['Transfer-Encoding', 'xchunked']], chunked('hello')),
    status: 400,
  },
  { name: 'identity', sends: put([['Transfer-Encoding', 'identity']], 'hello'), status: 400 },
  {
    name: 'chunked and another coding',
    sends: put([['Transfer-Encoding', 'chunked, identity']], chunked('hello')),
    status: 400,
  },
  {
    name: 'chunked with a tab before it',
    sends: put([['Transfer-Encoding', '\x0bchunked']], chunked('hello')),
    status: 400,
  },
  {
    name: 'a space before the colon',
    sends: put([['Transfer-Encoding ', 'chunked']], chunked('x')),
    status: 400,
  },
  { name: 'a folded header', sends: put([['X-A', 'b\r\n c']], 'hello'), status: 400 },
  { name: 'a NUL in a header', sends: put([['X-A', 'b\0c']], 'hello'), status: 400 },
  {
    name: 'a bare CR in a header',
    sends: put([['X-A', 'b\rTransfer-Encoding: chunked']], 'hello'),
    status: 400,
  },
  { name: 'a header without a colon', sends: 'GET /a.txt HTTP/1.1\r\nHost: x\r\nX\r\n\r\n', status: 400 },
].map((attack) => ({ ...attack, closes: true as const }))

describe('framing that is not clear is refused, and the connection closed', () => {
  itWithstands(() => target, FRAMING)
})

describe('a request within a body is not answered', () => {
  it.each([
    ['of a GET', { target: '/a.txt', headers: [AUTHORIZED] }],
    ['of a request that is refused', { method: 'PUT', target: '/b.txt' }],
    ['of a route that does not exist', { method: 'POST', target: '/-/api/none', headers: [AUTHORIZED] }],
    ['of an API route that reads JSON', { method: 'POST', target: '/-/api/exists', headers: [AUTHORIZED] }],
  ] as [string, RawRequest][])('%s', async (_, request) => {
    const last = { target: '/-/health', headers: [['Connection', 'close']] as const }
    const bytes = rawRequest(target.url, { ...request, body: SMUGGLED }) + rawRequest(target.url, last)
    const { responses } = await exchange(target.url, bytes, { count: 3 })
    expect(responses.slice(1).map(({ body }) => body)).toEqual(['{"status":"ok"}'])
  })

  it('that has a length, too, though it is chunked', async () => {
    const headers = [
      ['Content-Length', '5'],
      ['Transfer-Encoding', 'chunked'],
    ] as const
    const bytes = rawRequest(target.url, put(headers, `0\r\n\r\n${SMUGGLED}`))
    const { responses, closed } = await exchange(target.url, bytes, { count: 2 })
    expect([responses.map(({ status }) => status), closed]).toEqual([[401], true])
    expect(await target.bucket.head('a.txt')).not.toBeNull()
  })
})

describe('a body that breaks off stores nothing', () => {
  itWithstands(
    () => target,
    [
      {
        name: 'a chunk without a size',
        sends: put([AUTHORIZED, ['Transfer-Encoding', 'chunked']], 'zz\r\nhello\r\n0\r\n\r\n'),
        status: 400,
        closes: true,
      },
      {
        name: 'a chunk with a negative size',
        sends: put([AUTHORIZED, ['Transfer-Encoding', 'chunked']], '-5\r\nhello\r\n0\r\n\r\n'),
        status: 400,
        closes: true,
      },
    ],
  )
})

describe('another protocol', () => {
  it.each([
    [
      'an upgrade to a WebSocket',
      [
        ['Upgrade', 'websocket'],
        ['Connection', 'Upgrade'],
        ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
        ['Sec-WebSocket-Version', '13'],
      ],
    ],
    [
      'an upgrade to HTTP/2',
      [
        ['Upgrade', 'h2c'],
        ['Connection', 'Upgrade, HTTP2-Settings'],
        ['HTTP2-Settings', ''],
      ],
    ],
    [
      'an upgrade to TLS',
      [
        ['Upgrade', 'TLS/1.2'],
        ['Connection', 'Upgrade'],
      ],
    ],
    ['hop-by-hop headers', [['Connection', 'close, Authorization, Host, X-Forwarded-For']]],
    ['Expect', [['Expect', '100-continue']]],
    ['an Expect that nobody knows', [['Expect', 'the-unexpected']]],
    ['a Max-Forwards of 0', [['Max-Forwards', '0']]],
  ] as [string, [string, string][]][])('%s gets the object all the same', async (_, headers) => {
    const bytes = rawRequest(target.url, { target: '/a.txt', headers })
    expect((await exchange(target.url, bytes)).responses).toMatchObject([{ status: 200, body: 'hello' }])
  })

  it.each([
    ['HTTP/0.9', 'GET /a.txt\r\n\r\n'],
    ['HTTP/2.0', 'GET /a.txt HTTP/2.0\r\nHost: x\r\n\r\n'],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['SSH', 'SSH-2.0-OpenSSH_9.9\r\n\r\n'],
    ['Redis', '*1\r\n$8\r\nFLUSHALL\r\n\r\n'],
  ])('%s gets nothing but 400', async (_, bytes) => {
    const { responses } = await exchange(target.url, bytes)
    expect(responses.map(({ status }) => status)).toEqual([400])
  })
})
