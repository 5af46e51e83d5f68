import { refuseBody } from '../bodies/cancel.ts'
import { bytesBody } from '../bodies/fixed-length.ts'
import { sliceBody } from '../bodies/slice.ts'
import { parseContentRange, resolveRange } from '../http/range.ts'
import { StorageError } from '../storage/errors.ts'
import type { ByteRange, ObjectInfo, RangeRequest, StoredObject } from '../storage/object.ts'

export function rangeHeader(range: RangeRequest): string {
  if ('suffix' in range) return `bytes=-${range.suffix}`
  return `bytes=${range.offset}-${range.length === undefined ? '' : range.offset + range.length - 1}`
}

/** RFC 9112 §6.3: a transfer coding overrides Content-Length, but workerd shows it anyway. */
export function contentLength(headers: Headers): number | undefined {
  const length = headers.get('Content-Length')
  if (length === null || !/^\d+$/.test(length) || headers.has('Transfer-Encoding')) return undefined
  return Number(length)
}

export function unsatisfiable(backend: string, size: number | undefined, object?: ObjectInfo): StorageError {
  return new StorageError('unsatisfiable', 'the range begins after the end', { backend, size, object })
}

export function changed(backend: string): StorageError {
  return new StorageError('precondition', 'the object has changed', { backend })
}

/**
 * The object in a 200 or 206, with exactly the part that was requested; the whole object if the server ignored the range
 * and its size is unknown. Cancels the body if it throws.
 */
export async function openResponse(
  response: Response,
  info: ObjectInfo,
  range: RangeRequest | undefined,
): Promise<StoredObject> {
  const { status, headers } = response
  const { backend } = info
  const body = response.body ?? bytesBody(new Uint8Array())
  const refuse = (message: string): Promise<never> =>
    refuseBody(body, new StorageError('unavailable', message, { backend, status }))
  if (status !== 206) {
    if (headers.has('Content-Range')) return refuse('sent a part of the object instead of the whole')
    return cutPart({ ...info, body }, range)
  }
  const sent = parseContentRange(headers.get('Content-Range'))
  if (!sent?.range || !range || !isRequested(sent.range, range, sent.size))
    return refuse('sent another part than was requested')
  const length = sent.range.end - sent.range.start + 1
  const announced = contentLength(headers)
  if (announced !== undefined && announced !== length)
    return refuse('sent a part whose length is not that of its range')
  // The runtime checks a body against its Content-Length. Without one, it is checked here.
  const exact = announced === undefined ? body.pipeThrough(new FixedLengthStream(length)) : body
  return { ...info, range: sent.range, body: exact }
}

function isRequested(range: ByteRange, requested: RangeRequest, size: number | undefined): boolean {
  if (size !== undefined) {
    const expected = resolveRange(requested, size)
    return expected !== 'unsatisfiable' && expected.start === range.start && expected.end === range.end
  }
  // Without a size, only a range with both ends can be checked.
  if ('suffix' in requested || requested.length === undefined) return false
  return range.start === requested.offset && range.end === requested.offset + requested.length - 1
}

/** Cuts the requested part out of a whole body. Tombstones and objects of unknown size stay whole. */
export async function cutPart(object: StoredObject, range: RangeRequest | undefined): Promise<StoredObject> {
  const { size } = object
  if (!range || size === undefined || object.deleted) return object
  const resolved = resolveRange(range, size)
  if (resolved !== 'unsatisfiable')
    return { ...object, range: resolved, body: sliceBody(object.body, resolved) }
  return refuseBody(object.body, unsatisfiable(object.backend, size))
}
