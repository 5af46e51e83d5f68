import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { fill, media, SITE } from '../kit/app.ts'
import { BUCKET, S3_KEYS, startS3 } from '../kit/s3-client.ts'
import { bytesOf, presign, type Signed, type Signing, signChunked, signHeader } from '../kit/s3-signer.ts'
import { sized } from '../kit/sample.ts'

const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = S3_KEYS.writer
const signing: Signing = { endpoint: `${SITE}/-/s3`, credentials: { accessKeyId, secretAccessKey } }
const TEXT = 'what is stored, in thirty-nine bytes...'
const put = { method: 'PUT', path: `/${BUCKET}/a%2Bb/c`, body: TEXT }
const HEADERS = { 'content-type': 'text/plain', 'x-amz-meta-note': 'one, two', 'cache-control': 'max-age=60' }

const REQUESTS = {
  'an upload': () => signHeader(signing, { ...put, headers: HEADERS }),
  'an upload with an MD5': async () =>
    signHeader(signing, {
      ...put,
      headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'content-md5': await digest('MD5', TEXT) },
    }),
  'an upload in unsigned chunks': async () => chunked({ signed: false, trailer: await checksum() }),
  'an upload in signed chunks': () => chunked({ signed: true }),
  'an upload in signed chunks with a trailer': async () =>
    chunked({ signed: true, trailer: await checksum() }),
  'a copy': () =>
    signHeader(signing, {
      method: 'PUT',
      path: `/${BUCKET}/copy`,
      headers: { 'x-amz-copy-source': `/${BUCKET}/old`, 'x-amz-copy-source-if-none-match': '"other"' },
    }),
  'a presigned upload': () =>
    presign(signing, {
      method: 'PUT',
      path: `/${BUCKET}/a`,
      query: { 'x-amz-meta-note': 'one' },
      headers: { 'content-type': 'text/plain' },
    }),
  'a presigned read': () =>
    presign(signing, {
      method: 'GET',
      path: `/${BUCKET}/old`,
      query: { 'response-content-disposition': 'attachment; filename="a b"' },
    }),
  'a read': () =>
    signHeader(signing, { method: 'GET', path: `/${BUCKET}/old`, headers: { range: 'bytes=0-1' } }),
  'a listing': () =>
    signHeader(signing, { method: 'GET', path: `/${BUCKET}`, query: { 'list-type': '2', prefix: 'o' } }),
  'a delete': () => signHeader(signing, { method: 'DELETE', path: `/${BUCKET}/old` }),
  'a delete of many': async () => {
    const body = '<Delete><Object><Key>old</Key></Object></Delete>'
    return signHeader(signing, {
      method: 'POST',
      path: `/${BUCKET}`,
      query: { delete: '' },
      headers: { 'content-md5': await digest('MD5', body) },
      body,
    })
  },
} satisfies Record<string, () => Promise<Signed>>

type Kind = keyof typeof REQUESTS
const KINDS = Object.keys(REQUESTS) as Kind[]

function chunked(chunking: Parameters<typeof signChunked>[2]): Promise<Signed> {
  return signChunked(signing, { ...put, headers: HEADERS }, { ...chunking, size: 20 })
}

async function digest(algorithm: string, text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest(algorithm, bytesOf(text))).toBase64()
}

async function checksum(): Promise<Record<string, string>> {
  return { 'x-amz-checksum-sha256': await digest('SHA-256', TEXT) }
}

const { app } = startS3()
const signed = new Map<Kind, Signed>()

// A line of the log for each request would take as long as the request.
const log = vi.spyOn(console, 'log')
afterAll(() => log.mockRestore())

beforeAll(async () => {
  log.mockReturnValue(undefined)
  for (const kind of KINDS) {
    const request = await REQUESTS[kind]()
    const length = request.body && { 'content-length': `${request.body.length}` }
    signed.set(kind, { ...request, headers: { ...request.headers, ...length } })
  }
})

async function answerTo(request: Signed): Promise<[status: number, body: ArrayBuffer]> {
  const answer = await app.fetch(requestOf(request), env, {} as ExecutionContext)
  return [answer.status, await answer.arrayBuffer()]
}

function requestOf({ method, url, headers, body }: Signed): Request {
  return new Request(url, { method, headers, ...(body && { body }) })
}

async function stored(): Promise<unknown> {
  const { objects } = await env.MEDIA.list({ include: ['httpMetadata', 'customMetadata'] })
  return objects.map(({ key, version, httpMetadata, customMetadata }) => [
    key,
    version,
    httpMetadata,
    customMetadata,
  ])
}

type Place = 'method' | 'url' | 'body' | `${'name' | 'value'} of ${string}`

/**
 * Headers that are not signed, such as Cache-Control, can be changed, as they can at AWS. Content-Length is what HTTP says of
 * the body, and only matters where it is the size of what is stored.
 */
function placesIn({ method, url, headers, body }: Signed): Place[] {
  const list = /SignedHeaders=([^,&]+)/.exec(headers['authorization'] ?? url)?.[1] ?? ''
  const isStoredAsSent = method === 'PUT' && headers['content-encoding'] === undefined
  const names = [
    ...decodeURIComponent(list).split(';'),
    'authorization',
    ...(isStoredAsSent ? ['content-length'] : []),
  ]
  const inHeaders = names
    .filter((name) => name in headers)
    .flatMap((name) => [`name of ${name}`, `value of ${name}`] as const)
  return ['method', 'url', ...inHeaders, ...(body ? (['body', 'body', 'body', 'body'] as const) : [])]
}

interface Change {
  does: 'replace' | 'insert' | 'delete'
  /** From 0 up to, but not including, 1. */
  at: number
  character: string
}

