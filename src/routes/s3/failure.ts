import type { Context } from 'hono'
import { rawPath } from '../../http/raw-path.ts'
import { errorResponse } from '../../s3/errors.ts'
import type { StorageError } from '../../storage/errors.ts'
import type { AppEnv } from '../context.ts'

/** Any failure of a request that came in by an entrance of S3 clients. */
export function s3Failure(c: Context<AppEnv>, error: StorageError): Response {
  const { headers, url } = c.req.raw
  const id = requestId(c.req.raw)
  const answer = errorResponse(error, { resource: rawPath(url), requestId: id, headers })
  answer.headers.set('x-amz-request-id', id)
  return answer
}

/** Cloudflare's id of the request, which its logs have too. */
export function requestId({ headers }: Request): string {
  return headers.get('CF-Ray') ?? 'local'
}
