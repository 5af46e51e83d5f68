import type { Context } from 'hono'
import { evaluatePreconditions, ifRangeHolds } from '../http/conditional.ts'
import { withTypeOfName } from '../http/media-types.ts'
import { ABSENT, problemResponse } from '../http/problem.ts'
import { parseRange } from '../http/range.ts'
import { headResponse, objectResponse } from '../http/respond.ts'
import { deleteObjectIf } from '../methods/methods.ts'
import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo, RangeRequest, StoredObject } from '../storage/object.ts'
import { putObject } from '../methods/put-object.ts'
import type { Trace } from '../storage/trace.ts'
import type { AppEnv } from './context.ts'
import { finish } from './finish.ts'
import { describeAnswer } from './describe-answer.ts'
import { uploadFrom } from './upload-request.ts'

/** GET and HEAD of one name: the chain's answer as HTTP, with a copy begun where the name should move. */
export async function serveMedia(c: Context<AppEnv>, name: string): Promise<Response> {
  const { chain, config, migration } = c.get('deployment')
  const { cacheControl, mediaPath: base } = config
  const trace = c.get('trace')
  const request = c.req.raw
  if (request.method === 'HEAD') {
    const info = await chain.head(name, { trace })
    if (!info) return absent(c)
    return describeAnswer(c, headResponse(request, withTypeOfName(info), { cacheControl, base }), {
      backend: info.backend,
    })
  }
  const { object, range } = await find(c, name)
  if (!object) return absent(c)
  const stored = migration.writeBack(object, trace)
  return describeAnswer(c, objectResponse(request, withTypeOfName(object), { cacheControl, base, range }), {
    backend: object.backend,
    stored,
  })
}

/** Nothing is thrown: a crawler asks for thousands of missing names, and an error's stack takes longer than the answer. */
function absent(c: Context<AppEnv>): Response {
  return describeAnswer(c, problemResponse(ABSENT, { base: c.get('deployment').config.mediaPath }))
}

/** One strong entity tag, as browsers send it. */
const STRONG_TAG = /^"[^"\\]+"$/

interface Found {
  object: StoredObject | null
  /** The range that the answer is about; `null` when the whole object is. */
  range: RangeRequest | null
}

/**
 * One operation for a hit, ranged or not: the range is asked for at once, and the whole object only where If-Range fails
 * and the backend could not tell.
 */
async function find(c: Context<AppEnv>, name: string): Promise<Found> {
  const { chain } = c.get('deployment')
  const { headers } = c.req.raw
  const trace: Trace = c.get('trace')
  const range = parseRange(headers.get('range'))
  if (!range) {
    const known = headers.get('if-none-match')
    const ifNoneMatch = known !== null && STRONG_TAG.test(known) ? { ifNoneMatch: known } : {}
    return { object: await chain.get(name, { trace, ...ifNoneMatch }), range: null }
  }
  const ifRange = headers.get('if-range')
  try {
    const object = await chain.get(name, { range, trace, ...(ifRange !== null && { ifRange }) })
    if (!object || ifRangeHolds(ifRange, object)) return { object, range }
    if (!object.range) return { object, range: null }
    await object.body.cancel()
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'unsatisfiable') throw error
    // Conditions come before the range (RFC 9110 §13.2.2): then the object's metadata decides.
    if (!isConditional(headers) && ifRange === null) throw error
    trace.length = 0
    const info = await chain.head(name, { trace })
    if (!info) return { object: null, range: null }
    if (info.size === undefined) throw error
    if (ifRangeHolds(ifRange, info)) return { object: { ...info, body: emptyBody() }, range }
  }
  trace.length = 0
  return { object: await chain.get(name, { trace }), range: null }
}

function emptyBody(): ReadableStream<Uint8Array> {
  return new Blob([]).stream()
}

/** PUT: replaces the object; 201 where there was none, else 204. */
export async function putMedia(c: Context<AppEnv>, name: string): Promise<Response> {
  const { chain, config } = c.get('deployment')
  const { headers } = c.req.raw
  const { body, options } = uploadFrom(c.req.raw, name, config)
  const allows = (current: ObjectInfo | null): boolean =>
    evaluatePreconditions('PUT', headers, current) === 'proceed'
  const { info, created } = await finish(
    putObject(chain, name, body, { ...options, ...(isConditional(headers) && { allows }) }),
  )
  const answer = new Response(null, { status: created ? 201 : 204 })
  if (info.etag !== undefined) answer.headers.set('ETag', info.etag)
  return describeAnswer(c, answer, { backend: info.backend })
}

/** DELETE: 204, whether or not there was anything. */
export async function deleteMedia(c: Context<AppEnv>, name: string): Promise<Response> {
  const { chain } = c.get('deployment')
  const { headers } = c.req.raw
  const allows = (current: ObjectInfo | null): boolean =>
    evaluatePreconditions('DELETE', headers, current) === 'proceed'
  await (isConditional(headers) ? deleteObjectIf(chain, name, allows) : chain.delete(name))
  return describeAnswer(c, new Response(null, { status: 204 }))
}

const CONDITIONS = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since']

function isConditional(headers: Headers): boolean {
  return CONDITIONS.some((header) => headers.has(header))
}
