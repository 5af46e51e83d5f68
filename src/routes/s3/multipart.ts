import { deriveKey } from '../../access/derive-key.ts'
import { cancelBody, refuseBody } from '../../bodies/cancel.ts'
import { partsWriterFor, writersFor } from '../../chain/placement.ts'
import { clearBefore, replace } from '../../methods/put-object.ts'
import type { Body } from '../../methods/upload.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { checkParts, parsePartNumber, parseParts, partETag } from '../../s3/parts.ts'
import { openBody, withoutChecksums, withXmlBody } from '../../s3/payload.ts'
import { openUploadId, sealUploadId, type UploadBinding } from '../../s3/upload-id.ts'
import {
  type MultipartUpload,
  type PartsBackend,
  sizeOfParts,
  type UploadedPart,
} from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { bodyLength, type Digests, type ObjectInfo } from '../../storage/object.ts'
import { finishAndPurge } from '../edge-cache.ts'
import { finish } from '../finish.ts'
import { xmlResponse } from './buckets.ts'
import { copyResult } from './copy-object.ts'
import { failureOfSource, openSource, sourceName } from './copy-source.ts'
import type { S3Request } from './request.ts'
import { withS3Tag, writeCondition } from './object-tag.ts'
import { describeUpload } from './put-object.ts'

/** 10,000 parts with tags as long as those of R2, and checksums. */
const MAX_COMPLETION_BYTES = 5 * 1024 * 1024
const MARK_BYTES = 12