function changed(text: string, { does, at, character }: Change, from = 0): string {
  const index = from + Math.floor(at * (text.length - from))
  return (
    text.slice(0, index) +
    (does === 'delete' ? '' : character) +
    text.slice(index + (does === 'insert' ? 0 : 1))
  )
}

function tampered(request: Signed, place: Place, change: Change): Signed {
  const { method, url, headers, body } = request
  if (place === 'method') {
    const methods = body ? ['PUT', 'POST', 'DELETE'] : ['GET', 'HEAD', 'PUT', 'DELETE']
    const others = methods.filter((other) => other !== method)
    return { ...request, method: others[Math.floor(change.at * others.length)] ?? '' }
  }
  if (place === 'url') return { ...request, url: changed(url, change, SITE.length + 1) }
  if (place === 'body') return { ...request, body: fromLatin1(changed(latin1(body), change)) }
  const name = place.replace(/^\w+ of /, '')
  const { [name]: value = '', ...others } = headers
  return place.startsWith('name')
    ? { ...request, headers: { ...others, [changed(name, change)]: value } }
    : { ...request, headers: { ...headers, [name]: changed(value, change) } }
}

function latin1(bytes: Uint8Array = new Uint8Array()): string {
  return String.fromCharCode(...bytes)
}

function fromLatin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/**
 * What a request says. Bytes that mean nothing, and may be changed:
 * - how a path and a query are escaped, a fragment, a final `=` or `&`, a `+` for a blank
 * - the case of header names, blanks around a value, further blanks within it, a blank after a comma
 * - leading zeros of a length
 * - in the frames of chunks: zeros before a size and the case of its digits; in trailers also the case of names, blanks, CR and empty lines
 */
function meaning({ method, url, headers, body }: Signed): string {
  const { pathname, searchParams } = new URL(url)
  const path = pathname.split('/').map((segment) => decodeURIComponent(segment))
  const query = [...searchParams].map((pair) => JSON.stringify(pair)).sort()
  // In lower case, trimmed and sorted.
  const sent = new Headers(headers)
  const fields = [...sent].map(([name, value]) => {
    const text = value.replace(/ +/g, ' ').replaceAll(', ', ',')
    return [name, name === 'content-length' && /^\d+$/.test(text) ? Number(text) : text]
  })
  const isChunked = sent.get('content-encoding') === 'aws-chunked'
  const content = isChunked ? meaningOfChunks(latin1(body)) : latin1(body)
  return JSON.stringify([method, path, query, fields, content])
}

function meaningOfChunks(text: string): unknown {
  const signatures: string[] = []
  let data = ''
  let rest = text
  for (;;) {
    const [line, digits = '', signature = ''] = /^([\da-f]{1,8})(;.*)?\r\n/i.exec(rest) ?? []
    if (line === undefined) return text
    const size = Number.parseInt(digits, 16)
    signatures.push(signature)
    rest = rest.slice(line.length)
    if (size === 0) break
    if (rest.slice(size, size + 2) !== '\r\n') return text
    data += rest.slice(0, size)
    rest = rest.slice(size + 2)
  }
  const trailers = rest.split('\n').map((line) => {
    const [name = '', ...value] = line.replace(/\r$/, '').split(':')
    return [name.trim().toLowerCase(), value.join(':').trim()].join(':')
  })
  return [data, signatures, trailers.filter((line) => line !== ':')]
}

/** The changed request, unless it says the same or no client can send it. */
function changeOf(request: Signed, place: Place, change: Change): Signed | null {
  const other = tampered(request, place, change)
  try {
    requestOf(other)
    return meaning(other) === meaning(request) ? null : other
  } catch (error) {
    if (error instanceof TypeError || error instanceof URIError) return null
    throw error
  }
}

const changes: fc.Arbitrary<Change> = fc.record({
  does: fc.constantFrom('replace', 'replace', 'insert', 'delete'),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  character: fc.oneof(
    fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)),
    fc.constantFrom(...Array.from('0123456789abcdefABCDEF/%+;=&,. \r\n')),
  ),
})

describe('a signed request', () => {
  it.each(KINDS)('is accepted unchanged: %s', async (kind) => {
    await fill(media, { old: 'old bytes' })
    const request = signed.get(kind)
    if (!request) throw new Error(`no ${kind}`)
    const [status] = await answerTo(request)
    expect([200, 204, 206]).toContain(status)
  })

  it('with one byte changed is refused, and changes nothing', { timeout: 180_000 }, async () => {
    await env.MEDIA.delete((await env.MEDIA.list()).objects.map(({ key }) => key))
    await fill(media, { old: 'old bytes', b: 'other bytes' })
    const before = await stored()
    const cases = fc
      .tuple(fc.constantFrom(...KINDS), fc.nat(), changes)
      .map(([kind, number, change]) => {
        const request = signed.get(kind)
        if (!request) throw new Error(`no ${kind}`)
        const places = placesIn(request)
        const place = places[number % places.length] ?? 'url'
        return { kind, place, change, request: changeOf(request, place, change) }
      })
      .filter(({ request }) => request !== null)
    await fc.assert(
      fc.asyncProperty(cases, async ({ request }) => {
        if (!request) throw new Error('filtered out')
        const [status, body] = await answerTo(request)
        const text = new TextDecoder().decode(body)
        expect({ status, text }).toEqual({
          status: expect.toSatisfy((code) => code >= 400 && code < 500),
          text,
        })
        expect(await stored()).toEqual(before)
      }),
      { numRuns: sized(2000, 150), endOnFailure: true },
    )
  })
})
