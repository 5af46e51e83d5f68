import type { MultipartUpload, PutCondition, PutOptions } from '../../storage/backend.ts'
import { sendFixedLength } from '../../bodies/fixed-length.ts'
import { retryOnce, fromR2Error, isNoSuchUpload } from './errors.ts'
import { infoOf, r2Metadata } from './info.ts'

export async function r2Multipart(
  backend: string,
  bucket: R2Bucket,
  { key, info = {}, onlyIf }: PutOptions & { key: string },
): Promise<MultipartUpload> {
  const failed = (error: unknown) => Promise.reject(fromR2Error(error, backend, key))
  const { httpMetadata, customMetadata = {} } = r2Metadata(info)
  const upload = await bucket.createMultipartUpload(key, { httpMetadata, customMetadata }).catch(failed)
  const parts = new Map<number, R2UploadedPart>()

  /**
   * R2 completes unconditionally, so the check and the completion are two steps, and a write between them is lost.
   * Hence `withStaging`, which leaves only what is too large for one put to this.
   */
  const holds = async (condition: PutCondition) => {
    const found = await retryOnce(() => bucket.head(key))
    return condition === 'absent' ? found === null : found?.etag === condition.version
  }

  return {
    id: upload.uploadId,
    async uploadPart(number, body, size) {
      const send = (value: ReadableStream | Uint8Array) => upload.uploadPart(number, value)
      const sent = body instanceof Uint8Array ? send(body) : sendFixedLength(body, size, { send })
      const part = await sent.catch(failed)
      if (part) parts.set(number, part)
    },
    async complete() {
      if (onlyIf && !(await holds(onlyIf).catch(failed))) {
        await upload.abort().catch(failed)
        return null
      }
      const ordered = [...parts.values()].toSorted((a, b) => a.partNumber - b.partNumber)
      return infoOf(await upload.complete(ordered).catch(failed), backend)
    },
    abort: () => upload.abort().catch(failed),
  }
}

export async function abortR2Multipart(bucket: R2Bucket, key: string, id: string): Promise<void> {
  try {
    await bucket.resumeMultipartUpload(key, id).abort()
  } catch (error) {
    if (!isNoSuchUpload(error)) throw error
  }
}
