import { S3ApiError } from '../../s3/errors.ts'
import { xmlResponse } from './buckets.ts'
import type { S3Request } from './request.ts'

/** Objects have no tags. `aws s3 cp` reads them before it copies a large object, and fails on anything but a list. */
export async function getObjectTagging({ c, key }: S3Request): Promise<Response> {
  const found = await c.get('deployment').chain.head(key)
  if (!found) throw new S3ApiError('NoSuchKey', 'the key does not exist')
  return xmlResponse('Tagging', { TagSet: '' })
}
