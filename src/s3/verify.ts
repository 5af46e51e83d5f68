import { canonicalRequests, type Signed } from './canonical-request.ts'
import { S3ApiError } from './errors.ts'
import type { RawParameter } from './query.ts'
import { parseSignature, refuseAsymmetric, type Signature, timeOf } from './signature.ts'
import { deriveSigningKey, sha256Hex, signatureHolds, stringToSign } from './signing-key.ts'

/** How the body of a verified request was signed and is framed. */
export type Payload =
  /** The SHA-256 of the whole body, in hex. */
  | { kind: 'sha256'; sha256: string }
  /** Nothing is known of the body. */
  | { kind: 'unsigned' }
  /** `aws-chunked`: with signed chunks, with a checksum behind the last of them, or both. */
  | { kind: 'chunked'; signer: ChunkSigner | null; hasTrailer: boolean }

/** What verifies the chain of chunk signatures, which begins with the request's own. */
export interface ChunkSigner {
  key: CryptoKey
  time: string
  /** The credential scope. */
  scope: string
  /** The signature of the request's headers. */
  seed: string
}

/** A pair of access key id and secret. */
export interface KeyPair {
  id: string
  secret: string
}

export interface Verified<Key extends KeyPair = KeyPair> {
  key: Key
  payload: Payload
}

export interface VerifyOptions<Key extends KeyPair> {
  keys: readonly Key[]
  /** Milliseconds since 1970. */
  now: number
  /** The query of the request, not decoded. */
  query: readonly RawParameter[]
  /** Raw paths that the client may have signed, the likeliest first. */
  paths: readonly string[]
}

/** How far a client's clock may be off. */
const MAX_SKEW_MS = 15 * 60 * 1000
/** Headers with this prefix change what a request does, so they must be signed, except for one that proxies add. */
const AMZ = 'x-amz-'
const ADDED_BY_PROXIES = ['x-amz-cf-id']
/** Compared with if the access key id is unknown, so that it takes the same time. */
const NO_SECRET = 'no such key'

/** Verifies the SigV4 signature of a request. Throws an S3ApiError if it does not hold, or no longer. */
export async function verify<Key extends KeyPair>(
  request: Request,
  { keys, now, query, paths }: VerifyOptions<Key>,
): Promise<Verified<Key>> {
  const signature = parseSignature(request.headers, query)
  const { keyId, scope, time, signedHeaders } = signature
  checkTime(signature, now)
  for (const name of request.headers.keys())
    if (name.startsWith(AMZ) && !signedHeaders.includes(name) && !ADDED_BY_PROXIES.includes(name))
      throw new S3ApiError('AccessDenied', 'a header that must be signed is not', {
        details: { HeadersNotSigned: name },
      })

  const key = keys.find(({ id }) => id === keyId)
  const signingKey = await deriveSigningKey(key?.secret ?? NO_SECRET, scope)
  const signed: Signed = {
    method: request.method,
    paths,
    query,
    headers: request.headers,
    acceptEncoding: acceptEncodingOf(request),
  }
  let first: Record<string, string> | undefined
  for (const canonical of canonicalRequests(signed, signature)) {
    const toSign = stringToSign(signature, await sha256Hex(canonical))
    first ??= { StringToSign: toSign, CanonicalRequest: canonical }
    if (!(await signatureHolds(signingKey, signature.signature, toSign)) || !key) continue
    return { key, payload: payloadOf(signature, { key: signingKey, time, scope, seed: signature.signature }) }
  }
  if (!key) throw new S3ApiError('InvalidAccessKeyId', 'there is no such access key id')
  const why =
    'the signature is not that of this request: check the secret access key, and what the client and proxies change'
  throw new S3ApiError('SignatureDoesNotMatch', why, { details: { AWSAccessKeyId: keyId, ...first } })
}

function checkTime({ time, expires }: Signature, now: number): void {
  const signedAt = timeOf(time)
  const ServerTime = new Date(now).toISOString()
  if (expires === undefined) {
    if (Math.abs(now - signedAt) <= MAX_SKEW_MS) return
    throw new S3ApiError('RequestTimeTooSkewed', 'the client’s clock is off by more than 15 minutes', {
      details: { RequestTime: time, ServerTime, MaxAllowedSkewMilliseconds: `${MAX_SKEW_MS}` },
    })
  }
  if (signedAt > now + MAX_SKEW_MS)
    throw new S3ApiError('AccessDenied', 'Request is not valid yet', { details: { ServerTime } })
  const ends = signedAt + expires * 1000
  if (now > ends)
    throw new S3ApiError('AccessDenied', 'Request has expired', {
      details: { 'X-Amz-Expires': `${expires}`, Expires: new Date(ends).toISOString(), ServerTime },
    })
}

/** Cloudflare replaces the header, and keeps what the client sent (developers.cloudflare.com/fundamentals/reference/http-headers). */
function acceptEncodingOf(request: Request): string | undefined {
  const { clientAcceptEncoding } = (request as { cf?: { clientAcceptEncoding?: unknown } }).cf ?? {}
  return typeof clientAcceptEncoding === 'string' ? clientAcceptEncoding : undefined
}

const CHUNKED = {
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { isSigned: false, hasTrailer: true },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { isSigned: true, hasTrailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { isSigned: true, hasTrailer: true },
} as const

function payloadOf({ payloadHash }: Signature, signer: ChunkSigner): Payload {
  if (payloadHash === 'UNSIGNED-PAYLOAD') return { kind: 'unsigned' }
  if (/^[0-9a-f]{64}$/.test(payloadHash)) return { kind: 'sha256', sha256: payloadHash }
  refuseAsymmetric(payloadHash)
  if (!Object.hasOwn(CHUNKED, payloadHash))
    throw new S3ApiError(
      'InvalidArgument',
      `x-amz-content-sha256 must be the SHA-256 of the body in hex, UNSIGNED-PAYLOAD, or one of ${Object.keys(CHUNKED).join(', ')}`,
    )
  const { isSigned, hasTrailer } = CHUNKED[payloadHash as keyof typeof CHUNKED]
  return { kind: 'chunked', signer: isSigned ? signer : null, hasTrailer }
}
