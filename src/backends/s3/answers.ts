import { retryAfterMs } from '../../http/date.ts'
import { type ErrorCode, type ErrorOptions, StorageError, failureOfBody } from '../../storage/errors.ts'
import { type XmlElement, parseXml } from '@rgrove/parse-xml'

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

// What XML 1.0 has no way to write, and the mark that it is put down with. radosgw writes keys into tokens as they are.
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const UNWRITABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\uf8ff]/g
const MARKED = /\uf8ff([0-9a-f]{4})/g

/** What S3 says went wrong, without its messages: those can hold signatures. */
export interface S3ErrorDocument {
  code: string
  /** Where the bucket really is. */
  region?: string
}

export interface S3ListDocument {
  entries: { key: string; size?: number; etag?: string; modified?: Date }[]
  directories: string[]
  truncated: boolean
  nextToken?: string
}

/** The error that a body describes; `undefined` when it is none. */
export function parseErrorDocument(text: string): S3ErrorDocument | undefined {
  const root = parse(text)
  if (root?.name !== 'Error') return undefined
  const code = childText(root, 'Code') ?? ''
  const region = childText(root, 'Region')
  return { code: /^[\w.-]{1,64}$/.test(code) ? code : 'Unknown', ...(isRegion(region) && { region }) }
}

export function parseListDocument(text: string): S3ListDocument {
  const root = expectRoot(text, 'ListBucketResult')
  const encoded = childText(root, 'EncodingType') === 'url'
  const decode = (value: string): string => (encoded ? decodeKey(value) : value)
  const nextToken = childText(root, 'NextContinuationToken')
  return {
    entries: children(root, 'Contents').map((entry) => listEntry(entry, decode)),
    directories: children(root, 'CommonPrefixes').map((entry) => decode(requiredText(entry, 'Prefix'))),
    truncated: childText(root, 'IsTruncated') === 'true',
    ...(nextToken && { nextToken }),
  }
}

export function parseUploadId(text: string): string {
  return requiredText(expectRoot(text, 'InitiateMultipartUploadResult'), 'UploadId')
}

/** The quoted ETag of a completed multipart upload; radosgw leaves it empty at first. */
export function parseCompletedETag(text: string): string | undefined {
  const etag = childText(expectRoot(text, 'CompleteMultipartUploadResult'), 'ETag')
  return etag ? quoteETag(etag) : undefined
}

export function completionDocument(etags: ReadonlyMap<number, string>): string {
  const parts = [...etags]
    .toSorted(([a], [b]) => a - b)
    .map(([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`)
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`
}

export function isRegion(value: string | null | undefined): value is string {
  return typeof value === 'string' && /^[\w-]{1,40}$/.test(value)
}

function listEntry(entry: XmlElement, decode: (value: string) => string): S3ListDocument['entries'][number] {
  const size = Number(childText(entry, 'Size') ?? Number.NaN)
  const etag = childText(entry, 'ETag')
  const modified = new Date(childText(entry, 'LastModified') ?? Number.NaN)
  return {
    key: decode(requiredText(entry, 'Key')),
    ...(Number.isSafeInteger(size) && { size }),
    ...(etag && { etag: quoteETag(etag) }),
    ...(!Number.isNaN(modified.getTime()) && { modified }),
  }
}

/** `encoding-type=url`: AWS writes a space as `+`, others as `%20`; a plus sign itself is always `%2B`. */
function decodeKey(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '))
  } catch (cause) {
    throw nonsense('a key that is not UTF-8', cause)
  }
}

function quoteETag(etag: string): string {
  return etag.startsWith('"') || etag.startsWith('W/') ? etag : `"${etag}"`
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

function parse(text: string): XmlElement | undefined {
  try {
    // A long completion is kept alive by blanks, which some servers send before the declaration.
    return parseXml(markUnwritable(text.trimStart())).root ?? undefined
  } catch {
    return undefined
  }
}

function markUnwritable(text: string): string {
  return text.replace(
    UNWRITABLE,
    (character) => `\uf8ff${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function expectRoot(text: string, name: string): XmlElement {
  const root = parse(text)
  if (root?.name !== name) throw nonsense(`something else than ${name}`)
  return root
}

function children(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter(
    (node): node is XmlElement => node.type === 'element' && 'name' in node && node.name === name,
  )
}

function childText(element: XmlElement, name: string): string | undefined {
  return children(element, name)[0]?.text.replace(MARKED, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
}

function requiredText(element: XmlElement, name: string): string {
  const text = childText(element, name)
  if (!text) throw nonsense(`no ${name}`)
  return text
}

function nonsense(what: string, cause?: unknown): StorageError {
  return new StorageError('unavailable', `the S3 answer holds ${what}`, { cause })
}
