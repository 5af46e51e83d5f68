import type { Backend, MultipartUpload } from '../storage/backend.ts'
import { cancelBody } from '../bodies/cancel.ts'
import { StorageError } from '../storage/errors.ts'
import type { StoredObject } from '../storage/object.ts'
import { type Watch, within, type WithinOptions } from './within.ts'

export interface DeadlineOptions {
  /** Until an answer's headers, or the answer itself where it has no body. */
  timeoutMs: number
  /** Until the answer to bytes that are sent, where that is longer. */
  idleTimeoutMs: number
  /** Calls heed a signal, so one is made for each; bindings of R2 and KV cannot be told to stop. Default: they do. */
  heedsSignals?: boolean
}

type Body = ReadableStream<Uint8Array> | Uint8Array
type Run = <Result>(
  call: (watch: Watch) => Promise<Result>,
  options?: Partial<WithinOptions<Result>>,
) => Promise<Result>

/**
 * Bounds how long the backend may be silent: `timeout` is thrown, and what comes later is let go.
 * Streams are not bounded here: those that come are `withMending`'s, and of those that are sent nobody sees how they move.
 */
export function withDeadline(backend: Backend, options: DeadlineOptions): Backend {
  const { timeoutMs, heedsSignals = true } = options
  const { put, delete: remove, list, createMultipartUpload: multipart, abortMultipartUpload: abort } = backend
  const run: Run = (call, own) =>
    within(call, { ms: timeoutMs, overrun: silent(backend.name, timeoutMs), ...own })
  const send = sender(backend.name, options, run)

  return {
    ...backend,
    get: (name, { signal, ...rest } = {}) =>
      run((watch) => backend.get(name, heedsSignals ? { ...rest, signal: watch.signal } : rest), {
        signal,
        late: discardLate,
      }),
    head: (name, { signal, ...rest } = {}) =>
      run((watch) => backend.head(name, heedsSignals ? { ...rest, signal: watch.signal } : rest), { signal }),
    ...(put && {
      put: (name, body, { signal, ...rest } = {}) =>
        send(body, (own) => put(name, body, { ...rest, ...(own && { signal: own }) }), signal),
    }),
    ...(remove && { delete: (name) => run(() => remove(name)) }),
    ...(list && {
      list: ({ signal, ...rest } = {}) => run((watch) => list({ ...rest, signal: watch.signal }), { signal }),
    }),
    ...(multipart && {
      createMultipartUpload: async (name, uploadOptions) =>
        boundUpload(
          await run(() => multipart(name, uploadOptions), { late: (upload) => upload.abort() }),
          run,
          send,
        ),
    }),
    ...(abort && { abortMultipartUpload: (name, id) => run(() => abort(name, id)) }),
  }
}

async function discardLate(late: StoredObject | null): Promise<void> {
  await late?.body.cancel()
}

type Send = <Result>(
  body: Body,
  call: (signal: AbortSignal | undefined) => Promise<Result>,
  signal?: AbortSignal,
) => Promise<Result>

function sender(backend: string, { timeoutMs, idleTimeoutMs }: DeadlineOptions, run: Run): Send {
  const ms = Math.max(timeoutMs, idleTimeoutMs)
  const overrun = silent(backend, ms)
  return async (body, call, signal) => {
    if (signal?.aborted) {
      await cancelBody(body, signal.reason)
      throw signal.reason
    }
    if (body instanceof Uint8Array) return run(({ signal: own }) => call(own), { ms, overrun, signal })
    return call(signal)
  }
}

function boundUpload(upload: MultipartUpload, run: Run, send: Send): MultipartUpload {
  return {
    id: upload.id,
    uploadPart: (number, body, size) => send(body, () => upload.uploadPart(number, body, size)),
    // Joining many parts takes S3 longer than an answer does.
    complete: () => send(new Uint8Array(), () => upload.complete()),
    abort: () => run(() => upload.abort()),
  }
}

function silent(backend: string, ms: number): () => StorageError {
  return () => new StorageError('timeout', `did not answer within ${ms} ms`, { backend })
}
