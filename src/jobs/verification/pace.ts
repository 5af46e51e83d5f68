import type { Backend } from '../../storage/backend.ts'

/** Waits for its turn: returns at most so many times per second. */
export type Pace = () => Promise<void>

interface Clock {
  now: () => number
  sleep: (ms: number) => Promise<unknown>
}

export function createPace(perSecond: number, { now, sleep }: Clock): Pace {
  const interval = 1000 / perSecond
  let next = 0
  return async () => {
    const time = now()
    const turn = Math.max(time, next)
    next = turn + interval
    if (turn > time) await sleep(turn - time)
  }
}

/** The backends, whose reads and listings each wait for their turn. */
export function withPace<B extends Backend>(backends: readonly B[], pace: Pace): B[] {
  return backends.map((backend) => {
    const { get, head, list } = backend
    return {
      ...backend,
      get: async (...given: Parameters<typeof get>) => {
        await pace()
        return get(...given)
      },
      head: async (...given: Parameters<typeof head>) => {
        await pace()
        return head(...given)
      },
      ...(list && {
        list: async (...given: Parameters<typeof list>) => {
          await pace()
          return list(...given)
        },
      }),
    }
  })
}
