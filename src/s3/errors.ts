import { type ErrorCode, retryAfterOf, StorageError } from '../storage/errors.ts'
import { document, type Elements } from './xml.ts'

/** The HTTP status of each error code, if it is not 400 (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
const STATUSES = {
  AccessDenied: 403,
  BucketAlreadyOwnedByYou: 409,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidPartNumber: 416,
  InvalidRange: 416,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchBucketPolicy: 404,
  NoSuchCORSConfiguration: 404,
  NoSuchKey: 404,
  NoSuchLifecycleConfiguration: 404,
  NoSuchTagSet: 404,
  NoSuchUpload: 404,
  NotImplemented: 501,
  ObjectLockConfigurationNotFoundError: 404,
  PreconditionFailed: 412,
  RequestTimeTooSkewed: 403,
  ServerSideEncryptionConfigurationNotFoundError: 404,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  SlowDown: 503,
}

export type S3Code =
  | keyof typeof STATUSES
  | 'AuthorizationHeaderMalformed'
  | 'AuthorizationQueryParametersError'
  | 'BadDigest'
  | 'EntityTooLarge'
  | 'EntityTooSmall'
  | 'IncompleteBody'
  | 'InvalidArgument'
  | 'InvalidDigest'
  | 'InvalidPart'
  | 'InvalidPartOrder'
  | 'InvalidRequest'
  | 'InvalidToken'
  | 'InvalidURI'
  | 'KeyTooLongError'
  | 'MalformedXML'
  | 'MetadataTooLarge'
  | 'XAmzContentSHA256Mismatch'

/** The S3 code for each failure of the storage layer. */
const CODES: Record<ErrorCode, S3Code> = {
  absent: 'NoSuchKey',
  invalid: 'InvalidArgument',
  corrupt: 'IncompleteBody',
  precondition: 'PreconditionFailed',
  'too-large': 'EntityTooLarge',
  unsatisfiable: 'InvalidRange',
  unsupported: 'NotImplemented',
  timeout: 'ServiceUnavailable',
  unavailable: 'ServiceUnavailable',
  denied: 'ServiceUnavailable',
  locked: 'AccessDenied',
  'too-many-writes': 'SlowDown',
  interrupted: 'IncompleteBody',
  internal: 'InternalError',
  skipped: 'ServiceUnavailable',
  overloaded: 'SlowDown',
  loop: 'ServiceUnavailable',
}

/** An error that S3 clients know by a code of its own. A StorageError, so that it passes unchanged through whatever reads a body. */
export class S3ApiError extends StorageError {
  readonly s3Code: S3Code
  /** Further elements of the document, e.g. `StringToSign`. */
  readonly details: Readonly<Record<string, string>>

  constructor(
    s3Code: S3Code,
    message: string,
    { details = {}, cause }: { details?: Record<string, string>; cause?: unknown } = {},
  ) {
    super('invalid', message, { cause })
    this.s3Code = s3Code
    this.details = details
  }
}

/** Too many requests: clients should slow down, rather than expect a failure. */
const TOO_MANY_REQUESTS = 429

/** Where the same failure has several codes. */
const CODES_ABOUT: Partial<Record<ErrorCode, Partial<Record<NonNullable<StorageError['about']>, S3Code>>>> = {
  corrupt: { sha256: 'BadDigest', digest: 'BadDigest' },
  'too-large': { metadata: 'MetadataTooLarge' },
  invalid: { metadata: 'MetadataTooLarge' },
}

/** The S3 code of any error. */
export function s3CodeOf(error: StorageError): S3Code {
  if (error instanceof S3ApiError) return error.s3Code
  const causes = error.failures.length > 0 ? error.failures : [error]
  if (causes.some(({ status }) => status === TOO_MANY_REQUESTS)) return 'SlowDown'
  if (error.failures.some(({ code }) => code === 'loop')) return CODES.loop
  if (error.failures.length > 0) return 'ServiceUnavailable'
  return (error.about && CODES_ABOUT[error.code]?.[error.about]) ?? CODES[error.code]
}

export interface ErrorContext {
  /** The raw path of the request. */
  resource: string
  requestId: string
  /** Of the request. */
  headers: Headers
}

/** `<Code>` and so on, for an error document or one entry of a batch. */
export function errorElements(error: StorageError): Elements {
  return { Code: s3CodeOf(error), Message: error.message }
}

/** The error as S3 clients expect it. The body of a response to HEAD is dropped by the runtime. */
export function errorResponse(
  error: StorageError,
  { resource, requestId, headers: sent }: ErrorContext,
): Response {
  const code = s3CodeOf(error)
  const details = error instanceof S3ApiError ? error.details : detailsFor(code, error, sent)
  const elements = { ...errorElements(error), ...details, Resource: resource, RequestId: requestId }
  const body = document('Error', elements, { namespace: false })
  const retryAfter = retryAfterOf(error)
  const headers = new Headers({ 'Content-Type': 'application/xml', 'Cache-Control': 'no-store' })
  if (retryAfter !== undefined) headers.set('Retry-After', retryAfter)
  if (code === 'InvalidRange') headers.set('Content-Range', `bytes */${error.size ?? '*'}`)
  const status = (STATUSES as Partial<Record<S3Code, number>>)[code] ?? 400
  return new Response(body, { status, headers })
}

const CONDITIONS = ['If-Match', 'If-Unmodified-Since', 'If-None-Match']

function detailsFor(code: S3Code, { size }: StorageError, headers: Headers): Record<string, string> {
  if (code === 'InvalidRange')
    return {
      ...(size !== undefined && { ActualObjectSize: `${size}` }),
      RangeRequested: headers.get('Range') ?? '',
    }
  const condition = CONDITIONS.find((name) => headers.has(name))
  return code === 'PreconditionFailed' && condition !== undefined ? { Condition: condition } : {}
}
