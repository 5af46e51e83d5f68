import { cancelBody } from '../../bodies/cancel.ts'
import { bytesBody } from '../../bodies/fixed-length.ts'
import { sliceBody } from '../../bodies/slice.ts'
import { parseContentRange, resolveRange } from '../../http/range.ts'
import type { GetOptions, ListOptions, ListPage, ReadOptions } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import type { ByteRange, ObjectInfo, RangeRequest, StoredObject } from '../../storage/object.ts'
import { mayBeMarker } from '../../storage/tombstone-marker.ts'
import { withSpareSlots } from '../../storage/invocation.ts'
import {
  type S3Failure,
  parseListDocument,
  provesAbsence,
  readDocument,
  readFailure,
  toS3Error,
} from './answers.ts'
import { infoOf } from './info.ts'
import { probeFolder } from './probe.ts'
import type { S3Client } from './request.ts'

export interface S3Reader {
  get(key: string, options?: GetOptions): Promise<StoredObject | null>
  head(key: string, options?: ReadOptions): Promise<ObjectInfo | null>
  /** Whether the server is one that compares If-Match of a PUT with unquoted ETags: known once it gave an object. */
  bareETags(): boolean | undefined
}

// AWS gives stored checksums only on request.
const CHECKSUMS = { 'x-amz-checksum-mode': 'ENABLED' }

