import type { Context } from 'hono'
import type { Identity } from '../../access/identity.ts'
import type { Verified } from '../../s3/verify.ts'
import { S3ApiError, type S3Code } from '../../s3/errors.ts'
import type { Scope } from '../../schemas/routes.ts'
import type { AppEnv } from '../context.ts'
import { copyObject } from './copy-object.ts'
import { createBucket, deleteBucket, headBucket, listBuckets, location, versioning } from './buckets.ts'
import { getObjectTagging } from './tagging.ts'
import { deleteObject, deleteObjects } from './delete-objects.ts'
import { getObject } from './get-object.ts'
import { listObjects, listObjectsV2 } from './list-objects.ts'
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  uploadPart,
  uploadPartCopy,
} from './multipart.ts'
import { putObject } from './put-object.ts'

/** A request of an S3 client whose signature holds, and whose key has the operation's scope. */
export interface S3Request {
  c: Context<AppEnv>
  request: Request
  identity: Identity
  /** How the body was signed and is framed. */
  payload: Verified['payload']
  bucket: string
  /** The object's name; empty for operations on buckets. Within the key's prefix. */
  key: string
  /** The query, decoded. */
  query: ReadonlyMap<string, string>
}

export interface Operation {
  name: string
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  on: 'service' | 'bucket' | 'object'
  /** The sub-resources that the query names, exactly. */
  query?: readonly string[]
  /** Whether it needs `x-amz-copy-source`; default: must not have it. */
  copies?: boolean
  scope: Extract<Scope, 'read' | 'write'>
  handle: (request: S3Request) => Response | Promise<Response>
}

export const OPERATIONS: readonly Operation[] = [
  { name: 'ListBuckets', method: 'GET', on: 'service', scope: 'read', handle: listBuckets },
  { name: 'HeadBucket', method: 'HEAD', on: 'bucket', scope: 'read', handle: headBucket },
  { name: 'CreateBucket', method: 'PUT', on: 'bucket', scope: 'read', handle: createBucket },
  { name: 'DeleteBucket', method: 'DELETE', on: 'bucket', scope: 'write', handle: deleteBucket },
  {
    name: 'GetBucketLocation',
    method: 'GET',
    on: 'bucket',
    query: ['location'],
    scope: 'read',
    handle: location,
  },
  {
    name: 'GetBucketVersioning',
    method: 'GET',
    on: 'bucket',
    query: ['versioning'],
    scope: 'read',
    handle: versioning,
  },
  { name: 'ListObjects', method: 'GET', on: 'bucket', scope: 'read', handle: listObjects },
  {
    name: 'ListObjectsV2',
    method: 'GET',
    on: 'bucket',
    query: ['list-type'],
    scope: 'read',
    handle: listObjectsV2,
  },
  {
    name: 'ListMultipartUploads',
    method: 'GET',
    on: 'bucket',
    query: ['uploads'],
    scope: 'read',
    handle: listMultipartUploads,
  },
  {
    name: 'DeleteObjects',
    method: 'POST',
    on: 'bucket',
    query: ['delete'],
    scope: 'write',
    handle: deleteObjects,
  },
  { name: 'GetObject', method: 'GET', on: 'object', scope: 'read', handle: getObject },
  { name: 'HeadObject', method: 'HEAD', on: 'object', scope: 'read', handle: getObject },
  { name: 'PutObject', method: 'PUT', on: 'object', scope: 'write', handle: putObject },
  { name: 'CopyObject', method: 'PUT', on: 'object', copies: true, scope: 'write', handle: copyObject },
  { name: 'DeleteObject', method: 'DELETE', on: 'object', scope: 'write', handle: deleteObject },
  {
    name: 'GetObjectTagging',
    method: 'GET',
    on: 'object',
    query: ['tagging'],
    scope: 'read',
    handle: getObjectTagging,
  },
  {
    name: 'CreateMultipartUpload',
    method: 'POST',
    on: 'object',
    query: ['uploads'],
    scope: 'write',
    handle: createMultipartUpload,
  },
  {
    name: 'UploadPart',
    method: 'PUT',
    on: 'object',
    query: ['partNumber', 'uploadId'],
    scope: 'write',
    handle: uploadPart,
  },
  {
    name: 'UploadPartCopy',
    method: 'PUT',
    on: 'object',
    query: ['partNumber', 'uploadId'],
    copies: true,
    scope: 'write',
    handle: uploadPartCopy,
  },
  {
    name: 'CompleteMultipartUpload',
    method: 'POST',
    on: 'object',
    query: ['uploadId'],
    scope: 'write',
    handle: completeMultipartUpload,
  },
  {
    name: 'AbortMultipartUpload',
    method: 'DELETE',
    on: 'object',
    query: ['uploadId'],
    scope: 'write',
    handle: abortMultipartUpload,
  },
]

/**
 * Query parameters that select an operation (docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html).
 * One that no operation above has must not be passed over: `PUT key?acl` would replace the object.
 */
const SUBRESOURCES = new Set([
  'abac',
  'accelerate',
  'acl',
  'analytics',
  // Of Ceph.
  'append',
  'attributes',
  'cors',
  'delete',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'list-type',
  'location',
  'logging',
  'metadataConfiguration',
  'metadataInventoryTable',
  'metadataJournalTable',
  'metadataTable',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'partNumber',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'rename',
  'renameObject',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'select-type',
  'session',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
  'website',
])

/** AWS's answer where nothing is configured; some clients fail on anything else. */
const NOT_CONFIGURED: Readonly<Record<string, S3Code>> = {
  cors: 'NoSuchCORSConfiguration',
  encryption: 'ServerSideEncryptionConfigurationNotFoundError',
  lifecycle: 'NoSuchLifecycleConfiguration',
  'object-lock': 'ObjectLockConfigurationNotFoundError',
  ownershipControls: 'OwnershipControlsNotFoundError',
  policy: 'NoSuchBucketPolicy',
  policyStatus: 'NoSuchBucketPolicy',
  publicAccessBlock: 'NoSuchPublicAccessBlockConfiguration',
  replication: 'ReplicationConfigurationNotFoundError',
  tagging: 'NoSuchTagSet',
  website: 'NoSuchWebsiteConfiguration',
}

/** The operation that a request means. Throws `NotImplemented` if it is none of the above. */
export function findOperation(
  method: string,
  on: Operation['on'],
  { query, copies }: { query: ReadonlyMap<string, string>; copies: boolean },
): Operation {
  const named = [...query.keys()].filter((name) => SUBRESOURCES.has(name)).sort()
  const found = OPERATIONS.find(
    (operation) =>
      operation.method === method &&
      operation.on === on &&
      (operation.copies ?? false) === copies &&
      [...(operation.query ?? [])].sort().join() === named.join(),
  )
  if (found) return found
  const [subresource = ''] = named
  const code = method === 'GET' && on === 'bucket' ? NOT_CONFIGURED[subresource] : undefined
  if (code) throw new S3ApiError(code, `there is no ${subresource} configuration`)
  const what = named.length > 0 ? `${method} with ?${named.join('&')}` : `${method} on a ${on}`
  throw new S3ApiError('NotImplemented', `${what} is not supported; docs/s3.md lists what is`)
}
