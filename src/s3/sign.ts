import { hmac } from '../storage/hmac.ts'
import { encodeName } from '../storage/name.ts'
import { canonicalRequests } from './canonical-request.ts'
import { decodeComponent, queryString, rawQuery } from './query.ts'
import { ALGORITHM, isoBasic } from './signature.ts'
import { deriveSigningKey, sha256Hex, stringToSign } from './signing-key.ts'

/** Who signs, and for which region. */
export interface Signer {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
  region: string
}

/** What is signed; `headers` are all that are, apart from the host. */
interface Request {
  method: string
  url: string
  headers: Headers
}

/** Signs a request, and adds the signature to its headers, of which `x-amz-content-sha256` must be one. */
export async function signHeaders(request: Request, signer: Signer, now = new Date()): Promise<void> {
  const { headers } = request
  const { time, scope, credential } = scopeOf(signer, now)
  headers.set('x-amz-date', time)
  if (signer.sessionToken !== undefined) headers.set('x-amz-security-token', signer.sessionToken)
  const names = ['host', ...headers.keys()].sort()
  const payloadHash = headers.get('x-amz-content-sha256') ?? ''
  const signature = await signatureOf(request, signer, { time, scope, names, payloadHash })
  headers.set(
    'Authorization',
    `${ALGORITHM} Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  )
}

/** The URL with a query that lets anyone GET it for so many seconds. */
export async function presign(
  url: string,
  expires: number,
  signer: Signer,
  now = new Date(),
): Promise<string> {
  const { time, scope, credential } = scopeOf(signer, now)
  const { sessionToken } = signer
  const query = queryString({
    'X-Amz-Algorithm': ALGORITHM,
    'X-Amz-Credential': credential,
    'X-Amz-Date': time,
    'X-Amz-Expires': `${expires}`,
    ...(sessionToken !== undefined && { 'X-Amz-Security-Token': sessionToken }),
    'X-Amz-SignedHeaders': 'host',
  })
  const request = { method: 'GET', url: url + query, headers: new Headers() }
  const signed = { time, scope, names: ['host'], payloadHash: 'UNSIGNED-PAYLOAD' }
  return `${request.url}&X-Amz-Signature=${await signatureOf(request, signer, signed)}`
}

function scopeOf({ accessKeyId, region }: Signer, now: Date) {
  const time = isoBasic(now)
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`
  return { time, scope, credential: `${accessKeyId}/${scope}` }
}

async function signatureOf(
  { method, url, headers }: Request,
  { secretAccessKey }: Signer,
  {
    time,
    scope,
    names,
    payloadHash,
  }: { time: string; scope: string; names: readonly string[]; payloadHash: string },
): Promise<string> {
  const { host, pathname } = new URL(url)
  const all = new Headers(headers)
  all.set('host', host)
  const signed = {
    method,
    paths: [encodeName(decodeComponent(pathname))],
    query: rawQuery(url),
    headers: all,
  }
  const [canonical = ''] = canonicalRequests(signed, { signedHeaders: names, payloadHash })
  const toSign = stringToSign({ time, scope }, await sha256Hex(canonical))
  return (await hmac(await deriveSigningKey(secretAccessKey, scope), toSign)).toHex()
}
