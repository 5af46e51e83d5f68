import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Origin, startOrigin } from '../kit/origin/origin.ts'
import { type Attack, AUTHORIZED, itWithstands, R2, startTarget, type Target } from './attack.ts'

let target: Target
let origin: Origin

beforeAll(async () => {
  origin = await startOrigin()
  origin.add('secret.txt', 'outside of the prefix')
  origin.add('media/fallback.txt', 'of the fallback')
  const old = { type: 'http', name: 'old', url: `${origin.url}media/` }
  target = await startTarget(
    { storages: [{ ...R2, prefix: 'media/' }, old] },
    {
      'media/a.txt': 'hello',
      'secret.txt': 'outside of the prefix',
      'media/-/staged/part': 'staged',
    },
  )
})
afterAll(() => Promise.all([target.close(), origin.close()]))

/** Names that would lead elsewhere if a step were resolved, decoded twice, or cut off. Bytes as Latin-1. */
const TRAVERSALS = [
  '..',
  '../secret.txt',
  'a/../../secret.txt',
  './a.txt',
  '%2e%2e/secret.txt',
  '%2e%2e%2fsecret.txt',
  '..%2fsecret.txt',
  '.%2e/secret.txt',
  '%2E%2E/%2E%2E/secret.txt',
  'a/%2e%2e/%2e%2e/secret.txt',
  'a%2f..%2f..%2fsecret.txt',
  'a/.',
  'a/./b',
  '%c0%ae%c0%ae/secret.txt',
  '%c0%ae%c0%ae%c0%afsecret.txt',
  '%e0%80%ae%e0%80%ae/secret.txt',
  '%uff0e%uff0e/secret.txt',
  '%u002e%u002e/secret.txt',
  'a.txt%00',
  'a.txt%00.png',
  '%00a.txt',
  'a.txt%0a',
  'a.txt%0d%0aX-Injected:%201',
  'a.txt%7f',
  'a.txt%c2%85',
  'a%ed%a0%80.txt',
  'a%ff.txt',
  '%',
  'a%2',
  'a%zz',
  'a'.repeat(1025),
  '%41'.repeat(1025),
  '%f0%9f%98%80'.repeat(257),
  '%2d/staged/part',
  '-%2fstaged%2fpart',
  '%2d%2fstaged%2fpart',
]

/** Names that look the same but are names of their own, which nobody has. */
const LITERAL = [
  '%252e%252e/secret.txt',
  '%252e%252e%252fsecret.txt',
  '..%255csecret.txt',
  '..%5csecret.txt',
  '%5c..%5csecret.txt',
  '...',
  '.../secret.txt',
  '....//secret.txt',
  '..;/secret.txt',
  '..%3b/secret.txt',
  '%20../secret.txt',
  '..%20/secret.txt',
  '%ef%bc%8e%ef%bc%8e/secret.txt',
  '/secret.txt',
  '//secret.txt',
  '%2fsecret.txt',
  '~/secret.txt',
  'c:%5csecret.txt',
  'file:///etc/passwd',
  'http://127.0.0.1/secret.txt',
  'r2://media/secret.txt',
  'a.txt/',
  'a.txt%20',
  'a.txt%2f..%2e.%2fx',
  'A.TXT',
  'a.txt;v=1',
  '%24%7bjndi:ldap://127.0.0.1/a%7d',
  '%7b%7b7*7%7d%7d',
  "'%20OR%201=1--",
  '%7c%20cat%20/etc/passwd',
]

const said = (path: string): string => (path.length > 60 ? `${path.slice(0, 30)}… (${path.length})` : path)

function through(
  title: string,
  make: (path: string) => Pick<Attack, 'sends' | 'status'>,
  paths: string[],
): Attack[] {
  return paths.map((path) => ({ name: `${title} ${said(path)}`, ...make(path) }))
}

describe('a path that is no name', () => {
  itWithstands(
    () => target,
    [
      ...through('GET', (path) => ({ sends: { target: `/${path}` }, status: 400 }), TRAVERSALS),
      ...through(
        'PUT',
        (path) => ({
          sends: { method: 'PUT', target: `/${path}`, headers: [AUTHORIZED], body: 'x' },
          status: 400,
        }),
        TRAVERSALS,
      ),
      ...through(
        'POST save',
        (path) => ({
          sends: { method: 'POST', target: `/-/api/save/${path}`, headers: [AUTHORIZED], body: 'x' },
          status: 400,
        }),
        TRAVERSALS,
      ),
      ...through(
        'GET list',
        (path) => ({ sends: { target: `/-/api/list/${path}`, headers: [AUTHORIZED] }, status: 400 }),
        TRAVERSALS,
      ),
    ],
  )
})

describe('a name that only looks like another', () => {
  itWithstands(
    () => target,
    through('GET', (path) => ({ sends: { target: `/${path}` }, status: 404 }), LITERAL),
  )

  it('is requested from the origin below its path only, as it is', () => {
    const requested = new Set(origin.requests.map(({ name }) => name))
    expect(requested).toEqual(new Set(LITERAL.map((path) => `media/${decodeURIComponent(path)}`)))
  })
})

describe('the API’s own paths', () => {
  itWithstands(
    () => target,
    [
      ...['/%2d/api/backends', '/%2D/metrics', '/-%2fapi%2fbackends', '/%2d/docs', '/%2D/%61pi/backends'].map(
        (path) => ({
          name: `GET ${path}, with an escape where there is none`,
          sends: { target: path, headers: [AUTHORIZED] },
          status: 400,
        }),
      ),
      ...[
        '/-/%61pi/backends',
        '/-/api/back%65nds',
        '/-/api/../api/backends',
        '/-/api//backends',
        '//-/api/backends',
        '/-/API/backends',
      ].map((path) => ({ name: `GET ${path}`, sends: { target: path, headers: [AUTHORIZED] }, status: 404 })),
      { name: 'GET a.txt, without a slash', sends: { target: 'a.txt' }, status: 404 },
      { name: 'GET \\a.txt', sends: { target: '\\a.txt' }, status: 400, closes: true },
      { name: 'a raw byte above ASCII', sends: { target: '/a\xff.txt' }, status: 400, closes: true },
      { name: 'a space in the target', sends: { target: '/a b.txt' }, status: 400, closes: true },
    ],
  )
})
