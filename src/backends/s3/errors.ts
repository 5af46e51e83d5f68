import { retryAfterMs } from '../../http/date.ts'
import { type ErrorCode, type ErrorOptions, StorageError } from '../../storage/errors.ts'
import { readAtMost } from '../read-at-most.ts'
import { type ErrorDocument, isRegion, parseErrorDocument } from './xml.ts'

/** The meaning of S3's codes; for others, the status decides. */
const CODES: ReadonlyMap<string | undefined, ErrorCode> = new Map(
  Object.entries({
    BadDigest: 'corrupt',
    XAmzContentSHA256Mismatch: 'corrupt',
    XAmzContentChecksumMismatch: 'corrupt',
    IncompleteBody: 'corrupt',
    AuthorizationHeaderMalformed: 'denied',
    ExpiredToken: 'denied',
    InvalidAccessKeyId: 'denied',
    InvalidToken: 'denied',
    RequestTimeTooSkewed: 'denied',
    SignatureDoesNotMatch: 'denied',
    AccessDenied: 'denied',
    EntityTooLarge: 'too-large',
    EntityTooSmall: 'invalid',
    InvalidPart: 'invalid',
    InvalidPartOrder: 'invalid',
    NoSuchUpload: 'precondition',
    KeyTooLongError: 'invalid',
    InvalidObjectName: 'invalid',
    XMinioInvalidObjectName: 'invalid',
    MetadataTooLarge: 'invalid',
  }),
)
const ABOUT = new Map<string | undefined, ErrorOptions['about']>([
  ['BadDigest', 'digest'],
  ['XAmzContentSHA256Mismatch', 'sha256'],
  ['XAmzContentChecksumMismatch', 'digest'],
  ['MetadataTooLarge', 'metadata'],
])
const STATUSES = new Map<number, ErrorCode>([
  [401, 'denied'],
  [403, 'denied'],
  [412, 'precondition'],
  [413, 'too-large'],
  [508, 'loop'],
])
/** What servers answer if a lock protects the object. Some have no code of their own for it, only a message. */
const LOCKS: readonly { code: string; message?: RegExp }[] = [
  // R2: developers.cloudflare.com/r2/api/error-codes (10069), with 403 there and 409 in practice
  { code: 'ObjectLockedByBucketPolicy' },
  // AWS: docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html, as getmoto/moto replays it (403)
  { code: 'AccessDenied', message: /\bobject protected by object lock\b/i },
  // Ceph: ceph/ceph src/rgw/rgw_op.cc, RGWDeleteObj (403)
  { code: 'AccessDenied', message: /\bforbidden by object lock\b/i },
  // MinIO, and Versity's gateway: minio/minio cmd/api-errors.go, ErrObjectLocked (400)
  { code: 'InvalidRequest', message: /\bWORM protected\b/i },
  // Google: docs.cloud.google.com/storage/docs/bucket-lock and object-holds (403)
  { code: 'RetentionPolicyNotMet' },
  { code: 'ObjectUnderActiveHold' },
  // Alibaba and Baidu: cloud.baidu.com/doc/BOS/s/Xkc4jkho7-en (409)
  { code: 'FileImmutable' },
]
/** Codes for too many writes of one key: R2 accepts one per second, others none during another. The server itself is fine. */
const TOO_MANY_WRITES = new Set(['TooManyRequests', 'OperationAborted', 'ConditionalRequestConflict'])

/** Codes of a 404 for a missing key; any other code means that something else is missing. */
const MISSING_KEY = new Set(['NoSuchKey', 'NoSuchVersion', 'NotFound'])
/** Codes of a 403 that may mean a missing object, if the credentials lack ListBucket; others are about the credentials. */
const MISSING_OR_FORBIDDEN = new Set([...MISSING_KEY, 'AccessDenied', 'Forbidden', 'AllAccessDisabled'])
/** Codes for a key that the server cannot hold, so that there is no object under it. */
const IMPOSSIBLE_KEY = new Set(['KeyTooLongError', 'InvalidObjectName', 'XMinioInvalidObjectName'])

/** Longest error document that is read. */
const MAX_DOCUMENT = 64 * 1024
/** The longest listing that is read: twice a page of a thousand keys of the maximum length. */
const MAX_LISTING = 8 * 1024 * 1024

