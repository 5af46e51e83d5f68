import { S3ApiError } from './errors.ts'

/** How the body of a verified request was signed and is framed. */
export type Payload =
  /** The SHA-256 of the whole body, in hex. */
  | { kind: 'sha256'; sha256: string }
  /** Nothing is known of the body. */
  | { kind: 'unsigned' }
  /** `aws-chunked`, with or without signed chunks and a trailer. */
  | { kind: 'chunked'; signer: null; trailer: boolean }

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

/** Placeholder until signatures are verified. */
export async function verify<Key extends KeyPair>(
  request: Request,
  { keys }: VerifyOptions<Key>,
): Promise<Verified<Key>> {
  const named =
    /Credential=([^/]+)\//.exec(request.headers.get('Authorization') ?? '')?.[1] ??
    new URL(request.url).searchParams.get('X-Amz-Credential')?.split('/')[0]
  const key = keys.find(({ id }) => id === named)
  if (!key) throw new S3ApiError('AccessDenied', 'the request is not signed')
  const hash = request.headers.get('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD'
  const payload: Payload = hash.startsWith('STREAMING-')
    ? { kind: 'chunked', signer: null, trailer: hash.endsWith('-TRAILER') }
    : hash === 'UNSIGNED-PAYLOAD'
      ? { kind: 'unsigned' }
      : { kind: 'sha256', sha256: hash }
  return { key, payload, isPresigned: !request.headers.has('Authorization') }
}
