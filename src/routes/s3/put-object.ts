import { S3ApiError } from '../../s3/errors.ts'
import { representationFromHeaders } from '../../http/headers.ts'
import { typeOfName } from '../../http/media-types.ts'
import type { Representation } from '../../storage/object.ts'

export async function putObject(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}
export function describeUpload({ headers }: Request, name: string): Representation {
  const r = representationFromHeaders(headers)
  const contentType = r.contentType ?? typeOfName(name)
  return contentType === undefined ? r : { ...r, contentType }
}
