import { S3ApiError } from '../../s3/errors.ts'

export async function deleteObject(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}

export async function deleteObjects(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}
