/** What a call is given to give up by, and to tell that it still gets on. */
export interface Watch {
  signal: AbortSignal
  /** Puts the overrun off: bytes have moved. */
  progress(): void
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

/** Waits for a call until nothing has moved for `ms`. The call is then told by its signal, but not waited for. */
export function within<Result>(
  call: (watch: Watch) => Promise<Result>,
  { ms, overrun, signal, late }: WithinOptions<Result>,
): Promise<Result> {
  return new Promise<Result>((resolve, reject) => {
    const controller = new AbortController()
    let over = false
    const giveUp = (error: unknown): void => {
      over = true
      done()
      controller.abort(error)
      reject(error)
    }
    const arm = (): ReturnType<typeof setTimeout> => setTimeout(() => giveUp(overrun()), ms)
    const abort = (): void => giveUp(signal?.reason)
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    let timer = arm()
    if (signal?.aborted) return abort()
    signal?.addEventListener('abort', abort)

    const progress = (): void => {
      if (over) return
      clearTimeout(timer)
      timer = arm()
    }
    const combined = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal
    const called = async (): Promise<Result> => call({ signal: combined, progress })
    called().then(
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