interface S3Failure {
  status: number
  document: ErrorDocument | undefined
  /** From a header, in case the document does not have it. */
  region?: string | null
  retryAfter?: number | undefined
  /** Whether the request was a write of one key. */
  isWrite?: boolean
}

/** An unsuccessful response. The message shows its status, code and region only. */
export class S3Error extends StorageError {
  /** S3's own code; absent if the response has no document. */
  readonly s3Code: string | undefined

  constructor(backend: string, { status, document, region, retryAfter, isWrite = false }: S3Failure) {
    const s3Code = document?.code
    const isTooSoon = isWrite && s3Code !== undefined && TOO_MANY_WRITES.has(s3Code)
    const code = isTooSoon ? 'too-many-writes' : codeOf(status, document)
    const isMisplaced = (status >= 300 && status < 400) || s3Code === 'AuthorizationHeaderMalformed'
    super(
      code,
      describe(status, s3Code, code) + (isMisplaced ? regionHint(document?.region ?? region) : ''),
      {
        backend,
        status,
        retryAfter: retryAfter ?? (isTooSoon ? 1000 : undefined),
        about: ABOUT.get(s3Code),
      },
    )
    this.s3Code = s3Code
  }
}

function codeOf(status: number, document: ErrorDocument | undefined): ErrorCode {
  if (document && LOCKS.some((lock) => isLock(document, lock))) return 'locked'
  return CODES.get(document?.code) ?? STATUSES.get(status) ?? 'unavailable'
}

function isLock(document: ErrorDocument, { code, message }: (typeof LOCKS)[number]): boolean {
  return document.code === code && (message === undefined || message.test(document.message ?? ''))
}

/** The error for an unsuccessful response, whose body is read. */
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

/** Parses the document of a successful response. Anything wrong with it is the backend's failure. */
export async function readDocument<Content>(
  response: Response,
  backend: string,
  parse: (text: string) => Content,
): Promise<Content> {
  const { status } = response
  const failed = (message: string, cause?: unknown): StorageError =>
    new StorageError('unavailable', message, { backend, status, cause })
  const bytes = await readAtMost(MAX_LISTING, response, backend).catch((cause: unknown) => {
    throw failed('the S3 response was interrupted', cause)
  })
  if (!bytes) throw failed(`the S3 response is longer than ${MAX_LISTING} bytes`)
  try {
    return parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw error instanceof StorageError && !(error instanceof S3Error) ? failed(error.message, error) : error
  }
}

/** Whether the response proves that the key does not exist. */
export function provesAbsence({ status = 0, s3Code }: S3Error, absentStatuses: readonly number[]): boolean {
  if (s3Code !== undefined && IMPOSSIBLE_KEY.has(s3Code)) return true
  if (!absentStatuses.includes(status)) return false
  if (s3Code === undefined) return true
  return (status === 404 || status === 410 ? MISSING_KEY : MISSING_OR_FORBIDDEN).has(s3Code)
}

export function isNotImplemented(error: unknown): error is S3Error {
  return error instanceof S3Error && (error.status === 501 || error.s3Code === 'NotImplemented')
}

export function isNoSuchUpload(error: unknown): error is S3Error {
  return error instanceof S3Error && error.s3Code === 'NoSuchUpload'
}

export function isLocked(error: unknown): error is S3Error {
  return error instanceof S3Error && error.code === 'locked'
}

/** Whether the error means that the condition of a write does not hold. */
export function isConditionFailed(error: unknown): error is S3Error {
  return error instanceof S3Error && (error.status === 412 || error.s3Code === 'NoSuchKey')
}

function describe(status: number, code: string | undefined, meaning: ErrorCode): string {
  if (meaning === 'locked')
    return `an object lock protects the object: it can be neither replaced nor deleted (S3 answered ${status} ${code})`
  if (code === 'NoSuchBucket') return `S3 says that the bucket does not exist (${status})`
  return `S3 answered ${status}${code === undefined ? '' : ` ${code}`}`
}

function regionHint(region: string | null | undefined): string {
  return isRegion(region) ? `; the bucket is in region ${region}` : '; redirects are not followed'
}
