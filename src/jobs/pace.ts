/** Waits for its turn. */
export type Pace = () => Promise<void>

const CLOCK = { now: () => Date.now(), sleep: (ms: number): Promise<unknown> => scheduler.wait(ms) }

/** Turns that are `interval` milliseconds apart, of which none comes before `first`. */
export function createPace(interval: number, first = 0, { now, sleep } = CLOCK): Pace {
  let next = first
  return async () => {
    const time = now()
    const turn = Math.max(time, next)
    next = turn + interval
    if (turn > time) await sleep(turn - time)
  }
}
