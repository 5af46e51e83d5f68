import { refuseBody } from '../bodies/cancel.ts'
import type { Backend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { type Call, interceptCalls, type Send } from './intercept.ts'

export interface DeadlineOptions {
  /** Until an answer's headers, or the answer itself where it has no body. */
  timeoutMs: number
  /** Until the answer to bytes that are sent, where that is longer. */
  idleTimeoutMs: number
  /** Whether reads stop at a signal, so that one is made for each; those of R2 and KV do not. Default: true. */
  heedsSignals?: boolean
}

/**
 * Bounds how long the backend may be silent: `timeout` is thrown, and a result that comes later is discarded.
 * Streams are not bounded here: `withResume` watches those that come, and how those move that are sent is not seen.
 */
export function withDeadline(backend: Backend, options: DeadlineOptions): Backend {
  const { timeoutMs, idleTimeoutMs, heedsSignals = true } = options
  return interceptCalls(backend, (call, send) => {
    const { method, body, signal } = call
    if (body instanceof ReadableStream) return signal?.aborted ? refuseBody(body, signal.reason) : send()
    // Joining many parts takes S3 longer than an answer does.
    const ms = body || method === 'complete' ? Math.max(timeoutMs, idleTimeoutMs) : timeoutMs
    const overrun = (): StorageError =>
      new StorageError('timeout', `did not answer within ${ms} ms`, { backend: backend.name })
    // A write that is refused for now is repeated until its signal aborts, whatever the backend.
    return within(call, body || heedsSignals ? send : () => send(), { ms, overrun })
  })
}

/** Waits for a call for `ms`. Then its signal aborts, and it is no longer waited for. */
function within<Result>(
  { signal, discard }: Call<Result>,
  send: Send<Result>,
  { ms, overrun }: { ms: number; overrun: () => Error },
): Promise<Result> {
  return new Promise<Result>((resolve, reject) => {
    let controller: AbortController | undefined
    let over = false
    const giveUp = (error: unknown): void => {
      over = true
      done()
      controller?.abort(error)
      reject(error)
    }
    const abort = (): void => giveUp(signal?.reason)
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    const timer = setTimeout(() => giveUp(overrun()), ms)
    if (signal?.aborted) return abort()
    signal?.addEventListener('abort', abort)

    const own = {
      // Made only for a call that takes one.
      get signal() {
        controller ??= new AbortController()
        if (over) controller.abort()
        return signal ? AbortSignal.any([signal, controller.signal]) : controller.signal
      },
    }
    send(own).then(
      (result) => {
        done()
        // The caller has its failure already; whether discarding works too changes nothing for it.
        if (over && discard) void Promise.allSettled([discard(result)])
        else resolve(result)
      },
      (error: unknown) => {
        done()
        reject(error)
      },
    )
  })
}
