import { ifRangeHolds } from '../../http/conditional.ts'
import { parseContentRange, resolveRange } from '../../http/range.ts'
import { StorageError } from '../../storage/errors.ts'
import type { ByteRange, ObjectInfo, RangeRequest, StoredObject } from '../../storage/object.ts'
import { contentLength, discard, isDecoded } from './answer.ts'
import { sliceBody } from '../../bodies/slice.ts'

interface Requested {
  range?: RangeRequest | undefined
  ifRange?: string | undefined
  ifMatch?: string | undefined
}

/**
 * The object of a 200 or 206, with exactly the part that was requested; whole where its size is unknown, or where it is
 * not the one that If-Range names.
 *
 * `ifMatch` is compared with the answer and never sent as If-Match: origins without an ETag of their own, or with a
 * weak one, would refuse the one that we derive.
 */
export async function openAnswer(
  response: Response,
  info: ObjectInfo,
  { range, ifRange, ifMatch }: Requested,
): Promise<StoredObject> {
  try {
    if (ifMatch !== undefined && info.etag !== ifMatch)
      throw failure('precondition', 'the object has changed', info)
    if (response.status === 206) return part(response, info, range)
    return whole(response, info, ifRangeHolds(ifRange ?? null, info) ? range : undefined)
  } catch (error) {
    await discard(response)
    throw error
  }
}

function part(response: Response, info: ObjectInfo, requested: RangeRequest | undefined): StoredObject {
  const { headers, body } = response
  if (isDecoded(headers)) throw failure('unavailable', 'the origin sent a part of an encoded body', info)
  const sent = parseContentRange(headers.get('Content-Range'))
  const range = sent?.range
  if (!range || !requested || !isRequested(range, requested, sent.size))
    throw failure('unavailable', 'the origin sent another part than was requested', info)
  const length = range.end - range.start + 1
  const announced = contentLength(headers)
  if (announced !== undefined && announced !== length)
    throw failure('unavailable', 'the origin sent a part whose length is not that of its range', info)
  // The runtime checks a body against its Content-Length; without one we do.
  const exact = announced === undefined ? body?.pipeThrough(new FixedLengthStream(length)) : body
  return { ...info, range, body: exact ?? emptyBody() }
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

function whole(response: Response, info: ObjectInfo, requested: RangeRequest | undefined): StoredObject {
  if (response.headers.has('Content-Range'))
    throw failure('unavailable', 'the origin sent a part as if it were the whole', info)
  const body = response.body ?? emptyBody()
  if (!requested || info.size === undefined) return { ...info, body }
  const range = resolveRange(requested, info.size)
  if (range === 'unsatisfiable') throw failure('unsatisfiable', 'the range begins past the end', info)
  return { ...info, range, body: sliceBody(body, range) }
}

function failure(
  code: 'unavailable' | 'unsatisfiable' | 'precondition',
  message: string,
  { backend, name, size }: ObjectInfo,
): StorageError {
  return new StorageError(code, message, { backend, name, ...(size !== undefined && { size }) })
}

function emptyBody(): ReadableStream<Uint8Array> {
  return new Response(new Uint8Array(0)).body as ReadableStream<Uint8Array>
}
