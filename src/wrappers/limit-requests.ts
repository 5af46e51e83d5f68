import type { Backend, MultipartUpload } from '../storage/backend.ts'

/** Sends a request as soon as it may be open beside the others. */
export type RequestLimit = <T>(send: () => Promise<T>) => Promise<T>

/**
 * Holds every call until `limit` lets it through, and counts it as open until its answer's headers. Belongs outside the
 * deadline: a call that waits has not begun its timeout.
 *
 * Streams are stored without waiting. Their answer comes after the body, and a body that breaks off midway is resumed by
 * another request: were both to count, bodies being stored could wait for each other. Whoever stores them bounds how many.
 */
export function withRequestLimit(backend: Backend, limit: RequestLimit): Backend {
  const { put, delete: remove, list, createMultipartUpload: create, abortMultipartUpload: abort } = backend
  const send = <T>(signal: AbortSignal | undefined, request: () => Promise<T>): Promise<T> =>
    limit(() => (signal?.aborted ? Promise.reject(signal.reason) : request()))
  return {
    ...backend,
    get: (name, options) => send(options?.signal, () => backend.get(name, options)),
    head: (name, options) => send(options?.signal, () => backend.head(name, options)),
    ...(put && {
      put: (name, body, options) =>
        body instanceof Uint8Array
          ? send(options?.signal, () => put(name, body, options))
          : put(name, body, options),
    }),
    ...(remove && { delete: (name) => limit(() => remove(name)) }),
    ...(list && { list: (options) => send(options?.signal, () => list(options)) }),
    ...(create && {
      createMultipartUpload: async (name, options) =>
        limitParts(await send(options?.signal, () => create(name, options)), limit),
    }),
    ...(abort && { abortMultipartUpload: (name, id) => limit(() => abort(name, id)) }),
  }
}

function limitParts(upload: MultipartUpload, limit: RequestLimit): MultipartUpload {
  return {
    ...upload,
    uploadPart: (number, body, size) =>
      body instanceof Uint8Array
        ? limit(() => upload.uploadPart(number, body, size))
        : upload.uploadPart(number, body, size),
    complete: () => limit(() => upload.complete()),
    abort: () => limit(() => upload.abort()),
  }
}
