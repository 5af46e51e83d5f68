import { describe, expect, it } from 'vitest'
import { BUCKET, S3_KEYS } from '../../kit/s3-client.ts'
import {
  type Credentials,
  encode,
  presign,
  type Signed,
  type Signing,
  signChunked,
  signHeader,
  type Unsigned,
} from '../../kit/s3-signer.ts'
import {
  type Answer,
  type Call,
  type Case,
  type Expected,
  type Group,
  type Objects,
  STATUSES,
  type Storage,
} from './case.ts'
import { parse, textAt, textsAt } from './xml.ts'

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'
const MD5_TAG = /^"[0-9a-f]{32}"$/
/** More pages than any listing here has. */
const MOST_PAGES = 60

/** An S3 API with an empty bucket for one case. */
export interface Site {
  endpoint: string
  /** Those of a key that may do everything; default: `S3_KEYS.writer`. */
  credentials?: Credentials
  region?: string
  fetch: (url: string, init: RequestInit) => Response | Promise<Response>
  seed: (objects: Objects) => Promise<void>
}

/** Runs each case of the groups over an empty bucket of `storage`. */
export function runGroups(groups: readonly Group[], storage: Storage, open: () => Promise<Site>): void {
  describe.each(groups)(`${storage}: $name`, ({ cases }) => {
    it.each(cases.filter(({ except }) => except[storage] === undefined))('$title', async (one) => {
      expect.hasAssertions()
      await runCase(one, await open())
    })
  })
}

async function runCase({ objects, steps }: Case, site: Site): Promise<void> {
  await site.seed(objects)
  const answers: Answer[] = []
  for (const [request, expected] of steps) {
    const call = typeof request === 'function' ? request(...answers) : request
    const answer = call.walk ? await walk(site, call) : await send(site, call)
    const what = `${call.method} ${call.key ?? call.path ?? ''} ${JSON.stringify(call.query ?? {})}`
    await checkAlways(call, answer, what)
    await checkExpected(call, answer, { expected, answers, what })
    answers.push(answer)
  }
}

export async function send(site: Site, call: Call): Promise<Answer> {
  const { method, url, headers, body } = await signed(site, call)
  const init: RequestInit = { method, headers }
  if (body) {
    init.body = call.streamed ? new Blob([body]).stream() : body
    if (!call.streamed) headers['content-length'] = `${body.length}`
  }
  const response = await site.fetch(url, init)
  const bytes = new Uint8Array(await response.arrayBuffer())
  const text = new TextDecoder().decode(bytes)
  const isXml = (response.headers.get('content-type') ?? '').includes('xml') && text.startsWith('<')
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    text,
    xml: isXml ? parse(text) : undefined,
    pages: 1,
  }
}

async function signed(site: Site, call: Call): Promise<Signed> {
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = S3_KEYS[call.as ?? 'writer']
  const own = call.as === undefined ? site.credentials : undefined
  const signing: Signing = {
    endpoint: site.endpoint,
    credentials: { ...(own ?? { accessKeyId, secretAccessKey }), ...call.credentials },
    at: new Date(Date.now() + (call.late ?? 0) * 1000),
    region: call.region ?? site.region ?? 'auto',
    service: call.service ?? 's3',
  }
  const unsigned: Unsigned = {
    method: call.method,
    path: call.path ?? pathOf(call.key),
    query: call.query ?? {},
    headers: call.headers ?? {},
    ...(call.body !== undefined && { body: call.body }),
  }
  const request = await sign(signing, unsigned, call)
  return call.tamper?.(request) ?? request
}

function sign(signing: Signing, unsigned: Unsigned, { chunked, expires, sign: how }: Call): Promise<Signed> {
  if (chunked) return signChunked(signing, unsigned, chunked)
  if (how === 'query' || how === 'query-js')
    return presign(signing, unsigned, {
      ...(expires !== undefined && { expires }),
      hash: how === 'query' ? 'implied' : 'query',
    })
  const request = signHeader(signing, unsigned)
  if (how !== 'not') return request
  return request.then(({ headers: { authorization: _none, ...headers }, ...rest }) => ({ ...rest, headers }))
}

function pathOf(key: string | undefined): string {
  return key === undefined ? `/${BUCKET}` : `/${BUCKET}/${key.split('/').map(encode).join('/')}`
}

