import { S3ApiError } from '../../s3/errors.ts'
import { representationFromHeaders } from '../../http/headers.ts'
import { typeOfName } from '../../http/media-types.ts'
import { evaluatePreconditions } from '../../http/conditional.ts'
import type { ObjectInfo, Representation } from '../../storage/object.ts'

export async function putObject(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}
export function describeUpload({ headers }: Request, name: string): Representation {
  const r = representationFromHeaders(headers)
  const contentType = r.contentType ?? typeOfName(name)
  return contentType === undefined ? r : { ...r, contentType }
}
export function conditionOf({ headers }: Request): ((current: ObjectInfo | null) => boolean) | undefined {
  if (!headers.has('If-Match') && !headers.has('If-None-Match')) return undefined
  return (current) => evaluatePreconditions('PUT', headers, current) === 'proceed'
}
