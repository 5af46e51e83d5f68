import type { Backend } from '../../storage/backend.ts'
import type { Pace } from '../pace.ts'

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
