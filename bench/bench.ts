import { type Figure, median, spreadOf } from './figure.ts'
import { load, type Target } from './load.ts'
import { type Contest, cpuSeconds } from './workers.ts'

/** What every measurement is given. */
export interface Bench {
  contest: Contest
  rounds: number
  /** Seconds of load for one contestant in one round. */
  seconds: number
}

/** One row or a few of the table. */
export type Measurement = (bench: Bench) => Promise<Figure[]>

interface Round {
  requestsPerSecond: number
  /** Microseconds of the workerd process for one request; absent where the system does not tell. */
  cpu: number | undefined
}

const CONNECTIONS = 8

/**
 * Puts each target under load in turn, `rounds` times: in every second round the other way round, so that none always
 * comes after the same one. The first, unmeasured pass warms the code up.
 */
export async function takeTurns(
  { contest, rounds, seconds }: Bench,
  targets: readonly Target[],
): Promise<Round[][]> {
  const taken: Round[][] = targets.map(() => [])
  const turn = async (target: Target): Promise<Round> => {
    const before = cpuSeconds(contest.pid)
    const { requests, requestsPerSecond } = await load(target, { seconds, connections: CONNECTIONS })
    const after = cpuSeconds(contest.pid)
    const cpu = before === undefined || after === undefined ? undefined : ((after - before) / requests) * 1e6
    return { requestsPerSecond, cpu }
  }
  for (const target of targets) await turn(target)
  for (let round = 0; round < rounds; round++) {
    const order = targets.map((target, index) => ({ target, index }))
    for (const { target, index } of round % 2 === 0 ? order : order.toReversed())
      taken[index]?.push(await turn(target))
  }
  return taken
}

/** Requests per second of the first, as a multiple of those of the second in the same round. */
export function speedRatio(name: string, own: Round[], peer: Round[], bounds: Partial<Figure> = {}): Figure {
  const speeds = (rounds: Round[]) => rounds.map(({ requestsPerSecond }) => requestsPerSecond)
  return {
    ...ratio(name, speeds(own), speeds(peer)),
    detail: `${Math.round(median(speeds(own)))} ÷ ${Math.round(median(speeds(peer)))} requests/s`,
    ...bounds,
  }
}

/** Processor time of the first for one request, as a multiple of that of the second. */
export function cpuRatio(name: string, own: Round[], peer: Round[], bounds: Partial<Figure> = {}): Figure[] {
  const times = (rounds: Round[]) => rounds.flatMap(({ cpu }) => (cpu === undefined ? [] : [cpu]))
  if (times(own).length === 0) return []
  return [
    {
      ...ratio(name, times(own), times(peer)),
      detail: `${Math.round(median(times(own)))} ÷ ${Math.round(median(times(peer)))} µs`,
      ...bounds,
    },
  ]
}

/** The median of the rounds' ratios: what disturbs the machine disturbs both halves of a round alike. */
export function ratio(name: string, own: readonly number[], peer: readonly number[]): Figure {
  const ratios = own.map((value, index) => value / (peer[index] ?? Number.NaN))
  return { name, value: median(ratios), unit: '×', spread: spreadOf(ratios) }
}

/** Throws unless the target answers as the measurement thinks it does: a fast error page is no result. */
export async function expectAnswer(
  { url, headers = {} }: Target,
  { status, bytes }: { status: number; bytes?: number },
): Promise<Headers> {
  const answer = await fetch(url, { headers })
  const { byteLength } = await answer.arrayBuffer()
  if (answer.status !== status || (bytes !== undefined && byteLength !== bytes))
    throw new Error(`${url} answered ${answer.status} with ${byteLength} bytes`)
  return answer.headers
}
