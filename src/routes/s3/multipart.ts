import { S3ApiError } from '../../s3/errors.ts'

export async function abortMultipartUpload(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}

export async function completeMultipartUpload(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}

export async function createMultipartUpload(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}

export async function listMultipartUploads(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}

export async function uploadPart(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}

export async function uploadPartCopy(): Promise<Response> {
  throw new S3ApiError('NotImplemented', 'not yet')
}
