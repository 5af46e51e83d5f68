import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Signing, signHeader } from '../kit/s3-signer.ts'
import { rawRequest, exchange, send } from '../kit/servers/raw-http.ts'
import { startTarget, type Target } from './attack.ts'

const KEY = { access_key_id: 'writer', secret_access_key: 'writer-secret-0123456789', scopes: ['write'] }
const credentials = { accessKeyId: KEY.access_key_id, secretAccessKey: KEY.secret_access_key }
const NAMES = ['a', 'b', 'a//b', '/a', 'a/', 'a\\b', 'ü', 'a|b^{c}', 'a%2Fb', 'a+b', 'a.b', "it's(1)!*"]

let target: Target
let before: unknown
beforeAll(async () => {
  target = await startTarget(
    { vars: { S3_BUCKET: 'media', S3_KEYS: JSON.stringify([KEY]) } },
    Object.fromEntries(NAMES.map((name) => [name, `object ${name}`])),
  )
  before = await target.snapshot()
})
afterAll(() => target.close())

/** Sends bytes as the path that were signed as another one. */
async function sendRaw(method: string, path: string, signedAs: string) {
  const signing: Signing = { endpoint: `${target.url}-/s3`, credentials }
  const { headers } = await signHeader(signing, { method, path: `/media/${signedAs}` })
  const { body, ...response } = await send(target.url, {
    method,
    target: `/-/s3/media/${latin1(path)}`,
    headers: Object.entries(headers).filter(([name]) => name !== 'host'),
  })
  return { ...response, body: Buffer.from(body, 'latin1').toString() }
}

/** UTF-8 as `send` expects bytes: one character each. */
function latin1(text: string): string {
  return Buffer.from(text).toString('latin1')
}

describe('a path on the wire', () => {
  it.each([
    ['a//b', 'a//b', 'a//b'],
    ['/a', '/a', '/a'],
    ['a/', 'a/', 'a/'],
    ['a%5Cb', 'a%5Cb', 'a\\b'],
    ['a\\b', 'a\\b', 'a\\b'],
    ['a\\b', 'a%5Cb', 'a\\b'],
    ['%C3%BC', '%C3%BC', 'ü'],
    ['%c3%bc', '%c3%bc', 'ü'],
    ['%c3%bc', '%C3%BC', 'ü'],
    ['ü', '%C3%BC', 'ü'],
    ['ü', 'ü', 'ü'],
    ['a|b^{c}', 'a%7Cb%5E%7Bc%7D', 'a|b^{c}'],
    ['a%252Fb', 'a%252Fb', 'a%2Fb'],
    ['a+b', 'a%2Bb', 'a+b'],
    ['a%2eb', 'a.b', 'a.b'],
    ['a%2eb', 'a%2eb', 'a.b'],
    ["it's(1)!*", 'it%27s%281%29%21%2A', "it's(1)!*"],
  ])('%s, signed as %s, is the object %s', async (path, signedAs, name) => {
    const { status, body } = await sendRaw('GET', path, signedAs)
    expect([status, body]).toEqual([200, `object ${name}`])
  })

  it.each([
    ['./a', './a', 400],
    ['x/../a', 'x/../a', 400],
    ['x/%2e%2e/a', 'x/%2e%2e/a', 400],
    ['x/.%2E/a', 'x/../a', 400],
    ['%2e/a', '%2e/a', 400],
    ['..', '..', 400],
    ['a%00', 'a%00', 400],
    ['%ff', '%ff', 400],
    ['%', '%25', 400],
    ['-/api/list', '-/api/list', 400],
    ['./a', 'a', 403],
    ['x/../a', 'a', 403],
    ['x/%2e%2e/a', 'a', 403],
    ['a', 'x/../a', 403],
    ['a//b', 'a/b', 403],
    ['//a', '/a', 403],
    ['a\\b', 'a/b', 403],
    ['a%2Fb', 'a%252Fb', 403],
    ['a#b', 'a%23b', 403],
    ['../media/a', 'a', 403],
  ])('%s, signed as %s, is refused', async (path, signedAs, status) => {
    for (const method of ['GET', 'DELETE'])
      expect((await sendRaw(method, path, signedAs)).status).toBe(status)
  })

  it('cannot leave the endpoint for the routes of the Worker', async () => {
    for (const path of ['/-/s3/../api/list/', '/-/s3/%2e%2e/api/list/', '/-/s3//-/api/list/'])
      expect((await send(target.url, { target: path })).status).toBe(403)
  })
})

describe('a header on the wire', () => {
  const raw = async (change: (headers: [string, string][]) => [string, string][]) => {
    const signing: Signing = { endpoint: `${target.url}-/s3`, credentials }
    const signed = await signHeader(signing, {
      method: 'GET',
      path: '/media/a',
      headers: { 'x-amz-meta-list': '1,2' },
    })
    const headers = change(Object.entries(signed.headers).filter(([name]) => name !== 'host'))
    return send(target.url, { target: '/-/s3/media/a', headers })
  }
  const replace =
    (name: string, ...rows: [string, string][]) =>
    (headers: [string, string][]) =>
      headers.flatMap((row) => (row[0] === name ? rows : [row]))

  it('may come twice, and is then signed as one, in that order', async () => {
    const first: [string, string] = ['x-amz-meta-list', '1']
    const second: [string, string] = ['X-Amz-Meta-List', '2']
    expect((await raw(replace('x-amz-meta-list', first, second))).status).toBe(200)
    expect((await raw(replace('x-amz-meta-list', second, first))).status).toBe(403)
  })

  it.each([
    ['x-amz-date', '20200101T000000Z'],
    ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'],
    ['authorization', 'AWS4-HMAC-SHA256 Credential=a'],
    ['authorization', 'Bearer open-sesame'],
    ['x-amz-meta-list', '3'],
  ])('must not come once more: %s: %s', async (name, value) => {
    const more = await raw((headers) => [...headers, [name, value]])
    const before = await raw((headers) => [[name, value], ...headers])
    for (const { status } of [more, before]) expect([400, 403]).toContain(status)
  })
})

it('refuses another Host than the signed one', async () => {
  const signing: Signing = { endpoint: `${target.url}-/s3`, credentials }
  const { headers } = await signHeader(signing, { method: 'GET', path: '/media/a' })
  const request = {
    target: '/-/s3/media/a',
    headers: Object.entries(headers).filter(([name]) => name !== 'host'),
  }
  expect((await send(target.url, request)).status).toBe(200)
  expect((await send(target.url, { ...request, host: 'other.example' })).status).toBe(403)
})

it('leaves the connection usable after a refusal before a body, and stores nothing', async () => {
  const put = rawRequest(target.url, { method: 'PUT', target: '/-/s3/media/new', body: 'bytes' })
  const next = rawRequest(target.url, { target: '/-/health' })
  const { responses } = await exchange(target.url, put + next, { count: 2 })
  expect(responses.map(({ status }) => status)).toEqual([403, 200])
})

it('changed nothing in R2', async () => {
  expect(await target.snapshot()).toEqual(before)
})
