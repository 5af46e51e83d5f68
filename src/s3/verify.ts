import { canonicalHeaders, canonicalQuery, reencodedPath } from './canonical-request.ts'
import { S3ApiError } from './errors.ts'
import { type ClaimedSignature, readSignature } from './signature.ts'

/** How the body of a verified request was signed and is framed. */
export type Payload =
  /** The SHA-256 of the whole body, in hex. */
  | { kind: 'sha256'; sha256: string }
  /** Nothing is known of the body. */
  | { kind: 'unsigned' }
  /** `aws-chunked`, with or without signed chunks and a trailer. */
  | { kind: 'chunked'; signed: boolean; trailer: boolean }

/** A pair of access key id and secret. */
export interface KeyPair {
  id: string
  secret: string
}

export interface Verified<Key extends KeyPair = KeyPair> {
  key: Key
  payload: Payload
  isPresigned: boolean
}

export interface VerifyOptions<Key extends KeyPair> {
  keys: readonly Key[]
  /** Milliseconds since 1970. */
  now: number
  /** Raw paths that the client may have signed: that of the request, and the one below the entrance. */
  paths: readonly string[]
}

const MAX_CACHED_KEYS = 100
const signingKeys = new Map<string, Promise<CryptoKey>>()
const encoder = new TextEncoder()
const HMAC = { name: 'HMAC', hash: 'SHA-256' }

/** Verifies the signature (version 4) of a request, in its header or in its query. */
export async function verify<Key extends KeyPair>(
  request: Request,
  { keys, now, paths }: VerifyOptions<Key>,
): Promise<Verified<Key>> {
  const claimed = readSignature(request, now)
  const payload = readPayload(claimed.payloadHash)
  const key = keys.find(({ id }) => id === claimed.id)
  // An unknown id costs as much time as a known one.
  const signingKey = await deriveKey(key?.secret ?? 'the secret of no key', claimed, key !== undefined)
  const expected = Uint8Array.fromHex(claimed.signature)
  let first: { canonicalRequest: string; stringToSign: string } | undefined
  for (const canonicalRequest of canonicalRequests(request, claimed, paths)) {
    const stringToSign = [
      'AWS4-HMAC-SHA256',
      claimed.timestamp,
      `${claimed.date}/${claimed.region}/s3/aws4_request`,
      await sha256(canonicalRequest),
    ].join('\n')
    first ??= { canonicalRequest, stringToSign }
    const actual = await crypto.subtle.sign('HMAC', signingKey, encoder.encode(stringToSign))
    if (crypto.subtle.timingSafeEqual(actual, expected) && key)
      return { key, payload, isPresigned: claimed.isPresigned }
  }
  if (!key) throw new S3ApiError('InvalidAccessKeyId', 'the access key id is unknown')
  throw new S3ApiError(
    'SignatureDoesNotMatch',
    'the signature is not that of this request: check the secret',
    {
      details: { StringToSign: first?.stringToSign ?? '', CanonicalRequest: first?.canonicalRequest ?? '' },
    },
  )
}

function readPayload(hash: string): Payload {
  if (/^[0-9a-f]{64}$/.test(hash)) return { kind: 'sha256', sha256: hash }
  switch (hash) {
    case 'UNSIGNED-PAYLOAD':
      return { kind: 'unsigned' }
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return { kind: 'chunked', signed: false, trailer: true }
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
      return { kind: 'chunked', signed: true, trailer: false }
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      return { kind: 'chunked', signed: true, trailer: true }
    default:
      throw hash.startsWith('STREAMING-AWS4-ECDSA-')
        ? new S3ApiError('NotImplemented', 'signatures of version 4A are not supported')
        : new S3ApiError(
            'InvalidArgument',
            'x-amz-content-sha256 is neither a SHA-256 nor a known way of signing',
          )
  }
}

/** The forms that clients sign, the usual one first; all of them mean this very request. */
function canonicalRequests(
  request: Request,
  { signedHeaders, payloadHash }: ClaimedSignature,
  paths: readonly string[],
): Set<string> {
  const forms = new Set<string>()
  const allPaths = new Set([...paths, ...paths.map(reencodedPath)])
  for (const joinTightly of [false, true]) {
    const headers = canonicalHeaders(request, signedHeaders, { joinTightly })
    for (const plusIsSpace of [false, true]) {
      const query = canonicalQuery(request.url, { plusIsSpace })
      for (const path of allPaths)
        forms.add([request.method, path, query, headers, signedHeaders.join(';'), payloadHash].join('\n'))
    }
  }
  return forms
}

/** Kept for known keys only, so that strangers cannot push them out. */
async function deriveKey(
  secret: string,
  { id, date, region }: ClaimedSignature,
  isKnown: boolean,
): Promise<CryptoKey> {
  const name = JSON.stringify([id, secret, date, region])
  const cached = signingKeys.get(name)
  if (cached) return cached
  const derived = derive(secret, date, region)
  if (isKnown) {
    if (signingKeys.size >= MAX_CACHED_KEYS) signingKeys.clear()
    signingKeys.set(name, derived)
  }
  return derived
}

async function derive(secret: string, date: string, region: string): Promise<CryptoKey> {
  let key = await hmacKey(encoder.encode(`AWS4${secret}`))
  for (const part of [date, region, 's3', 'aws4_request'])
    key = await hmacKey(await crypto.subtle.sign('HMAC', key, encoder.encode(part)))
  return key
}

function hmacKey(bytes: BufferSource): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, HMAC, false, ['sign'])
}

async function sha256(text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text))).toHex()
}
