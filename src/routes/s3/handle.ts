import type { Context } from 'hono'
import { includesScope, refuseOutside } from '../../access/authorize.ts'
import { identityOf } from '../../access/s3-keys.ts'
import { optionsResponse } from '../../http/cors.ts'
import { rawPath } from '../../http/raw-path.ts'
import { errorResponse, S3ApiError } from '../../s3/errors.ts'
import { rawQuery } from '../../s3/query.ts'
import { verify } from '../../s3/verify.ts'
import type { StorageError } from '../../storage/errors.ts'
import { checkName } from '../../storage/name.ts'
import type { AppEnv } from '../context.ts'
import { createEntrance } from './entrance.ts'
import { findOperation, type Operation } from './operations.ts'

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS']
const COPY_SOURCE = 'x-amz-copy-source'

/** One request of an S3 client: whose it is, what it means, whether it may, and the answer. */
export async function handleS3(c: Context<AppEnv>): Promise<Response> {
  const request = c.req.raw
  const { config } = c.get('deployment')
  const { s3Bucket, s3Keys, corsOrigins } = config
  c.set('route', 's3')
  const entrance = createEntrance(config)(request)
  if (request.method === 'OPTIONS') return optionsResponse(request, corsOrigins, METHODS)
  if (s3Bucket === undefined || s3Keys.length === 0 || !entrance)
    throw new S3ApiError('AccessDenied', 'the S3 API is off: S3_BUCKET and S3_KEYS must both be set')

  const target = parseTarget(entrance.path)
  const query = decodeQuery(request.url)
  const verified = await verify(request, {
    keys: s3Keys,
    now: Date.now(),
    // With the bucket in the hostname, `/media/x` and `/x` are two objects: only the path as sent was signed.
    paths: entrance.isVirtual ? [rawPath(request.url)] : [rawPath(request.url), entrance.path],
  })
  const identity = identityOf(verified.key)
  c.set('identity', identity)
  if (target.on === 'object') c.set('name', target.key)
  const operation = findOperation(request.method, target.on, {
    query,
    copies: request.headers.has(COPY_SOURCE),
  })
  c.set('operation', operation.name)
  if (target.on !== 'service' && target.bucket !== s3Bucket) throw noSuchBucket(operation, target.bucket)
  if (!includesScope(identity.scope, operation.scope))
    throw new S3ApiError(
      'AccessDenied',
      `${operation.name} needs the scope "${operation.scope}", and "${identity.name}" has "${identity.scope}"`,
    )
  if (target.on === 'object') {
    checkName(target.key)
    const outside = refuseOutside(identity, { name: target.key })
    if (outside) throw new S3ApiError('AccessDenied', outside.detail)
  }
  const answer = await operation.handle({
    c,
    request,
    identity,
    payload: verified.payload,
    bucket: target.bucket,
    key: target.key,
    query,
  })
  answer.headers.set('x-amz-request-id', requestId(request))
  return answer
}

/** Any failure of a request that came in by an entrance of S3 clients. */
export function s3Failure(c: Context<AppEnv>, error: StorageError): Response {
  const id = requestId(c.req.raw)
  const answer = errorResponse(error, { resource: rawPath(c.req.url), requestId: id })
  answer.headers.set('x-amz-request-id', id)
  return answer
}

/** Cloudflare's id of the request, which its logs have too. */
function requestId({ headers }: Request): string {
  return headers.get('CF-Ray') ?? 'local'
}

interface Target {
  on: Operation['on']
  bucket: string
  key: string
}

function parseTarget(path: string): Target {
  const slash = path.indexOf('/', 1)
  const bucket = decode(path.slice(1, slash < 0 ? undefined : slash))
  const key =
    slash < 0
      ? ''
      : path
          .slice(slash + 1)
          .split('/')
          .map(decode)
          .join('/')
  return { on: bucket === '' ? 'service' : key === '' ? 'bucket' : 'object', bucket, key }
}

/** A plus sign is a plus sign in the path, and a space in the query. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new S3ApiError('InvalidURI', 'the URL contains a percent escape that is not UTF-8', { cause })
  }
}

function decodeQuery(url: string): Map<string, string> {
  return new Map(
    rawQuery(url).map(([name, value]) => [decode(name), decode(value.replaceAll('+', ' '))] as const),
  )
}

/** Other names cannot be created: then a client would store objects that it does not find. */
function noSuchBucket({ name }: Operation, bucket: string): S3ApiError {
  return name === 'CreateBucket'
    ? new S3ApiError('AccessDenied', 'no bucket can be created here: S3_BUCKET names the only one')
    : new S3ApiError('NoSuchBucket', `there is no bucket "${bucket}"`)
}
