import { S3ApiError } from '../../s3/errors.ts'

export async function getObject(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}
