import type { Backend, MultipartUpload } from '../../storage/backend.ts'
import { cancelBody } from '../../storage/cancel-body.ts'
import { StorageError } from '../../storage/errors.ts'
import type { StoredObject } from '../../storage/object.ts'
import { withKnownLength } from '../fixed-length.ts'
import { type Watch, within, type WithinOptions } from './within.ts'

export interface DeadlineOptions {
  /** Until an answer's headers, or the answer itself where it has no body. */
  timeoutMs: number
  /** Between two chunks of a body, and for the answer to one that was sent. */
  idleTimeoutMs: number
  /** Watches bodies chunk by chunk; for what comes over the network. Native streams stay native without. */
  guardBody: boolean
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
 * A body may take as long as it likes while its bytes keep coming.
 */
export function withDeadline(backend: Backend, options: DeadlineOptions): Backend {
  const { timeoutMs, guardBody, heedsSignals = true } = options
  const { put, delete: remove, list, createMultipartUpload: multipart, abortMultipartUpload: abort } = backend
  const run: Run = (call, own) =>
    within(call, { ms: timeoutMs, overrun: silent(backend.name, timeoutMs), ...own })
  const send = sender(backend.name, options, run)

  return {
    ...backend,
    async get(name, { signal, ...rest } = {}) {
      const call = (watch: Watch) =>
        backend.get(name, heedsSignals ? { ...rest, signal: watch.signal } : rest)
      const found = await run(call, { signal, late: discardLate })
      if (!found || !guardBody) return found
      const length = found.range ? found.range.end - found.range.start + 1 : found.size
      const body = guarded(found.body, backend.name, options.idleTimeoutMs)
      return { ...found, body: length === undefined ? body : withKnownLength(body, length) }
    },
    head: (name, { signal, ...rest } = {}) =>
      run((watch) => backend.head(name, heedsSignals ? { ...rest, signal: watch.signal } : rest), { signal }),
    ...(put && {
      put: (name, body, { signal, ...rest } = {}) =>
        send(body, (watched, watch) => put(name, watched, { ...rest, signal: watch.signal }), signal),
    }),
    ...(remove && { delete: (name) => run(() => remove(name)) }),
    ...(list && {
      list: ({ signal, ...rest } = {}) => run((watch) => list({ ...rest, signal: watch.signal }), { signal }),
    }),
    ...(multipart && {
      createMultipartUpload: async (name, info) =>
        boundUpload(await run(() => multipart(name, info), { late: (upload) => upload.abort() }), run, send),
    }),
    ...(abort && { abortMultipartUpload: (name, id) => run(() => abort(name, id)) }),
  }
}

async function discardLate(late: StoredObject | null): Promise<void> {
  await late?.body.cancel()
}

type Send = <Result>(
  body: Body,
  call: (body: Body, watch: Watch) => Promise<Result>,
  signal?: AbortSignal,
) => Promise<Result>

/** Sends a body: bounded by its progress where that is watched, else not at all, since nobody sees it move. */
function sender(backend: string, { timeoutMs, idleTimeoutMs, guardBody }: DeadlineOptions, run: Run): Send {
  const ms = Math.max(timeoutMs, idleTimeoutMs)
  const overrun = silent(backend, ms)
  return async (body, call, signal) => {
    if (signal?.aborted) {
      await cancelBody(body, signal.reason)
      throw signal.reason
    }
    const bounds = { ms, overrun, signal }
    if (body instanceof Uint8Array) return run((watch) => call(body, watch), bounds)
    if (!guardBody) return call(body, { signal: signal ?? new AbortController().signal, progress: () => {} })
    return run((watch) => call(body.pipeThrough(progressStream(watch)), watch), bounds)
  }
}

function boundUpload(upload: MultipartUpload, run: Run, send: Send): MultipartUpload {
  return {
    id: upload.id,
    uploadPart: (number, body, size) => send(body, (watched) => upload.uploadPart(number, watched, size)),
    // Joining many parts takes S3 longer than an answer does.
    complete: (onlyIf) => send(new Uint8Array(), () => upload.complete(onlyIf)),
    abort: () => run(() => upload.abort()),
  }
}

function progressStream({ progress }: Watch): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      progress()
      controller.enqueue(chunk)
    },
  })
}

/** The timer runs only while a chunk is asked for: a slow reader is not the backend's fault. */
function guarded(body: ReadableStream<Uint8Array>, backend: string, ms: number): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const read = (): Promise<ReadableStreamReadResult<Uint8Array>> =>
    new Promise((resolve, reject) => {
      const stalled = () =>
        reject(new StorageError('timeout', `sent no further bytes for ${ms} ms`, { backend }))
      const timer = setTimeout(stalled, ms)
      void reader
        .read()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
    })
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await read()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          void Promise.allSettled([reader.cancel(error)])
          throw error
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

function silent(backend: string, ms: number): () => StorageError {
  return () => new StorageError('timeout', `did not answer within ${ms} ms`, { backend })
}
