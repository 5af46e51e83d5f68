import { StorageError } from '../storage/errors.ts'

/** What the copy queue carries: one name that a read could not copy while it served it. */
export interface CopyMessage {
  type: 'copy'
  name: string
}

export interface CopyLaterOptions {
  /** Hands the name to the queue; absent where none is bound. */
  send?: (message: CopyMessage) => Promise<unknown>
  /** Copies the name now, within the request's own allowance. */
  copyNow: (name: string, signal: AbortSignal) => Promise<unknown>
  keepAlive: (work: Promise<unknown>) => void
  onFailure: (name: string, error: unknown) => void
}

/** Begins or queues the copy of a name; `false` when there is no room for it now (the next read tries again). */
export type CopyLater = (name: string) => boolean

/** A request's `waitUntil` has about 30 s (Workers limits); what is not done by then is given up in good order. */
const ALLOWANCE_MS = 25_000
/** Copies without a queue hold open connections of which an invocation has six. */
const MAX_WITHOUT_QUEUE = 2
/** How long a queued name is not queued again by this isolate. */
const REQUEUE_MS = 60_000
const MAX_REMEMBERED = 10_000

/** Once per name and isolate, however many clients read it; across isolates the create-only put makes repeats harmless. */
export function createCopyLater(options: CopyLaterOptions): CopyLater {
  const queued = new Map<string, number>()
  const copying = new Map<string, number>()

  const enqueue = (name: string, send: NonNullable<CopyLaterOptions['send']>): boolean => {
    const now = Date.now()
    if (now - (queued.get(name) ?? -Infinity) < REQUEUE_MS) return true
    if (queued.size >= MAX_REMEMBERED) queued.delete(queued.keys().next().value ?? '')
    queued.delete(name)
    queued.set(name, now)
    options.keepAlive(
      send({ type: 'copy', name }).catch((error: unknown) => {
        queued.delete(name)
        options.onFailure(name, error)
      }),
    )
    return true
  }

  const copy = (name: string): boolean => {
    // A request that the platform ended never runs its `finally`: what is older than the allowance is over.
    for (const [other, began] of copying) if (Date.now() - began > 2 * ALLOWANCE_MS) copying.delete(other)
    if (copying.has(name)) return true
    if (copying.size >= MAX_WITHOUT_QUEUE) return false
    copying.set(name, Date.now())
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(outOfTime(name)), ALLOWANCE_MS)
    const work = options
      .copyNow(name, controller.signal)
      .catch((error: unknown) => options.onFailure(name, error))
      .finally(() => {
        clearTimeout(timer)
        copying.delete(name)
      })
    options.keepAlive(work)
    return true
  }

  return (name) => (options.send ? enqueue(name, options.send) : copy(name))
}

function outOfTime(name: string): StorageError {
  const why = `not copied within the ${ALLOWANCE_MS / 1000} s that a request has; bind a queue as COPY_QUEUE for what takes longer`
  return new StorageError('timeout', why, { name })
}