/** All pages of a listing, as clients follow them. A token that comes again would have no end. */
async function walk(site: Site, call: Call): Promise<Answer> {
  const tokens = new Set<string>()
  let query = call.query ?? {}
  const pages: Answer[] = []
  for (;;) {
    const page = await send(site, { ...call, query })
    expect(page.status, page.text).toBe(200)
    pages.push(page)
    const last = textsAt(page.xml, 'Contents.Key').at(-1) ?? ''
    if (textAt(page.xml, 'IsTruncated') !== 'true') break
    const isV2 = query['list-type'] !== undefined
    const next = textAt(page.xml, isV2 ? 'NextContinuationToken' : 'NextMarker') || (isV2 ? '' : last)
    expect(next, 'a truncated page says where to go on').not.toBe('')
    expect(tokens.has(next), `the token came before: ${next}`).toBe(false)
    tokens.add(next)
    query = { ...query, [isV2 ? 'continuation-token' : 'marker']: next }
    expect(pages.length).toBeLessThan(MOST_PAGES)
  }
  const [first] = pages
  if (!first?.xml) throw new Error('there is no page')
  const children = pages.flatMap(({ xml }) => xml?.children ?? [])
  return { ...first, xml: { ...first.xml, children }, pages: pages.length }
}

/** What is true of each answer. */
async function checkAlways(call: Call, answer: Answer, what: string): Promise<void> {
  expect(answer.headers.get('x-amz-request-id'), `${what}: x-amz-request-id`).toMatch(/./)
  if (answer.xml && answer.status < 300 && answer.xml.name !== 'Error' && call.key === undefined)
    expect(answer.xml.namespace, what).toBe(NAMESPACE)
  const etag = answer.headers.get('etag') ?? ''
  if (etag) expect(etag, `${what}: ETag is strong`).toMatch(/^"[^"]*"$/)
  if (etag && call.method === 'GET' && answer.status === 200) await checkTag(etag, answer.bytes)
  for (const listed of textsAt(answer.xml, 'Contents.ETag'))
    expect(listed, `${what}: ETag in a listing`).toMatch(/^"[^"]+"$/)
}

interface Context {
  expected: Expected
  answers: readonly Answer[]
  what: string
}

async function checkExpected(
  call: Call,
  answer: Answer,
  { expected, answers, what }: Context,
): Promise<void> {
  const seen = `${what}: ${answer.status} ${answer.text.slice(0, 600)}`
  const { code, status, headers = {}, body, root, xml = {}, pages, check } = expected
  if (code !== undefined) checkError(call, answer, { codes: [code].flat(), seen })
  if (status !== undefined) expect([status].flat(), seen).toContain(answer.status)
  for (const [name, value] of Object.entries(headers)) {
    const actual = answer.headers.get(name)
    if (value === null) expect(actual, `${seen}\nheader ${name}`).toBeNull()
    else if (typeof value === 'string') expect(actual, `${seen}\nheader ${name}`).toBe(value)
    else expect(actual, `${seen}\nheader ${name}`).toMatch(value)
  }
  if (typeof body === 'string') expect(answer.text, seen).toBe(body)
  else if (body) expect(sameBytes(answer.bytes, body), `${what}: ${answer.bytes.length} bytes`).toBe(true)
  if (root !== undefined) expect(answer.xml?.name, seen).toBe(root)
  for (const [path, value] of Object.entries(xml))
    checkTexts(textsAt(answer.xml, path), value, `${seen}\n${path}`)
  if (pages !== undefined) expect(answer.pages, `${what}: pages`).toBe(pages)
  await check?.(answer, answers)
}

function checkTexts(texts: string[], value: string | RegExp | null | readonly string[], what: string): void {
  if (value === null) expect(texts, what).toEqual([])
  else if (typeof value === 'string') expect(texts, what).toEqual([value])
  else if (value instanceof RegExp) {
    expect(texts.length, what).toBeGreaterThan(0)
    for (const text of texts) expect(text, what).toMatch(value)
  } else expect(texts, what).toEqual(value)
}

function checkError(call: Call, answer: Answer, { codes, seen }: { codes: string[]; seen: string }): void {
  expect(
    codes.map((code) => STATUSES[code]),
    seen,
  ).toContain(answer.status)
  if (call.method === 'HEAD') {
    expect(answer.bytes.length, `${seen}\nHEAD has no body`).toBe(0)
    return
  }
  expect(answer.headers.get('content-type'), seen).toMatch(/^application\/xml/)
  expect(answer.xml?.name, seen).toBe('Error')
  expect(answer.xml?.namespace, seen).toBeUndefined()
  expect(codes, seen).toContain(textAt(answer.xml, 'Code'))
  expect(textAt(answer.xml, 'Message'), seen).not.toBe('')
  expect(textAt(answer.xml, 'Resource'), seen).not.toBe('')
  expect(textAt(answer.xml, 'RequestId'), seen).toBe(answer.headers.get('x-amz-request-id'))
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** The tag is the MD5 of the bytes, or has a shape that no client takes for one. */
export async function checkTag(tag: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  if (!MD5_TAG.test(tag)) return
  const md5 = new Uint8Array(await crypto.subtle.digest('MD5', bytes)).toHex()
  expect(tag).toBe(`"${md5}"`)
}
