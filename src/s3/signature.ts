import { parseHttpDate } from '../http/date.ts'
import { S3ApiError, type S3Code } from './errors.ts'
import { decodeComponent, type RawParameter } from './query.ts'

/** The parts of a SigV4 signature as the request names them. Nothing of it is verified. */
export interface Signature {
  keyId: string
  /** The credential scope: `YYYYMMDD/<region>/s3/aws4_request`. */
  scope: string
  /** When it was signed, as `YYYYMMDDTHHMMSSZ`. */
  time: string
  signedHeaders: readonly string[]
  /** Hex. */
  signature: string
  /** `x-amz-content-sha256`, or what stands for it in a presigned URL. */
  payloadHash: string
  /** Seconds for which a presigned URL is valid; absent for a signature in the headers. */
  expires?: number
}

const ALGORITHM = 'AWS4-HMAC-SHA256'
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=(\S+)$/
/** The access key id may contain slashes. */
const CREDENTIAL = /^(.+)\/((\d{8})\/[\w-]{1,64}\/s3\/aws4_request)$/
const SIGNED_HEADERS = /^[a-z0-9!#$%&'*+.^_`|~-]+(?:;[a-z0-9!#$%&'*+.^_`|~-]+)*$/
const HEX_256 = /^[0-9a-f]{64}$/
const TIME = /^\d{8}T\d{6}Z$/
const UNSIGNED = 'UNSIGNED-PAYLOAD'
/** Seven days. */
const MAX_EXPIRES = 604_800
const USE_V4 =
  'signature version 2 is not supported: use version 4, e.g. signature_version="s3v4" or the region "auto"'

/** Reads the signature from the headers or, of a presigned URL, from the query. */
export function parseSignature(headers: Headers, query: readonly RawParameter[]): Signature {
  const authorization = headers.get('Authorization')
  const parameters = amzParameters(query)
  const isPresigned = parameters.has('X-Amz-Algorithm') || parameters.has('X-Amz-Signature')
  if (authorization !== null && /^AWS4?[- ]/.test(authorization)) {
    if (isPresigned)
      throw new S3ApiError('InvalidArgument', 'the request is signed twice: use the headers or the query')
    return fromHeaders(authorization, headers)
  }
  if (isPresigned) return fromQuery(parameters, headers)
  if (query.some(([name]) => name === 'AWSAccessKeyId')) throw new S3ApiError('InvalidRequest', USE_V4)
  throw new S3ApiError('AccessDenied', 'the request is not signed')
}

function fromHeaders(authorization: string, headers: Headers): Signature {
  if (authorization.startsWith('AWS ')) throw new S3ApiError('InvalidRequest', USE_V4)
  refuseAsymmetric(authorization)
  refuseToken(headers.has('x-amz-security-token'))
  const fail = failWith('AuthorizationHeaderMalformed')
  const [, credential = '', signedHeaders = '', signature = ''] =
    AUTHORIZATION.exec(authorization) ??
    fail(`the Authorization header must be "${ALGORITHM} Credential=…, SignedHeaders=…, Signature=…"`)
  const time = headers.get('x-amz-date') ?? isoBasic(headers.get('Date'))
  if (time === null)
    throw new S3ApiError('AccessDenied', 'the request needs an x-amz-date header or a valid Date header')
  const payloadHash = headers.get('x-amz-content-sha256')
  if (payloadHash === null)
    throw new S3ApiError('InvalidRequest', 'the header x-amz-content-sha256 is missing')
  return check({ credential, signedHeaders, signature, time }, payloadHash, fail)
}

function fromQuery(parameters: ReadonlyMap<string, string>, headers: Headers): Signature {
  const fail = failWith('AuthorizationQueryParametersError')
  const take = (name: string): string => parameters.get(name) ?? fail(`the parameter ${name} is missing`)
  refuseToken(parameters.has('X-Amz-Security-Token') || headers.has('x-amz-security-token'))
  const algorithm = take('X-Amz-Algorithm')
  refuseAsymmetric(algorithm)
  if (algorithm !== ALGORITHM) fail(`X-Amz-Algorithm must be ${ALGORITHM}`)
  const given = {
    credential: take('X-Amz-Credential'),
    signedHeaders: take('X-Amz-SignedHeaders'),
    signature: take('X-Amz-Signature'),
    time: take('X-Amz-Date'),
  }
  const expires = take('X-Amz-Expires')
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > MAX_EXPIRES)
    fail(`X-Amz-Expires must be a number of seconds from 1 to ${MAX_EXPIRES}, which is seven days`)
  const sent = given.signedHeaders.split(';').includes('x-amz-content-sha256')
    ? headers.get('x-amz-content-sha256')
    : null
  const payloadHash = sent ?? parameters.get('X-Amz-Content-Sha256') ?? UNSIGNED
  return { ...check(given, payloadHash, fail), expires: Number(expires) }
}

type Fail = (why: string) => never

function check(
  given: Record<'credential' | 'signedHeaders' | 'signature' | 'time', string>,
  payloadHash: string,
  fail: Fail,
): Signature {
  const { credential, signedHeaders, signature, time } = given
  const [, keyId = '', scope = '', date = ''] =
    CREDENTIAL.exec(credential) ??
    fail('the credential must be "<access key id>/<YYYYMMDD>/<region>/s3/aws4_request"')
  if (!TIME.test(time) || Number.isNaN(timeOf(time))) fail(`the date must be like 20261231T235959Z`)
  if (!time.startsWith(date)) fail('the date of the credential is not that of the request')
  if (!SIGNED_HEADERS.test(signedHeaders)) fail('the signed headers must be in lower case, separated by ";"')
  const names = signedHeaders.split(';')
  if (!names.includes('host')) fail('the header "host" must be signed')
  if (names.some((name, index) => index > 0 && name <= (names[index - 1] ?? '')))
    fail('the signed headers must be sorted, each once')
  if (!HEX_256.test(signature))
    throw new S3ApiError('SignatureDoesNotMatch', 'the signature is not 64 hex digits')
  return { keyId, scope, time, signedHeaders: names, signature, payloadHash }
}

/** The parameters of a presigned URL, decoded. One that is there twice could be read in two ways. */
function amzParameters(query: readonly RawParameter[]): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const [name, value] of query) {
    const decoded = decodeComponent(name)
    if (!/^x-amz-/i.test(decoded)) continue
    if (parameters.has(decoded))
      throw new S3ApiError('AuthorizationQueryParametersError', `the parameter ${decoded} is there twice`)
    parameters.set(decoded, decodeComponent(value))
  }
  return parameters
}

/** When it was signed, in milliseconds since 1970. */
export function timeOf(time: string): number {
  return Date.parse(time.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'))
}

function isoBasic(date: string | null): string | null {
  const parsed = date === null ? undefined : parseHttpDate(date)
  return parsed ? parsed.toISOString().replace(/[-:]|\.\d+/g, '') : null
}

/** `algorithm` begins with that of a signature. */
export function refuseAsymmetric(algorithm: string): void {
  if (/^(STREAMING-)?AWS4-ECDSA/.test(algorithm))
    throw new S3ApiError('NotImplemented', 'asymmetric signatures (SigV4A) are not supported')
}

function refuseToken(isThere: boolean): void {
  if (isThere)
    throw new S3ApiError(
      'InvalidToken',
      'temporary credentials are not supported: there are no session tokens',
    )
}

function failWith(code: S3Code): Fail {
  return (why) => {
    throw new S3ApiError(code, why)
  }
}
