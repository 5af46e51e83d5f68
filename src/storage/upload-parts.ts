import type { MultipartUpload, PutOptions, UploadedPart } from './backend.ts'
import type { ObjectInfo } from './object.ts'

interface PartsOptions {
  size: number
  /** Of each part but the last. */
  partBytes: number
  /** For the completion. */
  options: PutOptions
}

/** Uploads one part after the other and joins them. If one fails, the upload is aborted. */
export async function uploadParts(
  upload: MultipartUpload,
  { size, partBytes, options }: PartsOptions,
  uploadPart: (number: number, range: { offset: number; length: number }) => Promise<UploadedPart>,
): Promise<ObjectInfo | null> {
  const parts: UploadedPart[] = []
  try {
    for (let offset = 0; offset < size; offset += partBytes)
      parts.push(await uploadPart(parts.length + 1, { offset, length: Math.min(partBytes, size - offset) }))
    return await upload.complete(parts, options)
  } catch (error) {
    // The first error is the one to report.
    await Promise.allSettled([upload.abort()])
    throw error
  }
}
