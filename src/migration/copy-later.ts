import { StorageError } from '../storage/errors.ts'
import { setLatest } from '../storage/set-latest.ts'

/** A message of the copy queue: a name that a read could not copy while it served it. */
export interface CopyMessage {
  type: 'copy'
  name: string
}

export interface CopyLaterOptions {
  /** Sends the name to the queue; absent if none is bound. */
  send?: (message: CopyMessage) => Promise<unknown>
  /** Copies the name now, within the request's own allowance. */
  copyNow: (name: string, signal: AbortSignal) => Promise<unknown>
  keepAlive: (work: Promise<unknown>) => void
}

/** Starts or queues the copy of a name; `false` if there is no room for it now (the next read tries again). */
export type CopyLater = (name: string) => boolean

/** A request's `waitUntil` has about 30 s (Workers limits); copies that take longer are aborted before that. */
const ALLOWANCE_MS = 25_000
/** Copies without a queue hold open connections, of which an invocation has six. */
const MAX_WITHOUT_QUEUE = 2
/** This isolate does not queue a name again for this long. */
const REQUEUE_MS = 60_000
const MAX_REMEMBERED = 10_000

/** Once per name and isolate, no matter how many clients read it; across isolates the create-only put makes repeats harmless. */
export function createCopyLater({ send, copyNow, keepAlive }: CopyLaterOptions): CopyLater {
  /** When each name was queued, or its copy was started. */
  const started = new Map<string, number>()

  /** Failures are recorded by the callee; the next read tries again. */
  const start = (name: string, work: Promise<unknown>): true => {
    setLatest(started, name, Date.now(), MAX_REMEMBERED)
    keepAlive(work)
    return true
  }
  const forget = (name: string): void => void started.delete(name)

  const enqueue = (name: string, queue: NonNullable<typeof send>): boolean =>
    start(
      name,
      queue({ type: 'copy', name }).catch(() => forget(name)),
    )

  const copy = (name: string): boolean => {
    if (started.size >= MAX_WITHOUT_QUEUE) return false
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(outOfTime()), ALLOWANCE_MS)
    const done = (): void => {
      clearTimeout(timer)
      forget(name)
    }
    return start(name, copyNow(name, controller.signal).then(done, done))
  }

  return (name) => {
    const now = Date.now()
    // A request that the platform ended reports no end: what is older than its allowance is over.
    const longest = send ? REQUEUE_MS : 2 * ALLOWANCE_MS
    for (const [other, at] of started) {
      if (now - at < longest) break
      forget(other)
    }
    if (started.has(name)) return true
    return send ? enqueue(name, send) : copy(name)
  }
}

function outOfTime(): StorageError {
  const why = `not copied within the ${ALLOWANCE_MS / 1000} s that a request has; bind a queue as COPY_QUEUE for larger objects`
  return new StorageError('timeout', why)
}
