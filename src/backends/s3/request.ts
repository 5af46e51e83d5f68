import { cancelBody, cancelReader } from '../../bodies/cancel.ts'
import { checkDigests, verifyingStream } from '../../bodies/digest.ts'
import { sendFixedLength } from '../../bodies/fixed-length.ts'
import { StorageError, failureOfCall, interruption } from '../../storage/errors.ts'
import { encodeName } from '../../storage/name.ts'
import type { Digests } from '../../storage/object.ts'
import { passedHeader } from '../../storage/invocation.ts'
import { type S3Failure, readFailure } from './answers.ts'
import { AwsV4Signer } from 'aws4fetch'

export interface S3Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}

export interface S3Location {
  /** Base URL of the service; a path in it is kept. */
  endpoint: string
  bucket: string
  region: string
  /** Where the bucket stands: in the path, or before the host. */
  addressing: 'path' | 'virtual'
  /** Left out: requests go unsigned. */
  credentials?: S3Credentials
  /** Sent along, so that a request that comes back to this deployment is recognised. */
  deploymentId?: string
  fetch?: typeof fetch
}

export interface S3Request {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** Left out: the bucket itself. */
  key?: string
  query?: Readonly<Record<string, string>>
  headers?: Readonly<Record<string, string>>
  body?: ReadableStream<Uint8Array> | Uint8Array | string
  /** SHA-256 of the body in lower-case hex, which the server then checks. Default: not signed. */
  payload?: string
  signal?: AbortSignal
}

/** Signs and sends requests to one bucket. Any status is an answer; only a broken connection throws. */
export interface S3Client {
  readonly name: string
  readonly signs: boolean
  send(request: S3Request): Promise<Response>
  /** The object's URL, with a signature in its query when there are credentials. */
  presign(key: string, expiresIn: number): Promise<string>
}

export function createS3Client(name: string, location: S3Location): S3Client {
  const { credentials, region } = location
  const doFetch = location.fetch ?? fetch
  const signingKeys = new Map<string, ArrayBuffer>()
  const signer = (init: { method: string; url: string; headers?: Headers; signQuery?: boolean }) =>
    credentials && new AwsV4Signer({ ...init, ...credentials, service: 's3', region, cache: signingKeys })

  return {
    name,
    signs: credentials !== undefined,
    async send(request) {
      const url = locate(location, request.key) + queryString(request.query)
      const { signed, plain } = splitHeaders(request)
      const signature = await signer({ method: request.method, url, headers: signed })?.sign()
      const headers = new Headers(signature?.headers ?? signed)
      const unsigned = { ...plain, ...passedHeader(location.deploymentId) }
      for (const [header, value] of Object.entries(unsigned)) headers.set(header, value)
      try {
        return await doFetch(url, fetchInit(request, headers))
      } catch (error) {
        throw failureOfCall(error, name, request.key)
      }
    },
    async presign(key, expiresIn) {
      const url = locate(location, key)
      const query = queryString({ 'X-Amz-Expires': `${expiresIn}` })
      const signature = await signer({ method: 'GET', url: url + query, signQuery: true })?.sign()
      return signature?.url.href ?? url
    },
  }
}

/** Only what SigV4 demands is signed: proxies on the way, Cloudflare's among them, rewrite other headers. */
function splitHeaders({ headers = {}, payload }: S3Request): {
  signed: Headers
  plain: Record<string, string>
} {
  const signed = new Headers({ 'x-amz-content-sha256': payload ?? 'UNSIGNED-PAYLOAD' })
  const plain: Record<string, string> = { 'Accept-Encoding': 'identity' }
  for (const [header, value] of Object.entries(headers)) {
    if (header.toLowerCase().startsWith('x-amz-')) signed.set(header, value)
    else plain[header] = value
  }
  return { signed, plain }
}

