import { S3ApiError } from '../../s3/errors.ts'

export async function copyObject(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}
