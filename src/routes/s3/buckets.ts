import type { Identity } from '../../access/identity.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { type Content, document, type Elements } from '../../s3/xml.ts'
import type { S3Request } from './request.ts'

/** Where a bucket is, for clients that ask: the same as R2's own S3 API says. */
const REGION = 'auto'
/** Some clients parse it, and the bucket has none: a constant. */
const CREATED = '2024-01-01T00:00:00.000Z'

/** A document as the answer. */
export function xmlResponse(root: string, content: Content, headers: Record<string, string> = {}): Response {
  return new Response(document(root, content), { headers: { 'Content-Type': 'application/xml', ...headers } })
}

export function listBuckets({ c, identity }: S3Request): Response {
  const { s3Bucket = '' } = c.get('deployment').config
  return xmlResponse('ListAllMyBucketsResult', {
    Owner: owner(identity),
    Buckets: { Bucket: { Name: s3Bucket, CreationDate: CREATED } },
  })
}

/** Objects have no owners: whoever asks is the owner of all. */
export function owner({ name }: Identity): Elements {
  return { ID: name, DisplayName: name }
}

export function headBucket(): Response {
  return new Response(null, { headers: { 'x-amz-bucket-region': REGION } })
}

/** Clients like rclone create the bucket before they upload, and accept this error. */
export function createBucket(): Response {
  throw new S3ApiError('BucketAlreadyOwnedByYou', 'the bucket exists already, and is yours')
}

export function deleteBucket(): Response {
  throw new S3ApiError('MethodNotAllowed', 'the bucket cannot be deleted: remove S3_BUCKET instead')
}

export function location(): Response {
  return xmlResponse('LocationConstraint', REGION)
}

export function versioning(): Response {
  return xmlResponse('VersioningConfiguration', '')
}
