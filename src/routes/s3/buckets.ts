import type { Identity } from '../../access/identity.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { document, element, parent } from '../../s3/xml.ts'
import type { S3Request } from './operations.ts'

/** Where a bucket is, for clients that ask: the same as R2's own S3 API says. */
const REGION = 'auto'
/** Some clients parse it, and the bucket has none: a constant. */
const CREATED = '2024-01-01T00:00:00.000Z'

export function xmlResponse(body: string, init: ResponseInit = {}): Response {
  const headers = new Headers(init.headers)
  headers.set('Content-Type', 'application/xml')
  return new Response(body, { ...init, headers })
}

export function listBuckets({ c, identity }: S3Request): Response {
  const { s3Bucket = '' } = c.get('deployment').config
  const bucket = parent('Bucket', element('Name', s3Bucket), element('CreationDate', CREATED))
  return xmlResponse(document('ListAllMyBucketsResult', ownerElement(identity) + parent('Buckets', bucket)))
}

/** Objects have no owners: whoever asks is the owner of all. */
export function ownerElement({ name }: Identity): string {
  return parent('Owner', element('ID', name), element('DisplayName', name))
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
  return xmlResponse(document('LocationConstraint', REGION))
}

export function versioning(): Response {
  return xmlResponse(document('VersioningConfiguration', ''))
}
