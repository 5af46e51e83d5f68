import type { Backend } from '../storage/backend.ts'
import { interceptCalls } from './intercept.ts'

/** Sends a request as soon as the limit allows it. */
export type RequestLimit = <T>(send: () => Promise<T>, kind?: 'streams') => Promise<T>

/**
 * Holds every call until `limit` lets it through, and counts it as open until its response headers. Belongs outside the
 * deadline, so that the timeout of a waiting call has not started.
 *
 * Streams that are stored count by themselves. Their response comes after the body, and an interrupted body is resumed by
 * another request: if that counted as well, bodies being stored could wait for each other.
 */
export function withRequestLimit(backend: Backend, limit: RequestLimit): Backend {
  return interceptCalls(backend, ({ body, signal }, send) =>
    body instanceof ReadableStream
      ? limit(send, 'streams')
      : limit(() => (signal?.aborted ? Promise.reject(signal.reason) : send())),
  )
}
