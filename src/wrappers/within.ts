/** What a call is given to give up by. */
export interface Watch {
  signal: AbortSignal
}

export interface WithinOptions<Result> {
  ms: number
  /** What the overrun is thrown as. */
  overrun: () => Error
  /** The caller's own; ends the wait at once, whether or not the call heeds it. */
  signal?: AbortSignal | undefined
  /** Told of a result that came after the wait had ended. */
  late?: (result: Result) => Promise<void>
}

/** Waits for a call for `ms`. The call is then told by its signal, but not waited for. */
export function within<Result>(
  call: (watch: Watch) => Promise<Result>,
  { ms, overrun, signal, late }: WithinOptions<Result>,
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
    const overran = (): void => giveUp(overrun())
    const abort = (): void => giveUp(signal?.reason)
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    const timer = setTimeout(overran, ms)
    if (signal?.aborted) return abort()
    signal?.addEventListener('abort', abort)

    const watch: Watch = {
      // Made when it is asked for: a binding cannot be told to stop.
      get signal() {
        controller ??= new AbortController()
        if (over) controller.abort()
        return signal ? AbortSignal.any([signal, controller.signal]) : controller.signal
      },
    }
    started(call, watch).then(
      (result) => {
        done()
        // Nobody is left to be told whether letting go of it worked.
        if (over && late) void Promise.allSettled([late(result)])
        else resolve(result)
      },
      (error: unknown) => {
        done()
        reject(error)
      },
    )
  })
}

/** A call that throws at once fails like one that rejects. */
function started<Result>(call: (watch: Watch) => Promise<Result>, watch: Watch): Promise<Result> {
  try {
    return call(watch)
  } catch (error) {
    return Promise.reject(error)
  }
}
