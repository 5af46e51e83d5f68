import { type Client, openClient } from './client.ts'
import { type Figure, median, quantile, spreadOf } from './figure.ts'
import { type Contest, cpuSeconds } from './workers.ts'

/** The arguments of every measurement. */
export interface Bench {
  contest: Contest
  rounds: number
  /** How many short turns each target has in a round of `takeTurns`. */
  turnsPerRound: number
}

/** One or a few rows of the table. */
export type Measurement = (bench: Bench) => Promise<Figure[]>

interface Turn {
  requestsPerSecond: number
  /** CPU time of the workerd process per request in microseconds; absent if the system does not report it. */
  cpu: number | undefined
}

/** One kind of request, sent repeatedly. */
export interface Target {
  url: string
  /** Default: GET. */
  method?: string
  headers?: Readonly<Record<string, string>>
}

const CONNECTIONS = 8
const WARM_UP_MS = 1000
/** A shared machine's speed changes by a third from one second to the next, so only neighbouring turns can be compared. */
const TURN_MS = 120

/** Puts the targets under load in short turns, in a rotating order. */
export async function takeTurns(
  { contest, rounds, turnsPerRound }: Bench,
  targets: readonly Target[],
): Promise<Turn[][]> {
  const client = openClient(CONNECTIONS)
  const turn = async (target: Target, ms: number): Promise<Turn> => {
    const before = cpuSeconds(contest.pid)
    const started = performance.now()
    const requests = await requestFor(ms, client, target)
    const requestsPerSecond = (requests / (performance.now() - started)) * 1000
    const after = cpuSeconds(contest.pid)
    const cpu = before === undefined || after === undefined ? undefined : ((after - before) / requests) * 1e6
    return { requestsPerSecond, cpu }
  }
  const taken = targets.map((target) => ({ target, turns: [] as Turn[] }))
  try {
    for (const { target } of taken) await turn(target, WARM_UP_MS)
    for (let round = 0; round < rounds * turnsPerRound; round++) {
      const first = round % taken.length
      for (const { target, turns } of [...taken.slice(first), ...taken.slice(0, first)])
        turns.push(await turn(target, TURN_MS))
    }
  } finally {
    client.close()
  }
  return taken.map(({ turns }) => turns)
}

/** Sends requests as fast as they are answered for this long; returns how many. */
export async function requestFor(
  ms: number,
  client: Client,
  { url, method = 'GET', headers = {} }: Target,
): Promise<number> {
  const ends = performance.now() + ms
  let requests = 0
  const send = async (): Promise<void> => {
    for (; performance.now() < ends; requests++) await client.get(url, { method, headers })
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, send))
  return requests
}

/** Requests per second of the first, as a multiple of those of the second right after or before. */
export function speedRatio(name: string, own: Turn[], peer: Turn[], bounds: Partial<Figure> = {}): Figure {
  const speeds = (turns: Turn[]) => turns.map(({ requestsPerSecond }) => requestsPerSecond)
  return {
    ...turnRatio(name, speeds(own), speeds(peer)),
    detail: `${Math.round(median(speeds(own)))} ÷ ${Math.round(median(speeds(peer)))} requests/s`,
    ...bounds,
  }
}

/** CPU time per request of the first, as a multiple of that of the second. */
export function cpuRatio(name: string, own: Turn[], peer: Turn[], bounds: Partial<Figure> = {}): Figure[] {
  const times = (turns: Turn[]) => turns.flatMap(({ cpu }) => (cpu === undefined ? [] : [cpu]))
  if (times(own).length === 0) return []
  return [
    {
      ...turnRatio(name, times(own), times(peer)),
      detail: `${Math.round(median(times(own)))} ÷ ${Math.round(median(times(peer)))} µs`,
      ...bounds,
    },
  ]
}

/** The outer quarters of many short turns only reflect the machine; the spread is the range between them. */
function turnRatio(name: string, own: readonly number[], peer: readonly number[]): Figure {
  const ratios = own.map((value, index) => value / (peer[index] ?? Number.NaN))
  return { ...ratio(name, own, peer), spread: [quantile(ratios, 0.25), quantile(ratios, 0.75)] }
}

/** The median of the rounds' ratios, because disturbances affect both halves of a round equally. */
export function ratio(name: string, own: readonly number[], peer: readonly number[]): Figure {
  const ratios = own.map((value, index) => value / (peer[index] ?? Number.NaN))
  return { name, value: median(ratios), unit: '×', spread: spreadOf(ratios) }
}

/** Throws unless the target responds as expected: a fast error page is not a result. */
export async function expectAnswer(
  { url, method = 'GET', headers = {} }: Target,
  { status, bytes }: { status: number; bytes?: number },
): Promise<Headers> {
  const answer = await fetch(url, { method, headers })
  const { byteLength } = await answer.arrayBuffer()
  if (answer.status !== status || (bytes !== undefined && byteLength !== bytes))
    throw new Error(`${url} answered ${answer.status} with ${byteLength} bytes`)
  return answer.headers
}
