import type { Backend } from '../storage/backend.ts'
import { interceptCalls } from './intercept.ts'

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
  return interceptCalls(backend, ({ body, signal }, send) =>
    body instanceof ReadableStream
      ? send()
      : limit(() => (signal?.aborted ? Promise.reject(signal.reason) : send())),
  )
}
