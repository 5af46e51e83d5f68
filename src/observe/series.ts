import type { Dependence } from '../schemas/answers.ts'
import { dependenceOf, type DependentChain } from './dependence.ts'
import type { Report } from './rings.ts'
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
  const send = async (report: Report): Promise<void> => object().report(report)
  const later = (ms: number, task: () => void): void => keepAlive(scheduler.wait(ms).then(task))
  return { tally: createTally({ send, keepAlive, later }), object }
}

/** How much each fallback is needed, with what this isolate has just counted. */
export async function readDependence({ tally, object }: Series, chain: DependentChain): Promise<Dependence> {
  await tally.settle()
  return dependenceOf(await object().dependence(), chain)
}
