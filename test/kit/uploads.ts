import type { Backend, MultipartUpload, PutOptions, UploadedPart } from '../../src/storage/backend.ts'
import type { ObjectInfo } from '../../src/storage/object.ts'

/** An upload that knows its parts, as that of one body does. */
export interface StartedUpload extends Omit<MultipartUpload, 'complete'> {
  complete(): Promise<ObjectInfo | null>
}

/** Starts a multipart upload and remembers its parts. */
export async function startUpload(
  backend: Backend,
  name: string,
  options: PutOptions = {},
): Promise<StartedUpload> {
  const upload = await backend.createMultipartUpload?.(name, options)
  if (!upload) throw new Error(`${backend.name} has no createMultipartUpload`)
  const parts: UploadedPart[] = []
  return {
    ...upload,
    async uploadPart(...args) {
      const part = await upload.uploadPart(...args)
      parts.push(part)
      return part
    },
    complete: () =>
      upload.complete(
        parts.toSorted((a, b) => a.number - b.number),
        options,
      ),
  }
}
