import type { Backend } from '../storage/backend.ts'

/** Takes away every method that writes or deletes, so that nothing above can reach them. */
export function withReadOnly(backend: Backend): Backend {
  const { put: _put, delete: _delete, createMultipartUpload: _multipart, ...others } = backend
  const { abortMultipartUpload: _abort, ...rest } = others
  return rest
}
