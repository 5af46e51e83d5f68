import { S3ApiError, type S3Code } from '../../s3/errors.ts'
import type { Scope } from '../../schemas/routes.ts'
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
import type { S3Request } from './request.ts'
import type { Target } from './target.ts'

export interface Operation {
  name: string
  scope: Extract<Scope, 'read' | 'write'>
  handle: (request: S3Request) => Response | Promise<Response>
}

/** By method, target and exactly the sub-resources that the query names, sorted; with `copy` if there is an `x-amz-copy-source`. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET service': { name: 'ListBuckets', scope: 'read', handle: listBuckets },
  'HEAD bucket': { name: 'HeadBucket', scope: 'read', handle: headBucket },
  'PUT bucket': { name: 'CreateBucket', scope: 'read', handle: createBucket },
  'DELETE bucket': { name: 'DeleteBucket', scope: 'write', handle: deleteBucket },
  'GET bucket?location': { name: 'GetBucketLocation', scope: 'read', handle: location },
  'GET bucket?versioning': { name: 'GetBucketVersioning', scope: 'read', handle: versioning },
  'GET bucket': { name: 'ListObjects', scope: 'read', handle: listObjects },
  'GET bucket?list-type': { name: 'ListObjectsV2', scope: 'read', handle: listObjectsV2 },
  'GET bucket?uploads': { name: 'ListMultipartUploads', scope: 'read', handle: listMultipartUploads },
  'POST bucket?delete': { name: 'DeleteObjects', scope: 'write', handle: deleteObjects },
  'GET object': { name: 'GetObject', scope: 'read', handle: getObject },
  'HEAD object': { name: 'HeadObject', scope: 'read', handle: getObject },
  'GET object?partNumber': { name: 'GetObject', scope: 'read', handle: getObject },
  'HEAD object?partNumber': { name: 'HeadObject', scope: 'read', handle: getObject },
  'PUT object': { name: 'PutObject', scope: 'write', handle: putObject },
  'PUT object copy': { name: 'CopyObject', scope: 'write', handle: copyObject },
  'DELETE object': { name: 'DeleteObject', scope: 'write', handle: deleteObject },
  'GET object?tagging': { name: 'GetObjectTagging', scope: 'read', handle: getObjectTagging },
  'POST object?uploads': { name: 'CreateMultipartUpload', scope: 'write', handle: createMultipartUpload },
  'PUT object?partNumber&uploadId': { name: 'UploadPart', scope: 'write', handle: uploadPart },
  'PUT object?partNumber&uploadId copy': { name: 'UploadPartCopy', scope: 'write', handle: uploadPartCopy },
  'POST object?uploadId': {
    name: 'CompleteMultipartUpload',
    scope: 'write',
    handle: completeMultipartUpload,
  },
  'DELETE object?uploadId': { name: 'AbortMultipartUpload', scope: 'write', handle: abortMultipartUpload },
}

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

/** Parameters that never select an operation. Any other one without a value may be a sub-resource that AWS adds later. */
const OPTION = /^(?:x|response)-/i

/** AWS's answer where nothing is configured; some clients fail on anything else. */
const NOT_CONFIGURED: Readonly<Record<string, S3Code>> = {
  cors: 'NoSuchCORSConfiguration',
  encryption: 'ServerSideEncryptionConfigurationNotFoundError',
  lifecycle: 'NoSuchLifecycleConfiguration',
  'object-lock': 'ObjectLockConfigurationNotFoundError',
  policy: 'NoSuchBucketPolicy',
  tagging: 'NoSuchTagSet',
}

/** The operation that a request means. Throws `NotImplemented` if it is none of the above. */
export function findOperation(
  method: string,
  on: Target['on'],
  { query, copies }: { query: ReadonlyMap<string, string>; copies: boolean },
): Operation {
  const named = [...query]
    .filter(
      ([name, value]) => SUBRESOURCES.has(name) || (on === 'object' && value === '' && !OPTION.test(name)),
    )
    .map(([name]) => name)
    .sort()
  const subresources = named.length > 0 ? `?${named.join('&')}` : ''
  const found = OPERATIONS[`${method} ${on}${subresources}${copies ? ' copy' : ''}`]
  if (found) return found
  const [subresource = ''] = named
  const code = method === 'GET' && on === 'bucket' ? NOT_CONFIGURED[subresource] : undefined
  if (code) throw new S3ApiError(code, `there is no ${subresource} configuration`)
  const what = subresources ? `${method} with ${subresources}` : `${method} on ${on}s`
  throw new S3ApiError('NotImplemented', `${what} is not supported; docs/s3.md lists what is`)
}
