import { AwsV4Signer } from 'aws4fetch'
import { StorageError, failureOfCall } from '../../storage/errors.ts'
import { passedHeader } from '../../storage/invocation.ts'
import { encodeComponent, encodeName } from '../../storage/name.ts'
import type { Body } from '../send-body.ts'
import { readFailure } from './errors.ts'

export interface S3Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}

export interface S3Location {
  /** Base URL of the service; a path in it is kept. */
  endpoint: string
  bucket: string
  /** Default: `auto`. */
  region?: string
  /** Whether the bucket is in the path or before the host. Default: `path`. */
  addressing?: 'path' | 'virtual'
  /** Without them, requests are not signed. */
  credentials?: S3Credentials | undefined
  /** Sent with each request, so that one that comes back to this deployment is recognised. */
  deploymentId?: string
  fetch?: typeof fetch
}

export interface S3Request {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** Without it, the request is for the bucket itself. */
  key?: string
  query?: Readonly<Record<string, string>>
  headers?: Readonly<Record<string, string>>
  /** A stream must have a known length: fetch() sends others chunked, which S3 refuses. */
  body?: Body | string
  /** SHA-256 of the body in lower-case hex, which the server then checks. Default: the body is not signed. */
  payload?: string | undefined
  signal?: AbortSignal | undefined
}

/** Signs and sends requests to one bucket. */
export interface S3Client {
  readonly name: string
  readonly signs: boolean
  /** Resolves to a successful response; throws an S3Error for any other. */
  send(request: S3Request): Promise<Response>
  /** The object's URL, with a signature in its query if there are credentials. */
  presign(key: string, expiresIn: number): Promise<string>
}

export function createS3Client(name: string, location: S3Location): S3Client {
  const { credentials, region = 'auto' } = location
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
      const response = await doFetch(url, fetchInit(request, headers)).catch((error: unknown) => {
        throw failureOfCall(error, name)
      })
      if (response.ok) return response
      const isWrite = (request.method === 'PUT' || request.method === 'DELETE') && !request.query
      throw await readFailure(response, name, isWrite)
    },
    async presign(key, expiresIn) {
      const url = locate(location, key)
      const query = queryString({ 'X-Amz-Expires': `${expiresIn}` })
      const signature = await signer({ method: 'GET', url: url + query, signQuery: true })?.sign()
      return signature?.url.href ?? url
    },
  }
}

/** Only what SigV4 requires is signed: proxies, including Cloudflare's, rewrite other headers. */
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
    // A redirect would send the signature to another server.
    redirect: 'manual',
    // An object with a Content-Encoding must be received as it is stored, with its length.
    encodeResponseBody: 'manual',
    body: body ?? null,
    signal: signal ?? null,
    // Cloudflare's cache would store public objects and missing ones, and answer ranges, conditions and HEADs itself.
    ...((method === 'GET' || method === 'HEAD') && { cache: 'no-store' as const }),
  }
}

function locate({ endpoint, bucket, addressing }: S3Location, key: string | undefined): string {
  const url = new URL(endpoint)
  const base = url.pathname.replace(/\/+$/, '')
  if (addressing === 'virtual') url.host = `${bucket}.${url.host}`
  const root = addressing === 'virtual' ? base : `${base}/${encodeName(bucket)}`
  const path = key === undefined ? root || '/' : `${root}/${encodeName(key)}`
  url.pathname = path
  // `.` and `..` segments would be resolved, and could lead out of the bucket.
  if (url.pathname !== path) throw new StorageError('invalid', 'the name cannot be part of a URL')
  return url.href
}

/** `URLSearchParams` writes spaces as `+`, which SigV4 does not. */
function queryString(query: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(query).map(([key, value]) => `${key}=${encodeComponent(value)}`)
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}
