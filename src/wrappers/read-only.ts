import type { Backend } from '../storage/backend.ts'

/** Removes every method that writes or deletes, so that nothing above can call them. */
export function withReadOnly(backend: Backend): Backend {
  const { put: _put, delete: _delete, createMultipartUpload: _multipart, ...others } = backend
  const { resumeMultipartUpload: _resume, ...rest } = others
  return rest
}
