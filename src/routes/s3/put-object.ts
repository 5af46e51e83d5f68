import { putObject as storeObject } from '../../methods/put-object.ts'
import { ownEncoding } from '../../s3/content-encoding.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { openBody } from '../../s3/payload.ts'
import type { Representation } from '../../storage/object.ts'
import { finishAndPurge } from '../edge-cache.ts'
import { describeUpload as describe } from '../media.ts'
import { withS3Tag, writeCondition } from './object-tag.ts'
import type { S3Request } from './request.ts'

export async function putObject({ c, request, payload, key }: S3Request): Promise<Response> {
  const { chain, config } = c.get('deployment')
  const info = describeUpload(request, key)
  const { body, size, digests } = await openBody(request, payload)
  const allows = writeCondition(chain, request)
  const put = storeObject(chain, key, body, {
    info,
    size,
    digests,
    allows,
    maxBytes: config.maxUploadBytes,
  })
  const { info: stored } = await finishAndPurge(c, [key], put)
  c.set('answered', { backend: stored.backend })
  const { etag } = withS3Tag(chain, stored)
  return new Response(null, { headers: etag === undefined ? {} : { ETag: etag } })
}

/** Without what they mean, the object would be replaced, unencrypted or unprotected. */
const UNSUPPORTED = [
  'x-amz-object-lock-legal-hold',
  'x-amz-object-lock-mode',
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-write-offset-bytes',
]

/** What the headers of an upload say about the object; `aws-chunked` only says how the body is sent. */
export function describeUpload({ headers }: Request, name: string): Representation {
  const unsupported = UNSUPPORTED.find((header) => headers.has(header))
  if (unsupported !== undefined) throw new S3ApiError('NotImplemented', `${unsupported} is not supported`)
  const { contentEncoding, ...representation } = describe(headers, name)
  const own = ownEncoding(contentEncoding)
  return own === undefined ? representation : { ...representation, contentEncoding: own }
}
