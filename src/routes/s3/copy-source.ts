import { refuseBody } from '../../bodies/cancel.ts'
import { readForWrite } from '../../chain/read-for-write.ts'
import { evaluatePreconditions } from '../../http/conditional.ts'
import { s3Conditions } from '../../s3/entity-tag.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { decodeComponent } from '../../s3/query.ts'
import { StorageError } from '../../storage/errors.ts'
import type { RangeRequest, StoredObject } from '../../storage/object.ts'
import { withS3Tag } from './object-tag.ts'
import type { S3Request } from './request.ts'
import { checkKey } from './target.ts'

const HEADER = 'x-amz-copy-source'
const CONDITION = `${HEADER}-if-`

/** The name of the object that a request copies. Throws if its key may not read it. */
export function sourceName({ request, bucket, identity }: S3Request): string {
  const given = request.headers.get(HEADER) ?? ''
  const [, path = '', version] = /^\/?(.*?)(?:\?versionId=([^/]*))?$/.exec(given) ?? []
  if (version !== undefined && version !== 'null')
    throw new S3ApiError('NotImplemented', 'there are no versions: leave versionId out')
  // Some clients encode its slashes, too.
  const [, of, name = ''] = /^([^/]*)\/?(.*)$/.exec(decodeComponent(path)) ?? []
  if (name === '')
    throw new S3ApiError('InvalidArgument', `${HEADER} must be a bucket and a name, percent-encoded`)
  if (of !== bucket) throw new S3ApiError('NoSuchBucket', `there is no bucket "${of}"`)
  checkKey(identity, name)
  return name
}

/** Opens the object that a request copies, wherever in the chain it is, if it satisfies the request's conditions. */
export async function openSource(
  { c, request }: S3Request,
  name: string,
  range?: RangeRequest,
): Promise<StoredObject> {
  // Its body is not shared: a read that joined it would count on this request to migrate it.
  const { copyChain } = c.get('deployment')
  const read = { trace: c.get('trace'), range }
  const object = await readForWrite(copyChain, name, (backend, options) => backend.get(name, options), read)
  if (!object) throw new S3ApiError('NoSuchKey', 'the source does not exist')
  const headers = [...request.headers].filter(([header]) => header.startsWith(CONDITION))
  const conditions = new Headers(headers.map(([header, value]) => [header.slice(HEADER.length + 1), value]))
  const shown = withS3Tag(copyChain, object)
  const holds =
    evaluatePreconditions('GET', s3Conditions(conditions, object, shown.etag), shown) === 'proceed'
  if (holds) return object
  const why = 'the source does not satisfy the request’s conditions'
  return refuseBody(object.body, new S3ApiError('PreconditionFailed', why))
}

/** A source whose body breaks off or is wrong is a backend's failure, whereas the body of an upload would be the client's fault. */
export function failureOfSource(error: unknown, { backend }: StoredObject): unknown {
  const isBroken = error instanceof StorageError && (error.code === 'corrupt' || error.code === 'interrupted')
  return isBroken
    ? new StorageError('unavailable', `the source: ${error.message}`, { backend, cause: error })
    : error
}
