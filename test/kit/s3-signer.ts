import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'

export type Bytes = Uint8Array<ArrayBuffer>
export type Query = Readonly<Record<string, string | string[]>>

export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}

export interface Signing {
  /** The URL of the S3 API, without a slash at the end. */
  endpoint: string
  credentials: Credentials
  /** Default: now. */
  at?: Date
  region?: string
  service?: string
}

export interface Unsigned {
  method: string
  /** What follows the endpoint, percent-encoded. */
  path: string
  query?: Query
  headers?: Readonly<Record<string, string>>
  body?: string | Bytes
}

/** A request as it is sent. */
export interface Signed {
  method: string
  url: string
  headers: Record<string, string>
  body?: Bytes
}

const HASH = 'x-amz-content-sha256'
const encoder = new TextEncoder()

export function bytesOf(body: string | Bytes): Bytes {
  return typeof body === 'string' ? Uint8Array.from(encoder.encode(body)) : body
}

function signerFor({ credentials, region = 'auto', service = 's3' }: Signing): SignatureV4 {
  return new SignatureV4({ service, region, credentials, sha256: Sha256, uriEscapePath: false })
}

function prepare({ endpoint }: Signing, { method, path, query = {}, headers = {}, body }: Unsigned) {
  const { protocol, host, pathname } = new URL(endpoint)
  return {
    method,
    protocol,
    hostname: host,
    path: pathname.replace(/\/$/, '') + path,
    query: Object.fromEntries(Object.entries(query)),
    headers: { host, ...headers },
    body: body === undefined ? undefined : bytesOf(body),
  }
}

function send(
  { endpoint }: Signing,
  { method, path, body }: Unsigned,
  query: Query,
  headers: object,
): Signed {
  return {
    method,
    url: `${endpoint}${path}${search(query)}`,
    headers: { ...headers } as Record<string, string>,
    ...(body !== undefined && { body: bytesOf(body) }),
  }
}

/** The query as a URL has it; a parameter with an empty value is written without `=`. */
function search(query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, values]) =>
    [values].flat().map((value) => encode(name) + (value === '' ? '' : `=${encode(value)}`)),
  )
  return pairs.length > 0 ? `?${pairs.join('&')}` : ''
}

/** Percent-encodes everything except RFC 3986's unreserved characters. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** Signed in the header `Authorization`. */
export async function signHeader(signing: Signing, request: Unsigned): Promise<Signed> {
  const { at = new Date() } = signing
  const { headers, query = {} } = await signerFor(signing).sign(prepare(signing, request), {
    signingDate: at,
  })
  return send(signing, request, query as Query, headers)
}

/** Signed in the query, as SDKs presign URLs: `x-amz-*` headers become parameters. */
export async function presign(
  signing: Signing,
  request: Unsigned,
  { expires = 600, hash = 'query' }: { expires?: number; hash?: 'query' | 'implied' } = {},
): Promise<Signed> {
  const { at = new Date() } = signing
  const prepared = prepare(signing, request)
  const { headers, query = {} } = await signerFor(signing).presign(
    { ...prepared, headers: { ...prepared.headers, [HASH]: 'UNSIGNED-PAYLOAD' } },
    {
      signingDate: at,
      expiresIn: expires,
      // boto3 and most others leave the hash out of the URL; the AWS SDK for JavaScript writes it there.
      ...(hash === 'implied' && { unhoistableHeaders: new Set([HASH]), unsignableHeaders: new Set([HASH]) }),
    },
  )
  const { [HASH]: _implied, ...sent } = headers
  return send(signing, request, query as Query, sent)
}

export interface Chunking {
  /** Whether each chunk carries a signature. */
  signed: boolean
  trailer?: Readonly<Record<string, string>>
  size?: number
  /** Changes the frames before they are joined: each chunk, the last one, and the trailer. */
  spoil?: (frames: string[]) => string[]
}

/** Framed as `aws-chunked`, with or without a chain of signatures and a trailer. */
export async function signChunked(
  signing: Signing,
  { body = '', headers = {}, ...request }: Unsigned,
  { signed, trailer, size = 64 * 1024, spoil = (frames) => frames }: Chunking,
): Promise<Signed> {
  const { at = new Date() } = signing
  const bytes = bytesOf(body)
  const payload = signed ? 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' : 'STREAMING-UNSIGNED-PAYLOAD'
  const head = await signHeader(
    { ...signing, at },
    {
      ...request,
      headers: {
        [HASH]: payload + (trailer ? '-TRAILER' : ''),
        'content-encoding': 'aws-chunked',
        'x-amz-decoded-content-length': `${bytes.length}`,
        ...(trailer && { 'x-amz-trailer': Object.keys(trailer).join(',') }),
        ...headers,
      },
    },
  )
  const signer = signerFor(signing)
  const options = { signingDate: at }
  let priorSignature = /Signature=(\w+)/.exec(head.headers['authorization'] ?? '')?.[1] ?? ''
  const frames: string[] = []
  for (let start = 0; ; start += size) {
    const chunk = bytes.slice(start, start + size)
    let line = chunk.length.toString(16)
    if (signed) {
      const event = { headers: new Uint8Array(), payload: chunk }
      priorSignature = await signer.sign(event, { ...options, priorSignature })
      line += `;chunk-signature=${priorSignature}`
    }
    // With a trailer, it follows the line of the last chunk at once.
    frames.push(`${line}\r\n${latin1(chunk)}${chunk.length > 0 || !trailer ? '\r\n' : ''}`)
    if (chunk.length === 0) break
  }
  if (trailer) frames.push(await trailerFrame({ signing, at, signed, trailer, priorSignature }))
  return { ...head, body: fromLatin1(spoil(frames).join('')) }
}

async function trailerFrame({
  signing,
  at,
  signed,
  trailer,
  priorSignature,
}: {
  signing: Signing
  at: Date
  signed: boolean
  trailer: Readonly<Record<string, string>>
  priorSignature: string
}): Promise<string> {
  const lines = Object.entries(trailer).map(([name, value]) => `${name}:${value}`)
  if (!signed) return `${lines.join('\r\n')}\r\n\r\n`
  const time = at.toISOString().replace(/[-:]|\.\d+/g, '')
  const { region = 'auto', service = 's3' } = signing
  const canonical = new Sha256()
  canonical.update(lines.map((line) => `${line}\n`).join(''))
  const toSign = [
    'AWS4-HMAC-SHA256-TRAILER',
    time,
    `${time.slice(0, 8)}/${region}/${service}/aws4_request`,
    priorSignature,
    (await canonical.digest()).toHex(),
  ]
  const signature = await signerFor(signing).sign(toSign.join('\n'), { signingDate: at })
  return `${lines.join('\r\n')}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`
}

/** Frames are text, one character a byte, so that a test can change them. */
function latin1(bytes: Bytes): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return text
}

function fromLatin1(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
