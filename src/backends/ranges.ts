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

/** RFC 9112 §6.3: a transfer coding overrides Content-Length, which workerd shows nonetheless. */
export function contentLength(headers: Headers): number | undefined {
  const length = headers.get('Content-Length')
  if (length === null || !/^\d+$/.test(length) || headers.has('Transfer-Encoding')) return undefined
  return Number(length)
}

export function unsatisfiable(backend: string, size: number | undefined): StorageError {
  return new StorageError('unsatisfiable', 'the range begins past the end', { backend, size })
}

export function changed(backend: string): StorageError {
  return new StorageError('precondition', 'the object has changed', { backend })
}

/**
 * The object of a 200 or 206, with exactly the part that was requested; whole where the server ignored the range and the
 * size is unknown. Where it throws, the body is cancelled.
 */
export async function openResponse(
  response: Response,
  info: ObjectInfo,
  range: RangeRequest | undefined,
): Promise<StoredObject> {
  const body = response.body ?? bytesBody(new Uint8Array())
  if (response.status !== 206 && !response.headers.has('Content-Range'))
    return cutPart({ ...info, body }, range)
  const part = partOf(response, range)
  if (typeof part !== 'string') return { ...info, range: part.range, body: part.exact ?? body }
  const { backend } = info
  return refuseBody(body, new StorageError('unavailable', part, { backend, status: response.status }))
}

/** The part that the response holds, or what is wrong with it. */
function partOf(
  { status, headers, body }: Response,
  requested: RangeRequest | undefined,
): { range: ByteRange; exact: ReadableStream<Uint8Array> | undefined } | string {
  if (status !== 206) return 'sent a part as if it were the whole'
  const { range, size } = parseContentRange(headers.get('Content-Range')) ?? {}
  if (!range || !requested || !isRequested(range, requested, size))
    return 'sent another part than was requested'
  const length = range.end - range.start + 1
  const announced = contentLength(headers)
  if (announced !== undefined && announced !== length)
    return 'sent a part whose length is not that of its range'
  // The runtime checks a body against its Content-Length; without one we do.
  return {
    range,
    exact: announced === undefined ? body?.pipeThrough(new FixedLengthStream(length)) : undefined,
  }
}

function isRequested(range: ByteRange, requested: RangeRequest, size: number | undefined): boolean {
  if (size !== undefined) {
    const expected = resolveRange(requested, size)
    return expected !== 'unsatisfiable' && expected.start === range.start && expected.end === range.end
  }
  // Of unknown size: only a range with both ends can be checked.
  if ('suffix' in requested || requested.length === undefined) return false
  return range.start === requested.offset && range.end === requested.offset + requested.length - 1
}

/** The requested part of an object whose body is whole; all of it where its size is unknown, and of a tombstone. */
export async function cutPart(object: StoredObject, range: RangeRequest | undefined): Promise<StoredObject> {
  const { size } = object
  if (!range || size === undefined || object.deleted) return object
  const resolved = resolveRange(range, size)
  if (resolved !== 'unsatisfiable')
    return { ...object, range: resolved, body: sliceBody(object.body, resolved) }
  return refuseBody(object.body, unsatisfiable(object.backend, size))
}
