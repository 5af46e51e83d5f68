import { cancelBody } from '../bodies/cancel.ts'
import type { Backend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { startDeadline } from '../storage/invocation.ts'
import { type Call, interceptCalls, type Limits, type Send } from './intercept.ts'

export interface DeadlineOptions {
  /** Until the response headers, or the result itself if it has no body. */
  timeoutMs: number
  /** Until the response to a body, if that is longer. */
  idleTimeoutMs: number
  /** Whether a signal aborts reads, so that each gets one. R2 and KV ignore it. Default: true. */
  heedsSignals?: boolean
}

/**
 * Limits how long a call may take: then `timeout` is thrown, and a later result is discarded. A stream that is sent may take
 * any time, but the backend must go on taking its bytes, and answer after the last; `withResume` watches those that are received.
 */
export function withDeadline(backend: Backend, options: DeadlineOptions): Backend {
  const { timeoutMs, idleTimeoutMs, heedsSignals = true } = options
  return interceptCalls(backend, (call, send) => {
    const { method, body } = call
    // S3 takes longer to join many parts.
    const ms = body || method === 'complete' ? Math.max(timeoutMs, idleTimeoutMs) : timeoutMs
    const overrun = (): StorageError =>
      new StorageError('timeout', `did not answer within ${ms} ms`, { backend: backend.name })
    // Every backend repeats a write that came too soon until its signal aborts.
    return within(call, send, { ms, overrun, aborts: body !== undefined || heedsSignals })
  })
}

const nothing = (): void => {}

/** Waits `ms` for a call, then stops waiting and, if the call heeds signals, aborts it. */
function within<Result>(
  { body, signal, discard }: Call<Result>,
  send: Send<Result>,
  { ms, overrun, aborts }: { ms: number; overrun: () => Error; aborts: boolean },
): Promise<Result> {
  return new Promise<Result>((resolve, reject) => {
    const controller = aborts ? new AbortController() : undefined
    let isDone = false
    let over = false
    let pause = nothing
    const expire = (): void => giveUp(overrun())
    const giveUp = (error: unknown): void => {
      over = true
      done()
      controller?.abort(error)
      reject(error)
    }
    const abort = (): void => giveUp(signal?.reason)
    const done = (): void => {
      isDone = true
      pause()
      // Else it goes on for the body.
      if (!controller) signal?.removeEventListener('abort', abort)
    }
    if (signal?.aborted) {
      void cancelBody(body, signal.reason)
      return abort()
    }
    signal?.addEventListener('abort', abort)
    let limits: Limits | undefined
    if (body instanceof ReadableStream) {
      const start = (): void => {
        pause()
        if (!isDone) pause = startDeadline(ms, expire)
      }
      limits = controller && { signal: controller.signal, timer: { start, pause: () => pause() } }
    } else {
      pause = startDeadline(ms, expire)
      limits = controller && { signal: controller.signal }
    }
    send(limits).then(
      (result) => {
        done()
        // The caller already has its error, whether or not discarding works.
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
