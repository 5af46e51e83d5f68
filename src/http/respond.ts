import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo, RangeRequest, StoredObject } from '../storage/object.ts'
import { isActiveContent } from './media-types.ts'
import { evaluatePreconditions } from './conditional.ts'
import { cachingHeaders, headersFromInfo } from './headers.ts'
import { problemResponse } from './problem.ts'
import { contentRange, resolveRange } from './range.ts'

export interface RespondOptions {
  /** Sent for objects without a Cache-Control of their own. */
  cacheControl?: string
  /** The range that the client requests, unless it is to be ignored. */
  range?: RangeRequest | null
  /** The response to conditions that do not hold, and to ranges beyond the end. Default: a problem document. */
  refuse?: (error: StorageError) => Response
}

/** What of a request decides the response. */
type RequestHead = Pick<Request, 'method' | 'headers'>

/**
 * The response to a GET: 200, 206, 304, 412 or 416. Takes over the body, and cancels it if it is not sent.
 * Bodies of known length must be native or a FixedLengthStream's: workerd sends no Content-Length for others.
 */
export function objectResponse(
  request: RequestHead,
  object: StoredObject,
  options: RespondOptions,
): Response {
  const refusal = refusalOf(request, object, options)
  if (refusal) {
    discard(object.body)
    return refusal
  }
  const { body, range, contentEncoding } = object
  // Stored encoded: workerd would encode it once more.
  const encodeBody = contentEncoding === undefined ? 'automatic' : 'manual'
  const isPlain = !range && contentEncoding === undefined
  const response = isPlain
    ? new Response(body)
    : new Response(body, { status: range ? 206 : 200, encodeBody })
  describe(response, object, options)
  if (object.range) response.headers.set('Content-Range', contentRange(object.range, object.size))
  return response
}

/** The response to a HEAD: 200, 304 or 412. Range is only defined for GET (RFC 9110 §14.2). */
export function headResponse(request: RequestHead, info: ObjectInfo, options: RespondOptions): Response {
  const refusal = refusalOf(request, info, options)
  if (refusal) return refusal
  const response = new Response(null)
  describe(response, info, options)
  if (info.size !== undefined) response.headers.set('Content-Length', `${info.size}`)
  return response
}

/** RFC 9110 §13.2.2: conditions come before the range. */
function refusalOf(
  request: RequestHead,
  info: ObjectInfo & Partial<StoredObject>,
  options: RespondOptions,
): Response | null {
  const { refuse = problemResponse } = options
  const decision = evaluatePreconditions(request.method, request.headers, info)
  if (decision === 'not-modified') {
    const response = new Response(null, { status: 304 })
    cachingHeaders(info, options, response.headers)
    return response
  }
  if (decision === 'failed')
    return refuse(new StorageError('precondition', 'the object does not satisfy the request’s conditions'))
  const { size } = info
  if (request.method !== 'GET' || !options.range || info.range || size === undefined) return null
  if (resolveRange(options.range, size) !== 'unsatisfiable') return null
  return refuse(
    new StorageError('unsatisfiable', `the range begins after the end of ${size} bytes`, { size }),
  )
}

/** Cancels an unread body. If it cannot be cancelled, its source is already gone. */
function discard(body: ReadableStream<Uint8Array>): void {
  body.cancel().catch(() => undefined)
}

function describe(response: Response, info: ObjectInfo, options: RespondOptions): void {
  const headers = headersFromInfo(info, options, response.headers)
  headers.set('Accept-Ranges', 'bytes')
  if (isActiveContent(info.contentType)) headers.set('Content-Security-Policy', 'sandbox')
}
