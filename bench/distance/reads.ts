import { createRandom } from '../../test/kit/random.ts'
import { type Bench, type Measurement, ratio } from '../bench.ts'
import { type Client, openClient, repeat, type Timing } from '../client.ts'
import { type Figure, median, quantile } from '../figure.ts'
import { OWN } from '../own.ts'
import { type Contest, cpuSeconds, startContest } from '../workers.ts'

const SIZE = 4096
/** Few enough that Workers wait for storages, not for the processor. */
const CLIENTS = 8
const READS = 400
/** For what is clear; what falls short is measured again with all of them. */
const QUICK_READS = 100
/** Enough that an isolate does not learn each of them. */
const NAMES = 2000

/** What users notice: the time to the first byte, with storages that are as far away as in production. */
export const distantReads: Measurement = async ({ rounds, turnsPerRound }) => {
  const contest = await startContest(OWN, { distant: true })
  const client = openClient(CLIENTS)
  try {
    // Half of the names have been migrated.
    for (let index = 0; index < NAMES; index += 2) await contest.store(nameOf(index).slice(1), SIZE)
    const run = { contest, client, rounds, reads: turnsPerRound < 10 ? QUICK_READS : READS }
    return [...(await hits(run)), ...(await coldReads(run)), ...(await mix(run))]
  } finally {
    client.close()
    await contest.stop()
  }
}

interface Run extends Pick<Bench, 'contest' | 'rounds'> {
  client: Client
  /** In one turn. */
  reads: number
}

async function hits(run: Run): Promise<Figure[]> {
  const [own = [], bare = []] = await inTurns(run, ['own', 'bare'], migratedNames)
  return [firstBytes('distant hit: first byte ÷ bare R2 Worker', own, bare, { limit: 1.02, accepted: 1.08 })]
}

async function coldReads(run: Run): Promise<Figure[]> {
  const targets = ['own-migrating', 'own', 'bare-origin', 'bare-fetch-through']
  const [own = [], alone = [], origin = [], both = []] = await inTurns(run, targets, coldNames)
  return [
    firstBytes('distant cold read: first byte ÷ fetch-through without R2', own, origin, {
      limit: 1.05,
      accepted: 1.15,
    }),
    firstBytes('the same ÷ R2, then the origin', own, both, { limit: 0.8, accepted: 0.85 }),
    firstBytes('the same without copying ÷ fetch-through without R2', alone, origin, { limit: 1.05 }),
  ]
}

async function mix(run: Run): Promise<Figure[]> {
  const [own = [], both = []] = await inTurns(run, ['own', 'bare-fetch-through'], popularNames)
  const sum = (turns: Turn[], count: (turn: Turn) => number): number =>
    turns.reduce((total, turn) => total + count(turn), 0)
  const perRead = (turns: Turn[], count: (turn: Turn) => number): number =>
    sum(turns, count) / sum(turns, readsOf)
  const extra =
    (sum(own, ({ requests }) => requests) - sum(both, ({ requests }) => requests)) / sum(own, readsOf)
  return [
    firstBytes('distant mix, half of the names migrated: first byte ÷ R2, then the origin', own, both),
    { name: 'its extra source requests', value: 100 * extra, unit: '% of reads', limit: 5 },
    {
      name: 'its operations in the primary, per read',
      value: perRead(own, ({ operations }) => operations),
      unit: '',
      limit: 1,
    },
    {
      name: 'its processor time per read',
      value: 1e6 * perRead(own, ({ cpu }) => cpu),
      unit: 'µs',
      detail: `${Math.round(1e6 * perRead(both, ({ cpu }) => cpu))} µs for R2, then the origin`,
    },
  ]
}

interface Turn {
  timings: Timing[]
  /** Operations of its storages, and requests to the origin. */
  operations: number
  requests: number
  /** Seconds. */
  cpu: number
}

const readsOf = ({ timings }: Turn): number => timings.length

/** The names of one turn of a Worker. */
type Names = (turn: { round: number; worker: string; reads: number }) => string[]

const nameOf = (index: number): string => `/${SIZE}/${index}.jpg`

const migratedNames: Names = ({ reads }) =>
  Array.from({ length: reads }, (_, index) => nameOf((2 * index) % NAMES))

/** Read once each, since that copies them. */
const coldNames: Names = ({ round, worker, reads }) =>
  Array.from({ length: reads }, (_, index) => `/${SIZE}/cold-${worker}-${round}-${index}.jpg`)

/** Popular as Zipf says: the nth name is read a nth as often as the first. */
const popularNames: Names = ({ round, reads }) => {
  const { next } = createRandom(round)
  return Array.from({ length: reads }, () => nameOf(Math.floor(NAMES ** next()) - 1))
}

/** Short turns, in a rotating order; the first round warms up. */
async function inTurns(run: Run, workers: readonly string[], names: Names): Promise<Turn[][]> {
  const taken = workers.map((worker) => ({ worker, turns: [] as Turn[] }))
  for (let round = -1; round < run.rounds; round++) {
    const first = (round + 1) % taken.length
    for (const { worker, turns } of [...taken.slice(first), ...taken.slice(0, first)]) {
      const turn = await takeTurn(run, worker, names({ round, worker, reads: run.reads }))
      if (round >= 0) turns.push(turn)
    }
  }
  return taken.map(({ turns }) => turns)
}

async function takeTurn({ contest, client }: Run, worker: string, names: string[]): Promise<Turn> {
  await restart(contest, worker)
  const before = cpuSeconds(contest.pid) ?? Number.NaN
  const timings = await repeat(names.length, CLIENTS, (index) =>
    client.get(contest.url(worker) + (names[index] ?? '')),
  )
  const cpu = (cpuSeconds(contest.pid) ?? Number.NaN) - before
  const failed = timings.find(({ status, bytes }) => status !== 200 || bytes !== SIZE)
  if (failed) throw new Error(`${worker} answered ${failed.status} with ${failed.bytes} bytes`)
  return { timings, cpu, ...(await restart(contest, worker)) }
}

/** What has been counted, which begins anew; the latencies do, too. */
async function restart(
  { url, origin }: Contest,
  worker: string,
): Promise<{ operations: number; requests: number }> {
  const [own, source] = await Promise.all([fetch(`${url(worker)}/-bench`), fetch(`${origin}/-bench`)])
  return {
    ...((await own.json()) as { operations: number }),
    ...((await source.json()) as { requests: number }),
  }
}

function firstBytes(name: string, own: Turn[], peer: Turn[], bounds: Partial<Figure> = {}): Figure {
  const medians = (turns: Turn[]): number[] => turns.map(({ timings }) => median(timings.map(firstByte)))
  return {
    ...ratio(name, medians(own), medians(peer)),
    ...bounds,
    detail: `${percentiles(own)} ÷ ${percentiles(peer)} ms`,
  }
}

const firstByte = ({ firstByte: ms }: Timing): number => ms

function percentiles(turns: Turn[]): string {
  const all = turns.flatMap(({ timings }) => timings.map(firstByte))
  return [0.5, 0.95, 0.99].map((share) => Math.round(quantile(all, share))).join('/')
}
