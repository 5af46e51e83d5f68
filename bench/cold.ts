import { eventually } from '../test/kit/eventually.ts'
import { type Bench, type Measurement, ratio } from './bench.ts'
import { type Client, openClient, type Timing } from './client.ts'
import { type Figure, median } from './figure.ts'

const SMALL = 4096
const MIB = 1024 * 1024
/** The time after which a copy no longer disturbs the next read. */
const POLL_MS = 5
const LONGEST_COPY_MS = 10_000
/** Objects are cold here, not the code: until it has run some hundred times, it is interpreted. */
const WARM_UP_READS = 300

/** The first read of an object, which copies it into the primary, compared with a Worker that only passes it through. */
export const coldReads: Measurement = async (bench) => {
  const client = openClient(1)
  try {
    await warmUp(bench, client)
    const figures: Figure[] = []
    for (const comparison of COMPARISONS) figures.push(await compare(bench, client, comparison))
    return figures
  } finally {
    client.close()
  }
}

async function warmUp({ contest }: Bench, client: Client): Promise<void> {
  for (let index = 0; index < WARM_UP_READS; index++)
    for (const worker of ['own-migrating', 'bare-fetch-through'])
      await client.get(`${contest.url(worker)}/${SMALL}/warm-up-${worker}-${index}.jpg`)
}

interface Comparison {
  name: string
  bytes: number
  reads: number
  time: (timing: Timing) => number
  limit?: number
  accepted?: number
  /** The path of such objects at the origin. */
  below: string
}

const COMPARISONS: Comparison[] = [
  {
    name: 'cold migrating read, 1 MiB: first byte ÷ bare fetch-through',
    bytes: MIB,
    reads: 6,
    time: ({ firstByte }) => firstByte,
    limit: 1.4,
    accepted: 1.6,
    below: '',
  },
  {
    name: 'cold migrating read, 16 MiB at 200 Mbit/s: whole ÷ bare fetch-through',
    bytes: 16 * MIB,
    reads: 2,
    time: ({ whole }) => whole,
    limit: 1.15,
    below: '/paced',
  },
  {
    name: 'the same from an origin on the same machine',
    bytes: 16 * MIB,
    reads: 2,
    time: ({ whole }) => whole,
    below: '',
  },
]

async function compare(bench: Bench, client: Client, comparison: Comparison): Promise<Figure> {
  const own: number[] = []
  const bare: number[] = []
  for (let round = -1; round < bench.rounds; round++) {
    const times = await readInTurn(bench, client, { ...comparison, round })
    // The first round warms the code up.
    if (round === -1) continue
    own.push(median(times.own))
    bare.push(median(times.bare))
  }
  return {
    ...ratio(comparison.name, own, bare),
    ...(comparison.limit !== undefined && { limit: comparison.limit }),
    ...(comparison.accepted !== undefined && { accepted: comparison.accepted }),
    detail: `${median(own).toFixed(1)} ÷ ${median(bare).toFixed(1)} ms`,
  }
}

async function readInTurn(
  { contest }: Bench,
  client: Client,
  { bytes, reads, round, time, below }: Comparison & { round: number },
): Promise<{ own: number[]; bare: number[] }> {
  const times = { own: [] as number[], bare: [] as number[] }
  const read = async (worker: string, path: string): Promise<number> => {
    const timing = await client.get(contest.url(worker) + path)
    if (timing.status !== 200 || timing.bytes !== bytes)
      throw new Error(`${worker} answered ${timing.status} with ${timing.bytes} bytes for ${path}`)
    return time(timing)
  }
  for (let index = 0; index < reads; index++) {
    const path = `${below}/${bytes}/${round}-${index}.jpg`
    const own = async () => {
      times.own.push(await read('own-migrating', path))
      await copied(client, contest.url('bare') + path)
    }
    const bare = async () => times.bare.push(await read('bare-fetch-through', `${path}.bare.jpg`))
    await (index % 2 === 0 ? own() : bare())
    await (index % 2 === 0 ? bare() : own())
  }
  return times
}

/** Waits until the copy is in the bucket, which proves that there was one. */
async function copied(client: Client, url: string): Promise<void> {
  const isThere = async () => (await client.get(url, { method: 'HEAD' })).status === 200 || null
  await eventually(() => `a copy at ${url}`, isThere, { patience: LONGEST_COPY_MS, interval: POLL_MS })
}
