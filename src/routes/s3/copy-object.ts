import { cancelBody } from '../../bodies/cancel.ts'
import { writerFor } from '../../chain/placement.ts'
import type { Validators } from '../../http/conditional.ts'
import { putObject, replace } from '../../methods/put-object.ts'
import { copyInParts } from '../../migration/copy-parts.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { StorageError } from '../../storage/errors.ts'
import {
  type ObjectInfo,
  type Representation,
  representationOf,
  type StoredObject,
} from '../../storage/object.ts'
import { writeAgain } from '../../storage/write-again.ts'
import { finishAndPurge } from '../edge-cache.ts'
import { xmlResponse } from './buckets.ts'
import { failureOfSource, openSource, sourceName } from './copy-source.ts'
import type { S3Request } from './request.ts'
import { withS3Tag, writeCondition } from './object-tag.ts'
import { describeUpload } from './put-object.ts'

/** Reads the source through the chain and stores it in the primary, so what only a fallback has is copied as well. */
export async function copyObject(s3: S3Request): Promise<Response> {
  const { c, key, request } = s3
  const source = sourceName(s3)
  const replacement = replacesMetadata(request.headers) ? describeUpload(request, key) : undefined
  if (source === key && !replacement)
    throw new S3ApiError(
      'InvalidRequest',
      'an object can only be copied to itself with new metadata (x-amz-metadata-directive: REPLACE)',
    )
  // The source can be read again for each try.
  const copy = writeAgain(() => copyOnce(s3, source, replacement), isTooSoon)
  const info = await finishAndPurge(c, [key], copy)
  c.set('answered', { backend: info.backend })
  return copyResult('CopyObjectResult', withS3Tag(c.get('deployment').chain, info))
}

export function copyResult(root: string, { etag = '', modified = new Date() }: Validators): Response {
  return xmlResponse(root, { LastModified: modified.toISOString(), ETag: etag })
}

function replacesMetadata(headers: Headers): boolean {
  const directive = headers.get('x-amz-metadata-directive') ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE')
    throw new S3ApiError('InvalidArgument', 'x-amz-metadata-directive must be COPY or REPLACE')
  return directive === 'REPLACE'
}

function isTooSoon(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'too-many-writes'
}

async function copyOnce(
  s3: S3Request,
  source: string,
  replacement: Representation | undefined,
): Promise<ObjectInfo> {
  const object = await openSource(s3, source)
  try {
    return await storeSource(s3, object, replacement)
  } catch (error) {
    throw failureOfSource(error, object)
  }
}

async function storeSource(
  { c, key, request }: S3Request,
  object: StoredObject,
  replacement: Representation | undefined,
): Promise<ObjectInfo> {
  const { chain } = c.get('deployment')
  const { size, digests } = object
  const info = replacement ?? representationOf(object)
  const allows = writeCondition(chain, request)
  const target = writerFor(chain, key, size)
  if (target && size !== undefined && size > (target.maxPutSize ?? Infinity)) {
    await cancelBody(object.body)
    const held = await target.head(key, { lastResort: true })
    return replace(chain, key, { target, held, allows }, (onlyIf) =>
      copyInParts(chain, target, { ...object, size }, { copyName: key, info, onlyIf }),
    )
  }
  const { info: stored } = await putObject(chain, key, object.body, {
    size,
    info,
    digests,
    allows,
  })
  return stored
}
