import { retryAfterMs } from '../../http/date.ts'
import { type ErrorCode, StorageError } from '../../storage/errors.ts'
import { readAtMost } from '../read-at-most.ts'
import { type ErrorDocument, isRegion, parseErrorDocument } from './xml.ts'

/** What S3's codes mean; those that are missing here mean what the status does. */
const CODES = new Map<string | undefined, ErrorCode>([
  ['BadDigest', 'corrupt'],
  ['XAmzContentSHA256Mismatch', 'corrupt'],
  ['XAmzContentChecksumMismatch', 'corrupt'],
  ['IncompleteBody', 'corrupt'],
  ['AuthorizationHeaderMalformed', 'denied'],
  ['ExpiredToken', 'denied'],
  ['InvalidAccessKeyId', 'denied'],
  ['InvalidToken', 'denied'],
  ['RequestTimeTooSkewed', 'denied'],
  ['SignatureDoesNotMatch', 'denied'],
  ['AccessDenied', 'denied'],
  ['EntityTooLarge', 'too-large'],
  ['KeyTooLongError', 'invalid'],
  ['InvalidObjectName', 'invalid'],
  ['MetadataTooLarge', 'invalid'],
])
const STATUSES = new Map<number, ErrorCode>([
  [401, 'denied'],
  [403, 'denied'],
  [412, 'precondition'],
  [413, 'too-large'],
  [508, 'loop'],
])
/** Of writes of one key: R2 takes one a second, others none while another is at work. They say nothing about the server. */
const TOO_MANY_WRITES = new Set(['TooManyRequests', 'OperationAborted', 'ConditionalRequestConflict'])

/** Codes of a 404 that say the key is not there; any other code says that something else is not. */
const MISSING_KEY = new Set(['NoSuchKey', 'NoSuchVersion', 'NotFound'])
/** Codes of a 403 that are not about our credentials: what a key without ListBucket gets for a missing object. */
const MISSING_OR_FORBIDDEN = new Set([...MISSING_KEY, 'AccessDenied', 'Forbidden', 'AllAccessDisabled'])

/** Longest error document that is read. */
const MAX_DOCUMENT = 64 * 1024

interface S3Failure {
  status: number
  document: ErrorDocument | undefined
  /** In a header, where the document doesn't say it. */
  region?: string | null
  retryAfter?: number | undefined
  /** The request was to write one key. */
  isWrite?: boolean
}

/** An unsuccessful answer. Of it only status, code and region are shown. */
export class S3Error extends StorageError {
  /** S3's own code; absent where the answer holds no document. */
  readonly s3Code: string | undefined

  constructor(backend: string, { status, document, region, retryAfter, isWrite = false }: S3Failure) {
    const s3Code = document?.code
    const isTooSoon = isWrite && s3Code !== undefined && TOO_MANY_WRITES.has(s3Code)
    const code = isTooSoon ? 'too-many-writes' : (CODES.get(s3Code) ?? STATUSES.get(status) ?? 'unavailable')
    const isMisplaced = (status >= 300 && status < 400) || s3Code === 'AuthorizationHeaderMalformed'
    super(code, describe(status, s3Code) + (isMisplaced ? regionHint(document?.region ?? region) : ''), {
      backend,
      status,
      retryAfter: retryAfter ?? (isTooSoon ? 1000 : undefined),
    })
    this.s3Code = s3Code
  }
}

/** Reads an unsuccessful answer to its end. */
export async function readFailure(response: Response, backend: string, isWrite = false): Promise<S3Error> {
  const bytes = await readAtMost(MAX_DOCUMENT, response, backend)
  return new S3Error(backend, {
    status: response.status,
    document: bytes ? parseErrorDocument(new TextDecoder().decode(bytes)) : undefined,
    region: response.headers.get('x-amz-bucket-region'),
    retryAfter: retryAfterMs(response.headers.get('Retry-After')),
    isWrite,
  })
}

/** What a successful answer's document says; whatever is wrong with it is the backend's failure. */
export async function readDocument<Content>(
  response: Response,
  backend: string,
  parse: (text: string) => Content,
): Promise<Content> {
  const { status } = response
  const failed = (message: string, cause: unknown): StorageError =>
    new StorageError('unavailable', message, { backend, status, cause })
  const text = await response.text().catch((cause: unknown) => {
    throw failed('the S3 answer broke off', cause)
  })
  try {
    return parse(text)
  } catch (error) {
    throw error instanceof StorageError && !(error instanceof S3Error) ? failed(error.message, error) : error
  }
}

/** Whether the answer proves that the key is not there. */
export function provesAbsence({ status = 0, s3Code }: S3Error, absentStatuses: readonly number[]): boolean {
  if (!absentStatuses.includes(status)) return false
  if (s3Code === undefined) return true
  return (status === 404 || status === 410 ? MISSING_KEY : MISSING_OR_FORBIDDEN).has(s3Code)
}

export function isNotImplemented(error: unknown): error is S3Error {
  return error instanceof S3Error && (error.status === 501 || error.s3Code === 'NotImplemented')
}

/** Whether what was thrown says that the condition of a write does not hold. */
export function isConditionFailed(error: unknown): error is S3Error {
  return error instanceof S3Error && (error.status === 412 || error.s3Code === 'NoSuchKey')
}

function describe(status: number, code: string | undefined): string {
  if (code === 'NoSuchBucket') return `S3 says that the bucket does not exist (${status})`
  return `S3 answered ${status}${code === undefined ? '' : ` ${code}`}`
}

function regionHint(region: string | null | undefined): string {
  return isRegion(region) ? `; the bucket is in region ${region}` : '; redirects are not followed'
}
