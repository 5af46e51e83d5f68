import { env } from 'cloudflare:workers'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { SITE, startApp } from './app.ts'

export const BUCKET = 'media'
export const S3_KEYS = {
  writer: { access_key_id: 'writer', secret_access_key: 'writer-secret-0123456789', scopes: ['write'] },
  reader: { access_key_id: 'reader', secret_access_key: 'reader-secret-0123456789', scopes: ['read'] },
  /** Limited to names that begin with `team/`. */
  team: {
    access_key_id: 'team',
    secret_access_key: 'team-secret-0123456789',
    scopes: ['write'],
    prefix: 'team/',
  },
}

export interface S3Init {
  key?: keyof typeof S3_KEYS
  headers?: Record<string, string>
  query?: Record<string, string>
  body?: string | Uint8Array<ArrayBuffer>
  /** When it is signed. Default: now. */
  at?: Date
}

/** The Worker with the S3 API on at `/-/s3/`, and requests signed by AWS's own signer. */
export function startS3(settings: Record<string, unknown> = {}) {
  const site = startApp({
    S3_BUCKET: BUCKET,
    S3_KEYS: JSON.stringify(Object.values(S3_KEYS)),
    ...settings,
  })
  /** `path` is what follows the endpoint, e.g. `/media/photos/a.jpg`, percent-encoded. */
  const s3 = async (method: string, path: string, init: S3Init = {}): Promise<Response> => {
    const { url, headers } = await sign(method, path, init)
    const { body } = init
    // As a client's request has it, unless it is chunked.
    const length = body === undefined ? {} : { 'content-length': `${new Blob([body]).size}` }
    const request = { method, headers: { ...length, ...headers }, ...(body !== undefined && { body }) }
    return site.app.request(url, request, env, {} as ExecutionContext)
  }
  return { ...site, s3 }
}

/** A signed request to the endpoint `/-/s3/` of the site. */
export async function sign(
  method: string,
  path: string,
  { key = 'writer', headers = {}, query = {}, body, at = new Date() }: S3Init = {},
): Promise<{ url: string; headers: Record<string, string> }> {
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = S3_KEYS[key]
  const signer = new SignatureV4({
    service: 's3',
    region: 'auto',
    credentials: { accessKeyId, secretAccessKey },
    sha256: Sha256,
    uriEscapePath: false,
  })
  const { hostname } = new URL(SITE)
  const signed = await signer.sign(
    {
      method,
      protocol: 'https:',
      hostname,
      path: `/-/s3${path}`,
      query,
      headers: { host: hostname, ...headers },
      body,
    },
    { signingDate: at },
  )
  const search = new URLSearchParams(query).toString().replaceAll('+', '%20')
  return { url: `${SITE}/-/s3${path}${search && `?${search}`}`, headers: signed.headers }
}