function fetchInit({ method, body, signal }: S3Request, headers: Headers): RequestInit {
  return {
    method,
    headers,
    // A redirect would carry the signature to whoever it names.
    redirect: 'manual',
    // An object stored under Content-Encoding has to come as the bytes that are stored, with their length.
    encodeResponseBody: 'manual',
    ...(body !== undefined && { body }),
    ...(signal && { signal }),
    // Public objects would be kept by the edge's own cache, ranges and validators included.
    ...(method === 'GET' && { cache: 'no-store' as const }),
  }
}

function locate({ endpoint, bucket, addressing }: S3Location, key: string | undefined): string {
  const url = new URL(endpoint)
  const base = url.pathname.replace(/\/+$/, '')
  if (addressing === 'virtual') url.host = `${bucket}.${url.host}`
  const root = addressing === 'virtual' ? base : `${base}/${encodeName(bucket)}`
  const path = key === undefined ? root || '/' : `${root}/${encodeName(key)}`
  url.pathname = path
  // `.` and `..` segments resolve away and could leave the bucket.
  if (url.pathname !== path) throw new StorageError('invalid', 'the name cannot be part of a URL')
  return url.href
}

/** `URLSearchParams` writes spaces as `+`, which SigV4 does not. */
function queryString(query: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(query).map(
    ([key, value]) => `${key}=${encodeName(value).replaceAll('/', '%2F')}`,
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

export interface S3Upload {
  body: ReadableStream<Uint8Array> | Uint8Array
  /** Required for a stream. */
  size?: number | undefined
  /** What the server does not check. */
  digests?: Digests
}

/** A failure is read to its end; a response is a success. */
export type S3Answer = { response: Response; failure?: never } | { response?: never; failure: S3Failure }

/** Sends a request with a body of known length; throws `corrupt` when its bytes are not what was announced. */
export async function sendBody(
  client: S3Client,
  request: S3Request & { key: string },
  { body, size, digests = {} }: S3Upload,
): Promise<S3Answer> {
  const send = async (source: ReadableStream<Uint8Array> | Uint8Array): Promise<S3Answer> => {
    const response = await client.send({ ...request, body: source })
    return response.ok ? { response } : { failure: await readFailure(response, client.name) }
  }
  if (body instanceof Uint8Array) {
    if (size !== undefined && size !== body.length) throw wrongLength(size)
    await checkDigests(body, digests)
    return send(body)
  }
  if (size === undefined) {
    await cancelBody(body)
    throw new StorageError('invalid', 'a stream needs its size', { backend: client.name, name: request.key })
  }
  if (size > 0) return sendStream(verified(body, digests), size, { send, signal: request.signal })
  // Of an empty request nothing can be held back: it is whole as soon as it is sent.
  if (!(await isEmpty(body))) throw wrongLength(size)
  return sendBody(client, request, { body: new Uint8Array(0), digests })
}

/** fetch() announces the length of a FixedLengthStream only; others go out chunked, which S3 refuses. */
async function sendStream(
  body: ReadableStream<Uint8Array>,
  size: number,
  options: {
    send: (stream: ReadableStream<Uint8Array>) => Promise<S3Answer>
    signal: AbortSignal | undefined
  },
): Promise<S3Answer> {
  let refusal: S3Answer | undefined
  const answer = await sendFixedLength(body, size, {
    signal: options.signal,
    async send(stream) {
      const sent = await options.send(stream)
      if (sent.response) return sent
      // A refusal can come before the last byte is sent, and the rest is not wanted.
      refusal = sent
      return null
    },
  })
  const outcome = answer ?? refusal
  if (!outcome) throw new TypeError('a request without a response was refused')
  return outcome
}

function verified(body: ReadableStream<Uint8Array>, digests: Digests): ReadableStream<Uint8Array> {
  return Object.keys(digests).length === 0 ? body : body.pipeThrough(verifyingStream(digests))
}

async function isEmpty(body: ReadableStream<Uint8Array>): Promise<boolean> {
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw interruption(error)
    })
    if (done) return true
    if (value.length === 0) continue
    await cancelReader(reader)
    return false
  }
}

function wrongLength(size: number): StorageError {
  return new StorageError('corrupt', `the body does not have the announced ${size} bytes`)
}
