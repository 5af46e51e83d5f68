import { S3ApiError } from '../../s3/errors.ts'

export async function listObjects(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}

export async function listObjectsV2(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}
