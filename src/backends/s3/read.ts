import { cancelBody, refuseBody } from '../../bodies/cancel.ts'
import { bytesBody } from '../../bodies/fixed-length.ts'
import type { GetOptions, ReadOptions } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import type { ObjectInfo, StoredObject } from '../../storage/object.ts'
import { tooLongDescription } from '../description.ts'
import { changed, openResponse, rangeHeader, unsatisfiable } from '../ranges.ts'
import { S3Error, provesAbsence, readFailure } from './errors.ts'
import { infoOf } from './info.ts'
import type { S3Client, S3Request } from './request.ts'

export interface S3Reader {
  get(key: string, options?: GetOptions): Promise<StoredObject | null>
  head(key: string, options?: ReadOptions): Promise<ObjectInfo | null>
  /** Whether the server compares the If-Match of a PUT with unquoted ETags; known once it returned an object. */
  bareETags(): boolean | undefined
}

// AWS only sends stored checksums on request.
const CHECKSUMS = { 'x-amz-checksum-mode': 'ENABLED' }

export function createS3Reader(client: S3Client, absentStatuses: readonly number[]): S3Reader {
  let bucketSeen = false
  let bareETags: boolean | undefined

  async function read(request: S3Request): Promise<Response> {
    const response = await client.send(request)
    if (response.status !== 200 && response.status !== 206) throw await readFailure(response, client.name)
    const tooLong = tooLongDescription(response, { backend: client.name, server: 'S3' })
    if (tooLong) return refuseBody(response.body, tooLong)
    bucketSeen = true
    // radosgw 16 treats the quotes as part of the tag, in PUT only.
    bareETags = response.headers.has('x-rgw-object-type')
    return response
  }

  async function head(key: string, { signal }: ReadOptions = {}): Promise<ObjectInfo | null> {
    try {
      const { headers } = await read({ method: 'HEAD', key, headers: CHECKSUMS, signal })
      return infoOf(client.name, key, headers)
    } catch (error) {
      if (!(error instanceof S3Error)) throw error
      const isAbsent = provesAbsence(error, absentStatuses)
      // A response to HEAD has no body that would tell a missing key from a missing bucket or wrong credentials, or what is
      // wrong with the request: it may be the key.
      if (isAbsent && bucketSeen && error.status !== 403) return null
      if (!isAbsent && error.status !== 400) throw error
    }
    const object = await get(key, { signal })
    if (!object) return null
    const { body, ...info } = object
    await cancelBody(body)
    return info
  }

  async function get(key: string, options: GetOptions = {}): Promise<StoredObject | null> {
    const { range, ifMatch, signal } = options
    if (range && 'suffix' in range && range.suffix === 0) return refuseRange(key, signal)
    const headers = {
      ...(range ? { Range: rangeHeader(range) } : CHECKSUMS),
      ...(ifMatch !== undefined && { 'If-Match': ifMatch }),
    }
    let response: Response
    try {
      response = await read({ method: 'GET', key, headers, signal })
    } catch (error) {
      if (!(error instanceof S3Error)) throw error
      if (provesAbsence(error, absentStatuses)) {
        bucketSeen ||= error.s3Code === 'NoSuchKey'
        return null
      }
      if (error.status === 416) return refuseRange(key, signal)
      if (error.status === 412 && ifMatch !== undefined) return getCopy(key, options)
      throw error
    }
    const info = infoOf(client.name, key, response.headers)
    if (!range || info.size !== undefined) return openResponse(response, info, range)
    const { status } = response
    const message = 'S3 did not say how large the object is'
    return refuseBody(
      response.body,
      new StorageError('unavailable', message, { backend: client.name, status }),
    )
  }

  /** Not every 416 has the size (radosgw). An empty tombstone satisfies no range, but must be recognised. */
  async function refuseRange(key: string, signal: AbortSignal | undefined): Promise<StoredObject | null> {
    const info = await head(key, { signal })
    if (info && !info.deleted) throw unsatisfiable(client.name, info.size, info)
    return info && { ...info, body: bytesBody(new Uint8Array()) }
  }

  /** A copy has its source's ETag, which the server does not know. */
  async function getCopy(key: string, options: GetOptions): Promise<StoredObject | null> {
    const info = await head(key, { signal: options.signal })
    if (!info) return null
    const { etag, version } = info
    if (etag !== options.ifMatch || version === undefined || version === etag) throw changed(client.name)
    return get(key, { ...options, ifMatch: version })
  }

  return { get, head, bareETags: () => bareETags }
}
