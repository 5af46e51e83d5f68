import type { Context } from 'hono'
import { includesScope } from '../../access/authorize.ts'
import { identityOf } from '../../access/s3-keys.ts'
import { optionsResponse } from '../../http/cors.ts'
import { headerDigests } from '../../http/digest-headers.ts'
import { rawPath } from '../../http/raw-path.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { withHoistedHeaders } from '../../s3/hoisted-headers.ts'
import { decodeComponent, rawQuery } from '../../s3/query.ts'
import { verify } from '../../s3/verify.ts'
import { StorageError } from '../../storage/errors.ts'
import type { AppEnv } from '../context.ts'
import type { FindEntrance } from './entrance.ts'
import { requestId } from './failure.ts'
import { getObject } from './get-object.ts'
import { findOperation } from './operations.ts'
import { checkKey, parseTarget, type Target } from './target.ts'

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS']
const COPY_SOURCE = 'x-amz-copy-source'

/** One request of an S3 client: whose it is, what it means, whether it may, and the answer. */
export async function handleS3(c: Context<AppEnv>, findEntrance: FindEntrance): Promise<Response> {
  const sent = c.req.raw
  const { config } = c.get('deployment')
  const { s3Bucket, s3Keys, corsOrigins } = config
  c.set('route', 's3')
  const entrance = findEntrance(sent.url)
  if (sent.method === 'OPTIONS') return optionsResponse(sent, corsOrigins, METHODS)
  if (s3Bucket === undefined || s3Keys.length === 0 || !entrance)
    throw new S3ApiError('AccessDenied', 'the S3 API is off: S3_BUCKET and S3_KEYS must both be set')

  const target = parseTarget(entrance.path)
  const parameters = rawQuery(sent.url)
  const verified = await verify(sent, {
    keys: s3Keys,
    now: Date.now(),
    query: parameters,
    // s3fs signs the path without the endpoint's own.
    paths: entrance.isVirtual ? [rawPath(sent.url)] : [rawPath(sent.url), entrance.path],
  })
  const query = new Map(
    parameters.map(([name, value]) => [decodeComponent(name), decodeComponent(value)] as const),
  )
  const request = withHoistedHeaders(sent, query)
  const identity = identityOf(verified.key)
  c.set('identity', identity)
  if (target.on === 'object') c.set('name', target.key)
  if (target.on !== 'service' && target.bucket !== s3Bucket) throw noSuchBucket(request.method, target)
  const operation = findOperation(request.method, target.on, {
    query,
    copies: request.headers.has(COPY_SOURCE),
  })
  c.set('operation', operation.name)
  if (operation.handle === getObject) c.set('isRead', true)
  if (!includesScope(identity.scope, operation.scope))
    throw new S3ApiError(
      'AccessDenied',
      `${operation.name} needs the scope "${operation.scope}", and "${identity.name}" has "${identity.scope}"`,
    )
  if (target.on === 'object') checkKey(identity, target.key)
  const { payload } = verified
  const { bucket, key } = target
  try {
    const answer = await operation.handle({ c, request, identity, payload, bucket, key, query })
    answer.headers.set('x-amz-request-id', requestId(request))
    return answer
  } catch (error) {
    if (payload.kind === 'sha256' && isHashMismatch(error, request.headers))
      throw new S3ApiError(
        'XAmzContentSHA256Mismatch',
        'the body does not have the SHA-256 that was signed',
        {
          cause: error,
        },
      )
    throw error
  }
}

/** Whether the signed hash is the one that differs: the only digest, if the backend did not say which. */
function isHashMismatch(error: unknown, headers: Headers): boolean {
  if (!(error instanceof StorageError) || error.code !== 'corrupt') return false
  const { sha256: _, ...others } = headerDigests(headers)
  return error.about === 'sha256' || (error.about === 'digest' && Object.keys(others).length === 0)
}

/** Other names cannot be created: then a client would store objects that it does not find. */
function noSuchBucket(method: string, { on, bucket }: Target): S3ApiError {
  return method === 'PUT' && on === 'bucket'
    ? new S3ApiError('AccessDenied', 'no bucket can be created here: S3_BUCKET names the only one')
    : new S3ApiError('NoSuchBucket', `there is no bucket "${bucket}"`)
}
