import { createTally, type Tally } from './tally.ts'
import type { TimeSeries } from './time-series.ts'

/** What is counted over time: here, and in the object that sums what all isolates count. */
export interface Series {
  tally: Tally
  object: () => DurableObjectStub<TimeSeries>
}

export function openSeries(
  namespace: DurableObjectNamespace,
  keepAlive: (work: Promise<unknown>) => void,
): Series {
  const object = () => namespace.getByName('series') as DurableObjectStub<TimeSeries>
  return { tally: createTally({ send: async (report) => object().report(report), keepAlive }), object }
}
