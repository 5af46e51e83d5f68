/** Calls `expire` after `ms`, unless the returned function is called first. */
export type StartDeadline = (ms: number, expire: () => void) => () => void

/** One timer for each deadline. */
export const startTimer: StartDeadline = (ms, expire) => {
  const timer = setTimeout(expire, ms)
  return () => clearTimeout(timer)
}

/**
 * Deadlines that share one timer, because setting and clearing timers is much of what a request costs. It is not cleared when
 * nothing waits for it any more: the runtime does so at the end of the invocation.
 */
export function createDeadlines(): StartDeadline {
  const open = new Set<{ at: number; expire: () => void }>()
  let timer: ReturnType<typeof setTimeout> | null = null
  let ringsAt = Infinity

  const ringAt = (at: number): void => {
    if (at >= ringsAt) return
    clearTimeout(timer)
    ringsAt = at
    timer = setTimeout(ring, at - Date.now())
  }
  const ring = (): void => {
    const now = Date.now()
    ringsAt = Infinity
    for (const deadline of open) {
      if (deadline.at > now) ringAt(deadline.at)
      else if (open.delete(deadline)) deadline.expire()
    }
  }
  return (ms, expire) => {
    const deadline = { at: Date.now() + ms, expire }
    open.add(deadline)
    ringAt(deadline.at)
    return () => void open.delete(deadline)
  }
}
