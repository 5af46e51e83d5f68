import { S3ApiError } from './errors.ts'
import { rawQuery } from './query.ts'

const ALGORITHM = 'AWS4-HMAC-SHA256'
const SKEW_MS = 15 * 60 * 1000
const MAX_EXPIRES_SECONDS = 7 * 24 * 60 * 60
/** Headers of that prefix that proxies add. */
const ADDED_BY_PROXIES = new Set(['x-amz-cf-id'])

/** What a signed request says of its signature; nothing of it is verified yet. */
export interface ClaimedSignature {
  id: string
  /** `20261128T155400Z` */
  timestamp: string
  date: string
  region: string
  signedHeaders: readonly string[]
  signature: string
  payloadHash: string
  isPresigned: boolean
  /** How long a presigned URL holds. */
  expiresSeconds?: number
}

/** Reads the signature of a request and refuses what no signature could make valid. */
export function readSignature(request: Request, now: number): ClaimedSignature {
  const authorization = request.headers.get('Authorization') ?? ''
  const parameters = rawQuery(request.url).map(([name, value]) => [decode(name), decode(value)] as const)
  const query = new Map(parameters)
  const inHeader = authorization.startsWith('AWS4-')
  const inQuery = query.has('X-Amz-Algorithm')
  refuseOtherKinds(authorization, query)
  if (inHeader && inQuery)
    throw new S3ApiError('InvalidArgument', 'the request is signed both in Authorization and in the query')
  if (!inHeader && !inQuery) throw new S3ApiError('AccessDenied', 'the request is not signed')
  if (request.headers.has('x-amz-security-token') || query.has('X-Amz-Security-Token'))
    throw new S3ApiError('InvalidToken', 'session tokens are not supported')
  const claimed = inHeader
    ? fromHeader(authorization, request.headers)
    : fromQuery(parameters, request.headers)
  checkSigned(request.headers, claimed)
  checkTime(claimed, now)
  return claimed
}

function refuseOtherKinds(authorization: string, query: ReadonlyMap<string, string>): void {
  if (authorization.startsWith('AWS4-ECDSA-') || query.get('X-Amz-Algorithm')?.startsWith('AWS4-ECDSA-'))
    throw new S3ApiError('NotImplemented', 'signatures of version 4A are not supported')
  if (authorization.startsWith('AWS ') || (query.has('AWSAccessKeyId') && query.has('Signature')))
    throw new S3ApiError(
      'InvalidRequest',
      'signatures of version 2 are not supported: set the region to auto, or the signature version to s3v4',
    )
}

function fromHeader(authorization: string, headers: Headers): ClaimedSignature {
  const malformed = (why: string): S3ApiError => new S3ApiError('AuthorizationHeaderMalformed', why)
  const match =
    /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([0-9a-f]{64})$/.exec(
      authorization.trim(),
    )
  if (!match)
    throw malformed(`Authorization must be "${ALGORITHM} Credential=…, SignedHeaders=…, Signature=…"`)
  const [, credential = '', signedHeaders = '', signature = ''] = match
  const timestamp = headers.get('x-amz-date') ?? headers.get('Date') ?? ''
  const payloadHash = headers.get('x-amz-content-sha256')
  if (payloadHash === null) throw new S3ApiError('InvalidRequest', 'x-amz-content-sha256 is missing')
  return {
    ...readCredential(credential, timestamp, malformed),
    signedHeaders: signedHeaders.split(';'),
    signature,
    payloadHash,
    isPresigned: false,
  }
}

function fromQuery(parameters: readonly (readonly [string, string])[], headers: Headers): ClaimedSignature {
  const malformed = (why: string): S3ApiError => new S3ApiError('AuthorizationQueryParametersError', why)
  const query = new Map<string, string>()
  for (const [name, value] of parameters) {
    if (!/^x-amz-/i.test(name)) continue
    if (query.has(name.toLowerCase())) throw malformed(`${name} is given twice`)
    query.set(name.toLowerCase(), value)
  }
  const need = (name: string): string => {
    const value = query.get(name.toLowerCase())
    if (value === undefined || value === '') throw malformed(`${name} is missing`)
    return value
  }
  if (need('X-Amz-Algorithm') !== ALGORITHM) throw malformed(`X-Amz-Algorithm must be ${ALGORITHM}`)
  const signature = need('X-Amz-Signature')
  if (!/^[0-9a-f]{64}$/.test(signature)) throw malformed('X-Amz-Signature must be 64 hex digits')
  const expires = need('X-Amz-Expires')
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > MAX_EXPIRES_SECONDS)
    throw malformed(`X-Amz-Expires must be 1 to ${MAX_EXPIRES_SECONDS} seconds`)
  return {
    ...readCredential(need('X-Amz-Credential'), need('X-Amz-Date'), malformed),
    signedHeaders: need('X-Amz-SignedHeaders').split(';'),
    signature,
    payloadHash: headers.get('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD',
    isPresigned: true,
    expiresSeconds: Number(expires),
  }
}

function readCredential(
  credential: string,
  timestamp: string,
  malformed: (why: string) => S3ApiError,
): Pick<ClaimedSignature, 'id' | 'timestamp' | 'date' | 'region'> {
  const match = /^(.+)\/(\d{8})\/([^/]+)\/s3\/aws4_request$/.exec(credential)
  if (!match) throw malformed('the credential must be "<access key id>/<date>/<region>/s3/aws4_request"')
  const [, id = '', date = '', region = ''] = match
  if (Number.isNaN(parseTimestamp(timestamp)))
    throw malformed('the time of the signature must be like 20261128T155400Z')
  if (!timestamp.startsWith(date)) throw malformed('the dates of the credential and of the signature differ')
  return { id, timestamp, date, region }
}

function checkSigned(headers: Headers, { signedHeaders }: ClaimedSignature): void {
  if (!signedHeaders.includes('host')) throw new S3ApiError('AccessDenied', 'host must be signed')
  for (const [name] of headers) {
    if (name.startsWith('x-amz-') && !ADDED_BY_PROXIES.has(name) && !signedHeaders.includes(name))
      throw new S3ApiError('AccessDenied', `the header ${name} is present and must be signed`)
  }
}

function checkTime({ timestamp, expiresSeconds }: ClaimedSignature, now: number): void {
  const signedAt = parseTimestamp(timestamp)
  if (signedAt - now > SKEW_MS || (expiresSeconds === undefined && now - signedAt > SKEW_MS))
    throw new S3ApiError('RequestTimeTooSkewed', 'the clocks differ by more than 15 minutes')
  if (expiresSeconds !== undefined && now > signedAt + expiresSeconds * 1000)
    throw new S3ApiError('AccessDenied', 'the URL has expired')
}

function parseTimestamp(timestamp: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp)
  if (!match) return Number.NaN
  const [, year, month, day, hour, minute, second] = match
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new S3ApiError('InvalidURI', 'the URL contains a percent escape that is not UTF-8', { cause })
  }
}
