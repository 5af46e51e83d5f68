import { refuseBody } from '../../bodies/cancel.ts'
import { bytesBody } from '../../bodies/fixed-length.ts'
import { resolveRange } from '../../http/range.ts'
import type { Backend, GetOptions, ListOptions, ListPage } from '../../storage/backend.ts'
import { isLongerThan, MAX_NAME_BYTES } from '../../storage/name.ts'
import type { RangeRequest, StoredObject } from '../../storage/object.ts'
import { compareNames } from '../../storage/order.ts'
import { changed, unsatisfiable } from '../ranges.ts'
import { writeAgain } from '../../storage/write-again.ts'
import { fromR2Error, isTooManyWrites, mayBeRange, retryOnce } from './errors.ts'
import { infoOf } from './info.ts'
import { createR2Upload, putR2, r2Upload } from './write.ts'

export interface R2Options {
  /** The bucket's own name, for `path`; the binding does not reveal it. */
  bucketName?: string
}

/** 5 GiB − 5 MiB, for one put as for one part (developers.cloudflare.com/r2/platform/limits). */
const MAX_PUT_SIZE = 5 * 1024 ** 3 - 5 * 1024 ** 2

/** An R2 bucket behind a binding. A get is one R2 operation, ranged or not. */
export function r2Backend(name: string, bucket: R2Bucket, { bucketName = name }: R2Options = {}): Backend {
  const failed = (error: unknown) => Promise.reject(fromR2Error(error, name))

  return {
    name,
    type: 'r2',
    listsAfter: true,
    maxPutSize: MAX_PUT_SIZE,
    accepts: (key) => !isLongerThan(MAX_NAME_BYTES, key),
    get: (key, options = {}) => get(name, bucket, { ...options, key }).catch(failed),
    async head(key, { signal } = {}) {
      signal?.throwIfAborted()
      const found = await retryOnce(() => bucket.head(key)).catch(failed)
      return found && infoOf(found, name)
    },
    put: (key, body, options = {}) => putR2(name, bucket, { ...options, key, body }).catch(failed),
    delete: (key) => writeAgain(() => bucket.delete(key), isTooManyWrites).catch(failed),
    createMultipartUpload: (key, options = {}) => createR2Upload(name, bucket, { key, ...options }),
    resumeMultipartUpload: (key, id) => r2Upload(name, bucket, { key, id }),
    list: (options = {}) => list(name, bucket, options).catch(failed),
    path: (key) => `r2://${bucketName}/${key}`,
  }
}

async function get(
  backend: string,
  bucket: R2Bucket,
  { key, range, ifMatch, ifNoneMatch, signal }: GetOptions & { key: string },
): Promise<StoredObject | null> {
  signal?.throwIfAborted()
  if (ifNoneMatch !== undefined && !range && ifMatch === undefined) {
    const known = await getUnlessKnown(bucket, key, ifNoneMatch)
    if (known === null) return null
    const info = infoOf(known, backend, key)
    if ('body' in known) return Object.assign(info, { body: known.body as R2ObjectBody['body'] })
    // A copy keeps its source's ETag, which R2 does not compare.
    if (info.etag === ifNoneMatch) return Object.assign(info, { body: bytesBody(new Uint8Array()) })
  }
  let found: R2ObjectBody | null
  try {
    found = await retryOnce(() => bucket.get(key, range && { range }))
  } catch (error) {
    if (!range || !mayBeRange(error)) throw error
    return afterRefusedRange(backend, bucket, { key, range, error })
  }
  if (!found) return null
  const object: StoredObject = Object.assign(infoOf(found, backend, key), { body: found.body })
  if (ifMatch !== undefined && object.etag !== ifMatch) return refuseBody(object.body, changed(backend))
  if (!range || object.deleted) return object
  const resolved = resolveRange(range, found.size)
  if (resolved !== 'unsatisfiable') return { ...object, range: resolved }
  return refuseBody(object.body, unsatisfiable(backend, found.size))
}

/** One operation, which opens no body if the object still has that tag. */
function getUnlessKnown(bucket: R2Bucket, key: string, tag: string): Promise<R2ObjectBody | R2Object | null> {
  return retryOnce(() => bucket.get(key, { onlyIf: { etagDoesNotMatch: tag.slice(1, -1) } }))
}

/** R2 refuses a range without saying the size, and refuses every range of a tombstone, which may be empty. */
async function afterRefusedRange(
  backend: string,
  bucket: R2Bucket,
  { key, range, error }: { key: string; range: RangeRequest; error: unknown },
): Promise<StoredObject | null> {
  const found = await retryOnce(() => bucket.head(key))
  if (!found) return null
  const info = infoOf(found, backend)
  if (info.deleted) return { ...info, body: bytesBody(new Uint8Array()) }
  throw resolveRange(range, found.size) === 'unsatisfiable' ? unsatisfiable(backend, found.size, info) : error
}

async function list(backend: string, bucket: R2Bucket, options: ListOptions): Promise<ListPage> {
  const { prefix, delimiter, limit, after, cursor, signal } = options
  signal?.throwIfAborted()
  const page = await retryOnce(() =>
    bucket.list({
      // Otherwise entries have no metadata: no content type, no ETag of a copy's source, no tombstones.
      include: ['httpMetadata', 'customMetadata'],
      ...(prefix !== undefined && { prefix }),
      ...(delimiter && { delimiter }),
      ...(limit !== undefined && { limit }),
      ...(cursor === undefined ? after !== undefined && { startAfter: after } : { cursor }),
    }),
  )
  return {
    objects: page.objects.map((object) => infoOf(object, backend)),
    directories: page.delimitedPrefixes.toSorted(compareNames),
    ...(page.truncated && { cursor: page.cursor }),
  }
}
