import { env } from 'cloudflare:workers'
import { SITE, startApp } from './app.ts'
import { type Signed, signHeader } from './s3-signer.ts'

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
    const { url, headers, body } = await sign(method, path, init)
    // As a client's request has it, unless it is chunked.
    const length = body === undefined ? {} : { 'content-length': `${body.length}` }
    const request = { method, headers: { ...length, ...headers }, ...(body !== undefined && { body }) }
    return site.app.request(url, request, env, {} as ExecutionContext)
  }
  return { ...site, s3 }
}

/** A signed request to the endpoint `/-/s3/` of the site. */
export function sign(
  method: string,
  path: string,
  { key = 'writer', at = new Date(), ...request }: S3Init = {},
): Promise<Signed> {
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = S3_KEYS[key]
  const credentials = { accessKeyId, secretAccessKey }
  return signHeader({ endpoint: `${SITE}/-/s3`, credentials, at }, { method, path, ...request })
}