export function createS3Reader(client: S3Client, absentStatuses: readonly number[]): S3Reader {
  const isAbsent = (failure: S3Failure): boolean => provesAbsence(failure, absentStatuses)
  let bucketSeen = false
  let bareETags: boolean | undefined
  const note = ({ headers }: Response): void => {
    bucketSeen = true
    // radosgw 16 takes the quotes for part of the tag, in PUT only.
    bareETags = headers.has('x-rgw-object-type')
  }

  async function head(key: string, { signal }: ReadOptions = {}): Promise<ObjectInfo | null> {
    const response = await client.send({
      method: 'HEAD',
      key,
      headers: CHECKSUMS,
      ...(signal && { signal }),
    })
    if (response.status === 200) {
      note(response)
      return infoOf(client.name, key, response.headers)
    }
    const failure = await readFailure(response, client.name)
    if (!isAbsent(failure)) throw toS3Error(failure, client.name, key)
    // An answer to HEAD has no body, which would distinguish a missing key from a missing bucket or wrong credentials.
    if (bucketSeen && failure.status !== 403) return null
    return confirmAbsence(key, signal)
  }

  async function confirmAbsence(key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null> {
    const object = await get(key, signal && { signal })
    if (!object) return null
    const { body, ...info } = object
    await cancelBody(body)
    return info
  }

  async function get(key: string, options: GetOptions = {}): Promise<StoredObject | null> {
    const { range, signal } = options
    if (range && 'suffix' in range && range.suffix === 0) return unsatisfiable(key, signal)
    const response = await client.send({
      method: 'GET',
      key,
      headers: readHeaders(options),
      ...(signal && { signal }),
    })
    if (response.status === 200 || response.status === 206) {
      note(response)
      return opened(client.name, key, response, range)
    }
    const failure = await readFailure(response, client.name)
    if (isAbsent(failure)) {
      bucketSeen ||= failure.document?.code === 'NoSuchKey'
      return null
    }
    if (failure.status === 416) return unsatisfiable(key, signal)
    if (failure.status === 412 && options.ifMatch !== undefined) return getCopy(key, options)
    throw toS3Error(failure, client.name, key)
  }

  /** The size is not in every 416 (radosgw), and a tombstone is empty: no range fits it, yet it has to be seen. */
  async function unsatisfiable(key: string, signal: AbortSignal | undefined): Promise<StoredObject | null> {
    const info = await head(key, signal && { signal })
    if (!info) return null
    if (info.deleted) return { ...info, body: bytesBody(new Uint8Array()) }
    throw new StorageError('unsatisfiable', 'the range begins past the end', {
      backend: client.name,
      name: key,
      status: 416,
      ...(info.size !== undefined && { size: info.size }),
    })
  }

  /** A copy has its source's ETag, which the server does not know as the object's own. */
  async function getCopy(key: string, options: GetOptions): Promise<StoredObject | null> {
    const info = await head(key, options.signal && { signal: options.signal })
    if (!info) return null
    if (info.etag !== options.ifMatch || info.version === undefined || info.version === options.ifMatch)
      throw new StorageError('precondition', 'the object has changed', {
        backend: client.name,
        name: key,
        status: 412,
      })
    return get(key, { ...options, ifMatch: info.version })
  }

  return { get, head, bareETags: () => bareETags }
}

function readHeaders({ range, ifMatch }: GetOptions): Record<string, string> {
  return {
    ...(range ? { Range: `bytes=${rangeSpec(range)}` } : CHECKSUMS),
    ...(ifMatch !== undefined && { 'If-Match': ifMatch }),
  }
}

function rangeSpec(range: RangeRequest): string {
  if ('suffix' in range) return `-${range.suffix}`
  return `${range.offset}-${range.length === undefined ? '' : range.offset + range.length - 1}`
}

async function opened(
  backend: string,
  name: string,
  response: Response,
  requested: RangeRequest | undefined,
): Promise<StoredObject> {
  const info = infoOf(backend, name, response.headers)
  const body = response.body ?? bytesBody(new Uint8Array())
  if (response.status === 206) {
    const part = parseContentRange(response.headers.get('Content-Range'))
    const expected =
      requested && part?.size !== undefined ? resolveRange(requested, part.size) : 'unsatisfiable'
    if (expected !== 'unsatisfiable' && isSame(expected, part?.range))
      return { ...info, range: expected, body }
    await cancelBody(body)
    throw new StorageError('unavailable', 'S3 sent another part of the object than was requested', {
      backend,
      name,
      status: 206,
    })
  }
  if (!requested || info.deleted) return { ...info, body }
  return sliced({ ...info, body }, requested)
}

/** The server ignored the range: the part is cut out of the whole. */
async function sliced(object: StoredObject, requested: RangeRequest): Promise<StoredObject> {
  const { size, backend, name } = object
  const range = size === undefined ? 'unsatisfiable' : resolveRange(requested, size)
  if (range !== 'unsatisfiable') return { ...object, range, body: sliceBody(object.body, range) }
  await cancelBody(object.body)
  if (size === undefined)
    throw new StorageError('unavailable', 'S3 ignored the range and gave no length', { backend, name })
  throw new StorageError('unsatisfiable', 'the range begins past the end', { backend, name, size })
}

function isSame(expected: ByteRange, got: ByteRange | undefined): boolean {
  return expected.start === got?.start && expected.end === got.end
}

interface Listing {
  /** What begins the keys of the backend's own objects. */
  ownPrefix: string
  /** Where given, it checks the entries that may be tombstones. */
  reader: Pick<S3Reader, 'head'> | undefined
}

/** One page of ListObjectsV2, without the backend's own objects. */
export async function listS3(
  client: S3Client,
  options: ListOptions,
  { ownPrefix, reader }: Listing,
): Promise<ListPage> {
  const { signal } = options
  const response = await client.send({
    method: 'GET',
    query: listQuery(options),
    ...(signal && { signal }),
  })
  if (!response.ok) throw toS3Error(await readFailure(response, client.name), client.name)
  const { entries, directories, truncated, nextToken } = await readDocument(
    response,
    client.name,
    parseListDocument,
  )
  // Going on without a fresh token would repeat names for ever; stopping would lose some.
  if (truncated && (nextToken === undefined || nextToken === options.cursor))
    throw new StorageError('unavailable', 'S3 truncated the listing without a new continuation token', {
      backend: client.name,
    })
  const objects = entries
    .filter(({ key }) => !key.startsWith(probeFolder(ownPrefix)))
    .map(({ key, ...entry }) => ({ name: key, backend: client.name, ...entry }))
  return {
    objects: reader ? await markTombstones(objects, reader, signal) : objects,
    // Nothing below it can be listed or requested.
    directories: directories.filter((directory) => !directory.startsWith(ownPrefix)),
    ...(truncated && nextToken !== undefined && { cursor: nextToken }),
  }
}

function listQuery({ prefix, delimiter, limit, after, cursor }: ListOptions): Record<string, string> {
  return {
    'list-type': '2',
    // XML 1.0 has no way to write control characters, and keys may hold them.
    'encoding-type': 'url',
    'max-keys': `${limit ?? 1000}`,
    ...(prefix && { prefix }),
    ...(delimiter && { delimiter }),
    ...(cursor === undefined ? after && { 'start-after': after } : { 'continuation-token': cursor }),
  }
}

/** A listing holds no metadata, but only an object of a certain size can be a tombstone. */
async function markTombstones(
  objects: ObjectInfo[],
  reader: Pick<S3Reader, 'head'>,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo[]> {
  const candidates = objects.filter(({ size }) => mayBeMarker(size)).values()
  const markers = new Map<string, ObjectInfo>()
  await withSpareSlots(async () => {
    for (const { name } of candidates) {
      const found = await reader.head(name, signal && { signal })
      if (found?.deleted) markers.set(name, found)
    }
  })
  return objects.map((object) => {
    const { deleted, lifted } = markers.get(object.name) ?? {}
    return deleted ? { ...object, deleted, ...(lifted && { lifted }) } : object
  })
}