export async function createMultipartUpload(s3: S3Request): Promise<Response> {
  const { c, bucket, key, request } = s3
  const { chain } = c.get('deployment')
  const target = partsWriterFor(chain, key)
  if (!target) {
    const [{ name }] = writersFor(chain, key)
    throw new S3ApiError(
      'NotImplemented',
      `"${name}" stores no multipart uploads: let the client send objects in one PUT (multipart_threshold or its like), or put an R2 or S3 backend before it`,
    )
  }
  const mark = crypto.getRandomValues(new Uint8Array(MARK_BYTES)).toHex()
  const info = { ...describeUpload(request, key), upload: mark }
  const { id } = await finish(target.createMultipartUpload(key, { info }))
  const uploadId = await sealUploadId({ backend: target.name, id, mark }, await bindingOf(s3))
  c.set('answered', { backend: target.name })
  return xmlResponse('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: uploadId })
}

export async function uploadPart(s3: S3Request): Promise<Response> {
  const { request, payload } = s3
  const { body, size, digests } = await openBody(request, payload)
  const part = await storePart(s3, { body, size, digests })
  return new Response(null, { headers: { ETag: partETag(part) } })
}

/** Reads the source through the chain: what only a fallback has becomes a part in the primary. */
export async function uploadPartCopy(s3: S3Request): Promise<Response> {
  const range = parseRange(s3.request.headers.get('x-amz-copy-source-range'))
  const source = await openSource(s3, sourceName(s3), range && { offset: range.start, length: range.length })
  const { body, size } = source
  const length = bodyLength(source)
  if (length === undefined)
    return refuseBody(
      body,
      new S3ApiError('NotImplemented', 'the source has no known size: copy it with CopyObject'),
    )
  if (range && length !== range.length)
    return refuseBody(body, new S3ApiError('InvalidArgument', `the source has only ${size} bytes`))
  const part = await storePart(s3, { body, size: length }).catch((error: unknown) => {
    throw failureOfSource(error, source)
  })
  return copyResult('CopyPartResult', { etag: partETag(part) })
}

async function storePart(
  s3: S3Request,
  { body, size, digests }: { body: Body; size: number; digests?: Digests },
): Promise<UploadedPart> {
  const { c, query } = s3
  const { maxUploadBytes = Infinity } = c.get('deployment').config
  try {
    const number = parsePartNumber(query.get('partNumber'))
    const { target, upload } = await openUpload(s3)
    c.set('answered', { backend: target.name })
    checkSize(size, Math.min(maxUploadBytes, target.maxPutSize ?? Infinity))
    // Passed through, so parts that are sent at the same time take no memory.
    return await finish(upload.uploadPart(number, body, size, digests))
  } catch (error) {
    await cancelBody(body, error)
    throw isGone(error) ? noSuchUpload(error) : error
  }
}

export async function completeMultipartUpload(s3: S3Request): Promise<Response> {
  const opened = await openUpload(s3)
  return finish(
    withXmlBody(withoutChecksums(s3.request), s3.payload, {
      maxBytes: MAX_COMPLETION_BYTES,
      use: (root) => completeWith(s3, opened, parseParts(root)),
    }),
  )
}

async function completeWith(s3: S3Request, opened: OpenUpload, parts: UploadedPart[]): Promise<Response> {
  const { c, request, bucket, key } = s3
  const { chain, config } = c.get('deployment')
  checkParts(parts, { areEqual: opened.target.type === 'r2' })
  const size = sizeOfParts(parts)
  checkSize(size, config.maxUploadBytes ?? Infinity)
  const expected = request.headers.get('x-amz-mp-object-size') ?? size
  if (Number(expected) !== size)
    throw new S3ApiError(
      'InvalidRequest',
      `the parts have ${size} bytes, and x-amz-mp-object-size says ${expected}`,
    )
  const info = await finishAndPurge(c, [key], complete(s3, opened, parts))
  c.set('answered', { backend: info.backend })
  const [location = ''] = request.url.split('?')
  const { etag = '' } = withS3Tag(chain, info)
  return xmlResponse('CompleteMultipartUploadResult', {
    Location: location,
    Bucket: bucket,
    Key: key,
    ETag: etag,
  })
}

/**
 * Joins the parts under the conditions of the request. S3 servers receive them too; R2 completes unconditionally, so it is
 * looked up right before. If the upload has already become the object, that is the result: clients repeat a request whose
 * answer was lost.
 */
async function complete(
  { c, key, request }: S3Request,
  { target, upload, mark }: OpenUpload,
  parts: UploadedPart[],
): Promise<ObjectInfo> {
  const { chain } = c.get('deployment')
  const held = await target.head(key, { lastResort: true })
  if (held?.upload === mark) {
    // The first try may have failed before that, and something newer may have been stored since.
    const isOlder = ({ deleted, modified }: ObjectInfo): boolean =>
      (deleted ?? modified ?? 0) <= (held.modified ?? 0)
    await clearBefore(chain, key, target, isOlder)
    return held
  }
  return replace(chain, key, { target, held, allows: writeCondition(chain, request) }, async (onlyIf) => {
    try {
      return await upload.complete(parts, onlyIf && { onlyIf })
    } catch (error) {
      if (error instanceof StorageError && error.code === 'invalid')
        throw new S3ApiError('InvalidPart', error.message, { cause: error })
      if (!isGone(error)) throw error
      const now = await target.head(key)
      if (now?.upload !== mark) throw noSuchUpload(error)
      return now
    }
  })
}

/** 204 also if the upload is already gone. */
export async function abortMultipartUpload(s3: S3Request): Promise<Response> {
  const { upload } = await openUpload(s3)
  await finish(upload.abort())
  return new Response(null, { status: 204 })
}

/** Always empty, since uploads are not listed: clients that find one would resume it with ListParts. */
export function listMultipartUploads({ bucket }: S3Request): Response {
  return xmlResponse('ListMultipartUploadsResult', {
    Bucket: bucket,
    KeyMarker: '',
    UploadIdMarker: '',
    MaxUploads: 1000,
    IsTruncated: false,
  })
}

interface OpenUpload {
  target: PartsBackend
  upload: MultipartUpload
  mark: string
}

/** The upload that the request names. It goes on only where another would begin now: a mirror or a fallback takes no writes. */
async function openUpload(s3: S3Request): Promise<OpenUpload> {
  const { c, key, query } = s3
  const { chain } = c.get('deployment')
  const sealed = await openUploadId(query.get('uploadId') ?? '', await bindingOf(s3))
  const target = partsWriterFor(chain, key)
  if (!sealed || target?.name !== sealed.backend) throw noSuchUpload()
  return { target, upload: target.resumeMultipartUpload(key, sealed.id), mark: sealed.mark }
}

async function bindingOf({ c, bucket, key: name }: S3Request): Promise<UploadBinding> {
  const secrets = c.get('deployment').config.s3Keys.map(({ secret }) => secret)
  return { key: await deriveKey(secrets, 'S3 upload ids'), bucket, name }
}

function checkSize(size: number, limit: number): void {
  if (size > limit)
    throw new S3ApiError('EntityTooLarge', `${size} bytes are more than the limit of ${limit}`)
}

function isGone(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'precondition'
}

function noSuchUpload(cause?: unknown): S3ApiError {
  const why = 'there is no such upload of this object: it was completed or aborted, or its id is wrong'
  return new S3ApiError('NoSuchUpload', why, { cause })
}

function parseRange(header: string | null): { start: number; length: number } | undefined {
  if (header === null) return undefined
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? []
  const length = Number(end) - Number(start) + 1
  if (!(length > 0))
    throw new S3ApiError('InvalidArgument', 'x-amz-copy-source-range must be bytes=first-last')
  return { start: Number(start), length }
}
