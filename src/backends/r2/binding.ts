import { marked } from '../call.ts'

/** The binding, with the failures of its calls marked as such. */
export function r2Binding(bucket: R2Bucket): R2Bucket {
  const binding = {
    head: (key: string) => marked(() => bucket.head(key)),
    get: (key: string, options?: R2GetOptions) => marked(() => bucket.get(key, options)),
    put: (...call: Parameters<R2Bucket['put']>) => marked(() => bucket.put(...call)),
    delete: (keys: string | string[]) => marked(() => bucket.delete(keys)),
    list: (options?: R2ListOptions) => marked(() => bucket.list(options)),
    createMultipartUpload: async (key: string, options?: R2MultipartOptions) =>
      markedUpload(await marked(() => bucket.createMultipartUpload(key, options))),
    resumeMultipartUpload: (key: string, id: string) => markedUpload(bucket.resumeMultipartUpload(key, id)),
  }
  return binding as R2Bucket
}

function markedUpload(upload: R2MultipartUpload): R2MultipartUpload {
  return {
    key: upload.key,
    uploadId: upload.uploadId,
    uploadPart: (...call) => marked(() => upload.uploadPart(...call)),
    complete: (parts) => marked(() => upload.complete(parts)),
    abort: () => marked(() => upload.abort()),
  }
}
