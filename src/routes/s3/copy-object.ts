import type { Validators } from '../../http/conditional.ts'
import { putCopy } from '../../migration/put-copy.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { StorageError } from '../../storage/errors.ts'
import { type ObjectInfo, type Representation, representationOf } from '../../storage/object.ts'
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
  // It refuses what the copy would not have, whatever the directive.
  const described = describeUpload(request, key)
  const replacement = replacesMetadata(request.headers) ? described : undefined
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
  name: string,
  replacement: Representation | undefined,
): Promise<ObjectInfo> {
  const object = await openSource(s3, name)
  const { c, key, request } = s3
  const { chain } = c.get('deployment')
  const info = replacement ?? representationOf(object)
  const allows = writeCondition(chain, request)
  try {
    return await putCopy(chain, key, { source: chain, object, info, allows })
  } catch (error) {
    throw failureOfSource(error, object)
  }
}
