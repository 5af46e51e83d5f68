import type { Bytes, Chunking, Query, Signed } from '../../kit/s3-signer.ts'
import type { S3_KEYS } from '../../kit/s3-client.ts'
import { crc32 } from './crc32.ts'
import { type Element, escape } from './xml.ts'

/** One object that is there before the case begins. */
export interface Seed {
  body: string | Bytes
  contentType?: string
  cacheControl?: string
  contentDisposition?: string
  contentEncoding?: string
  contentLanguage?: string
  metadata?: Record<string, string>
}

export type Objects = Readonly<Record<string, string | Seed>>

/** A request of an S3 client. Without `path`, it is for the bucket, or `key` in it. */
export interface Call {
  method: string
  key?: string
  /** The raw path after the endpoint, instead of bucket and key. */
  path?: string
  query?: Query
  headers?: Readonly<Record<string, string>>
  body?: string | Bytes
  /** Whose credentials; default: those of a key that may write. */
  as?: keyof typeof S3_KEYS
  credentials?: { accessKeyId?: string; secretAccessKey?: string; sessionToken?: string }
  /** When it is signed, in seconds from now. */
  late?: number
  region?: string
  service?: string
  /** How it is signed; default: in the header. */
  sign?: 'header' | 'query' | 'query-js' | 'not'
  /** Seconds until a presigned request expires. */
  expires?: number
  chunked?: Chunking
  /** Changes the request after it was signed. */
  tamper?: (signed: Signed) => Signed
  /** The body is sent as a stream, so without a Content-Length. */
  streamed?: boolean
  /** Follows a listing to its end, and answers with all pages in one. */
  walk?: boolean
}

export interface Answer {
  status: number
  headers: Headers
  bytes: Bytes
  text: string
  /** The root element, if it is XML. */
  xml: Element | undefined
  /** How many pages a walk had. */
  pages: number
}

export interface Expected {
  status?: number | readonly number[]
  /** Its status follows from it. One of several if AWS itself varies. */
  code?: string | readonly string[]
  /** `null`: must not be there. */
  headers?: Readonly<Record<string, string | RegExp | null>>
  /** The body. */
  body?: string | Bytes
  /** The name of the root, and texts of elements by path, e.g. `Contents.Key`; an array: of all elements of that path. */
  root?: string
  xml?: Readonly<Record<string, string | RegExp | null | readonly string[]>>
  pages?: number
  check?: (answer: Answer, earlier: readonly Answer[]) => void | Promise<void>
}

/** A request may need what earlier answers said. */
export type Request = Call | ((...earlier: Answer[]) => Call)

export interface Case {
  title: string
  objects: Objects
  steps: readonly (readonly [Request, Expected])[]
  /** Where it is not run, and why. */
  except: Readonly<Partial<Record<Storage, string>>>
}

/** What is behind the S3 API. */
export type Storage = 'R2' | 'R2 and a fallback' | 'S3' | 'KV'

export interface Group {
  name: string
  cases: readonly Case[]
}

/** One case: requests, each followed by what the client must see. */
export function row(title: string, objects: Objects, ...steps: (Request | Expected)[]): Case {
  const pairs = steps.flatMap((step, index) =>
    index % 2 === 0 ? [[step as Request, steps[index + 1] as Expected] as const] : [],
  )
  return { title, objects, steps: pairs, except: {} }
}

/** The case is not for that storage, because … */
export function except(storage: Storage, reason: string, one: Case): Case {
  return { ...one, except: { ...one.except, [storage]: reason } }
}

/** The status of each code (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
export const STATUSES: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  BadDigest: 400,
  BucketAlreadyOwnedByYou: 409,
  BucketNotEmpty: 409,
  EntityTooLarge: 400,
  EntityTooSmall: 400,
  IncompleteBody: 400,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidDigest: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidToken: 400,
  InvalidURI: 400,
  KeyTooLongError: 400,
  MalformedXML: 400,
  MetadataTooLarge: 400,
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
  XAmzContentSHA256Mismatch: 400,
}

// Requests

type More = Omit<Call, 'method' | 'key'>

export const get = (key: string, headers: Call['headers'] = {}, more: More = {}): Call => ({
  method: 'GET',
  key,
  headers,
  ...more,
})
export const head = (key: string, headers: Call['headers'] = {}, more: More = {}): Call => ({
  method: 'HEAD',
  key,
  headers,
  ...more,
})
export const put = (
  key: string,
  body: string | Bytes,
  headers: Call['headers'] = {},
  more: More = {},
): Call => ({ method: 'PUT', key, body, headers, ...more })
export const del = (key: string, headers: Call['headers'] = {}, more: More = {}): Call => ({
  method: 'DELETE',
  key,
  headers,
  ...more,
})
export const post = (key: string, query: Query, body = '', more: More = {}): Call => ({
  method: 'POST',
  key,
  query,
  body,
  ...more,
})
export const bucket = (method: string, query: Query = {}, more: More = {}): Call => ({
  method,
  query,
  ...more,
})
export const copy = (to: string, from: string, headers: Call['headers'] = {}): Call => ({
  method: 'PUT',
  key: to,
  headers: { 'x-amz-copy-source': from, ...headers },
})
/** DeleteObjects with that body. */
export const deleteBody = (body: string, headers: Call['headers'] = {}): Call =>
  bucket('POST', { delete: '' }, { body, headers: { 'x-amz-checksum-crc32': crc32(body), ...headers } })
export const batch = (keys: readonly string[], { quiet = false } = {}): Call => {
  const objects = keys.map((key) => `<Object><Key>${escape(key)}</Key></Object>`)
  return deleteBody(`<Delete>${quiet ? '<Quiet>true</Quiet>' : ''}${objects.join('')}</Delete>`)
}

export const tagOf = (answer: { headers: Headers } | undefined): string => answer?.headers.get('etag') ?? ''

// Expectations

/** For checks of what no other field of `Expected` says. */
export function same(actual: unknown, wanted: unknown): void {
  const [seen, told] = [JSON.stringify(actual), JSON.stringify(wanted)]
  if (seen !== told || actual === '') throw new Error(`${seen} instead of ${told}`)
}

export const ok = (body?: string | Bytes, headers: Expected['headers'] = {}): Expected => ({
  status: 200,
  headers,
  ...(body !== undefined && { body }),
})
export const status = (
  expected: number | readonly number[],
  headers: Expected['headers'] = {},
): Expected => ({ status: expected, headers })
export const fails = (code: string | readonly string[], more: Omit<Expected, 'code'> = {}): Expected => ({
  code,
  ...more,
})
export const xml = (root: string, elements: Expected['xml'] = {}, more: Expected = {}): Expected => ({
  status: 200,
  root,
  xml: elements,
  ...more,
})
/** Nothing is there. */
export const gone = fails('NoSuchKey')
