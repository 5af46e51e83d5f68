import { retryAfterMs } from '../../http/date.ts'
import { failureOfBody, StorageError, type ErrorCode, type ErrorOptions } from '../../storage/errors.ts'
import { isRegion, parseErrorDocument, type S3ErrorDocument } from './xml.ts'

/** Codes of a 404 that say the key is not there; any other code says that something else is not. */
const MISSING_KEY = new Set(['NoSuchKey', 'NoSuchVersion', 'NotFound'])
/** Codes of a 403 that are not about our credentials: what a key without ListBucket gets for a missing object. */
const MISSING_OR_FORBIDDEN = new Set(['AccessDenied', 'Forbidden', 'AllAccessDisabled'])
const MISMATCH = new Set([
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'XAmzContentChecksumMismatch',
  'IncompleteBody',
])
const DENIED = new Set([
  'AccessDenied',
  'AuthorizationHeaderMalformed',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
])

/** About writes of one key: R2 takes one a second, others none while another is at work. */
const TOO_MANY_WRITES = new Set(['TooManyRequests', 'OperationAborted', 'ConditionalRequestConflict'])

/** Longest error document that is read. */
const MAX_DOCUMENT = 64 * 1024

export interface S3Failure {
  status: number
  document?: S3ErrorDocument
  bucketRegion?: string
  retryAfter?: number
}

/** Reads an unsuccessful answer to its end. */
export async function readFailure(response: Response, backend: string): Promise<S3Failure> {
  const document = parseErrorDocument(await readText(response, backend))
  const bucketRegion = response.headers.get('x-amz-bucket-region')
  const retryAfter = retryAfterMs(response.headers.get('Retry-After'))
  return {
    status: response.status,
    ...(document && { document }),
    ...(isRegion(bucketRegion) && { bucketRegion }),
    ...(retryAfter !== undefined && { retryAfter }),
  }
}

/** What a successful answer's document says; whatever is wrong with it is the backend's failure. */
export async function readDocument<Content>(
  response: Response,
  backend: string,
  parse: (text: string) => Content,
): Promise<Content> {
  const failed = (message: string, cause: unknown): StorageError =>
    new StorageError('unavailable', message, { backend, status: response.status, cause })
  const text = await response.text().catch((cause: unknown) => {
    throw failed('the S3 answer broke off', cause)
  })
  try {
    return parse(text)
  } catch (error) {
    throw error instanceof StorageError ? failed(error.message, error) : error
  }
}

/** Whether the failure, read from a body, proves that the key is not there. */
export function provesAbsence({ status, document }: S3Failure, absentStatuses: readonly number[]): boolean {
  if (!absentStatuses.includes(status)) return false
  if (!document) return true
  if (status === 404 || status === 410) return MISSING_KEY.has(document.code)
  return MISSING_OR_FORBIDDEN.has(document.code) || MISSING_KEY.has(document.code)
}

/** The failure as our error. Of the answer only status, code and region are shown. */
export function toS3Error(failure: S3Failure, backend: string, name?: string): StorageError {
  const { status, document, retryAfter } = failure
  const options: ErrorOptions = {
    backend,
    status,
    ...(name !== undefined && { name }),
    ...(retryAfter !== undefined && { retryAfter }),
  }
  return new StorageError(codeOf(failure), describe(status, document?.code) + regionHint(failure), options)
}

/** The same for a write: too many writes of one name say nothing about the server. */
export function toS3WriteError(failure: S3Failure, backend: string, name: string): StorageError {
  const error = toS3Error(failure, backend, name)
  if (!TOO_MANY_WRITES.has(failure.document?.code ?? '')) return error
  const { message, status = failure.status, retryAfter = 1000 } = error
  return new StorageError('too-many-writes', message, { backend, name, status, retryAfter })
}

export function isNotImplemented({ status, document }: S3Failure): boolean {
  return status === 501 || document?.code === 'NotImplemented'
}

function codeOf({ status, document }: S3Failure): ErrorCode {
  const code = document?.code ?? ''
  if (MISMATCH.has(code)) return 'corrupt'
  if (status === 401 || status === 403 || DENIED.has(code)) return 'denied'
  if (code === 'EntityTooLarge' || status === 413) return 'too-large'
  if (code === 'KeyTooLongError' || code === 'InvalidObjectName') return 'invalid'
  if (code === 'MetadataTooLarge') return 'invalid'
  if (status === 412) return 'precondition'
  if (status === 508) return 'loop'
  return 'unavailable'
}

function describe(status: number, code: string | undefined): string {
  if (code === 'NoSuchBucket') return `S3 says that the bucket does not exist (${status})`
  return `S3 answered ${status}${code === undefined ? '' : ` ${code}`}`
}

function regionHint({ status, document, bucketRegion }: S3Failure): string {
  const misplaced = (status >= 300 && status < 400) || document?.code === 'AuthorizationHeaderMalformed'
  if (!misplaced) return ''
  const region = document?.region ?? bucketRegion
  return region === undefined ? '; redirects are not followed' : `; the bucket is in region ${region}`
}

async function readText({ body }: Response, backend: string): Promise<string> {
  if (!body) return ''
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true })
      if (text.length > MAX_DOCUMENT) break
    }
  } catch (error) {
    throw failureOfBody(error, backend)
  }
  return text
}
