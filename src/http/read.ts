import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo, RangeRequest, StoredObject } from '../storage/object.ts'
import { evaluatePreconditions, ifRangeHolds } from './conditional.ts'
import { parseRange } from './range.ts'
import { headResponse, objectResponse } from './respond.ts'
import type { RespondOptions } from './respond.ts'

/** Where the object of one request comes from; `null` when it is absent. */
export interface Source {
  get(range: RangeRequest | undefined): Promise<StoredObject | null>
  head(): Promise<ObjectInfo | null>
}

/**
 * The answer to a GET or HEAD, or `null` when the object is absent. One operation of the source,
 * two only where If-Range fails or a range that begins past the end comes with conditions.
 */
export async function readResponse(
  request: Request,
  source: Source,
  options: Omit<RespondOptions, 'range'>,
): Promise<Response | null> {
  if (request.method === 'HEAD') {
    const info = await source.head()
    return info && headResponse(request, info, options)
  }
  const range = parseRange(request.headers.get('Range'))
  if (!range) {
    const object = await source.get(undefined)
    return object && objectResponse(request, object, options)
  }
  const object = await getPart(request, source, range)
  if (!object) return null
  // Only once the object is here is it known what If-Range must name, and mostly it does.
  if (ifRangeHolds(request.headers.get('If-Range'), object))
    return objectResponse(request, object, { ...options, range })
  if (!object.range || evaluatePreconditions(request.method, request.headers, object) !== 'proceed')
    return objectResponse(request, object, options)
  await object.body.cancel()
  const whole = await source.get(undefined)
  return whole && objectResponse(request, whole, options)
}

/** The part; the whole object where conditions or If-Range come before a range that begins past the end. */
async function getPart(request: Request, source: Source, range: RangeRequest): Promise<StoredObject | null> {
  try {
    return await source.get(range)
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'unsatisfiable') throw error
    const info = isConditional(request.headers) ? await source.head() : null
    if (!info) throw error
    const isRefused = evaluatePreconditions(request.method, request.headers, info) !== 'proceed'
    if (!isRefused && ifRangeHolds(request.headers.get('If-Range'), info)) throw error
    return source.get(undefined)
  }
}

const CONDITIONS = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since', 'If-Range']

function isConditional(headers: Headers): boolean {
  return CONDITIONS.some((name) => headers.has(name))
}
