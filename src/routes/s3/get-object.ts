import { parseHttpDate } from '../../http/date.ts'
import { withTypeOfName } from '../../http/media-types.ts'
import { contentRange } from '../../http/range.ts'
import { headResponse, objectResponse } from '../../http/respond.ts'
import { s3Conditions } from '../../s3/entity-tag.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { parsePartNumber } from '../../s3/parts.ts'
import { StorageError } from '../../storage/errors.ts'
import { bodyLength, type ObjectInfo, type Representation } from '../../storage/object.ts'
import type { Answered } from '../context.ts'
import { findObject } from '../find-object.ts'
import { describeAnswer } from '../media.ts'
import { s3Failure } from './failure.ts'
import { UNKNOWN_TIME } from './list-page.ts'
import { isCurrent, withS3Tag } from './object-tag.ts'
import type { S3Request } from './request.ts'

/** S3's type of objects that were stored without one. */
const UNTYPED = 'binary/octet-stream'
/**
 * Types that Cloudflare compresses for clients that accept it, which removes the length and weakens the ETag
 * (developers.cloudflare.com/speed/optimization/content/compression). What has an encoding, it decodes for all others.
 */
const COMPRESSED =
  /^(?:text|font|multipart)\/|json|xml|javascript|icon|[ot]tf|truetype|opentype|eot|font|wasm|protobuf|perl|cgi/i
/** Made once: an error's stack takes longer than the response, and clients request many missing keys. */
const NO_SUCH_KEY = new StorageError('absent', 'no backend has an object of this key')

/** GET and HEAD of one object: the chain's result. Starts a copy if the object should migrate. */
export async function getObject(s3: S3Request): Promise<Response> {
  const { c, key } = s3
  const { chain, migration } = c.get('deployment')
  const trace = c.get('trace')
  const { method, headers } = s3.request
  const isPart = asksFirstPart(s3)
  const overrides = overridesIn(s3.query)
  const refuse = (error: StorageError): Response => s3Failure(c, error)
  const show = <Info extends ObjectInfo>(info: Info) => {
    const typed = withTypeOfName(withS3Tag(chain, info))
    const shown = overrides ? { ...typed, ...overrides } : typed
    return { shown, head: { method, headers: s3Conditions(headers, info, shown.etag) } }
  }
  const finish = (response: Response, { size }: ObjectInfo, answered: Answered): Response =>
    describe(s3, isPart ? asFirstPart(response, size) : response, answered)

  if (method === 'HEAD') {
    const info = await chain.head(key, { trace, speculative: true })
    if (!info) return describeAnswer(c, refuse(NO_SUCH_KEY))
    const { shown, head } = show(info)
    return finish(headResponse(head, shown, { refuse }), info, { backend: info.backend })
  }
  const { object, range } = await findObject(chain, key, { headers, trace, isCurrent })
  if (!object) return describeAnswer(c, refuse(NO_SUCH_KEY))
  const stored = migration.writeBack(object, trace)
  const { shown, head } = show(object)
  const response = objectResponse(head, shown, { refuse, range })
  return finish(response, object, { backend: object.backend, stored, bytes: bodyLength(object) })
}

function describe({ c }: S3Request, response: Response, answered: Answered): Response {
  const { headers, ok } = response
  if (ok && !headers.has('Content-Type')) headers.set('Content-Type', UNTYPED)
  if (ok && !headers.has('Last-Modified')) headers.set('Last-Modified', UNKNOWN_TIME.toUTCString())
  if (ok && (headers.has('Content-Encoding') || COMPRESSED.test(headers.get('Content-Type') ?? '')))
    headers.append('Cache-Control', 'no-transform')
  return describeAnswer(c, response, answered)
}

/** Whether the request is for part 1, which is the whole object: how it was uploaded is not known. */
function asksFirstPart({ query, request }: S3Request): boolean {
  const part = query.get('partNumber')
  if (part === undefined) return false
  const number = parsePartNumber(part)
  if (request.headers.has('Range'))
    throw new S3ApiError('InvalidRequest', 'Range and partNumber cannot both be given')
  if (number !== 1) throw new S3ApiError('InvalidPartNumber', 'the object is served as one part')
  return true
}

function asFirstPart(response: Response, size: number | undefined): Response {
  const { status, headers, body } = response
  if (status !== 200 || !size) return response
  headers.set('Content-Range', contentRange({ start: 0, end: size - 1 }, size))
  headers.set('x-amz-mp-parts-count', '1')
  // What is stored encoded must not be encoded once more.
  return new Response(body, { status: 206, headers, encodeBody: 'manual' })
}

const OVERRIDES = {
  'response-cache-control': 'cacheControl',
  'response-content-disposition': 'contentDisposition',
  'response-content-encoding': 'contentEncoding',
  'response-content-language': 'contentLanguage',
  'response-content-type': 'contentType',
} as const
const EXPIRES = 'response-expires'
// oxlint-disable-next-line no-control-regex -- what a header value cannot contain
const UNSENDABLE = /[\0-\x1f\x7f]/

/** The headers that the query sets instead of the object's own. Every request here is signed. */
function overridesIn(query: ReadonlyMap<string, string>): Representation | undefined {
  if (query.size === 0) return undefined
  const overrides: Representation = {}
  for (const [name, field] of Object.entries(OVERRIDES)) {
    const value = query.get(name)
    if (value === undefined) continue
    if (UNSENDABLE.test(value)) throw new S3ApiError('InvalidArgument', `${name} holds a control character`)
    overrides[field] = value
  }
  const expires = query.get(EXPIRES)
  if (expires === undefined) return overrides
  const date = parseHttpDate(expires)
  if (!date) throw new S3ApiError('InvalidArgument', `${EXPIRES} is not an HTTP date`)
  return { ...overrides, expires: date }
}
