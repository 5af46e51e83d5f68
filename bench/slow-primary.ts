import { type Bench, type Measurement, ratio } from './bench.ts'
import { type Client, openClient, repeat } from './client.ts'
import { type Figure, median, quantile, spreadOf } from './figure.ts'
import { HEDGE_MS, TIMEOUT_MS } from './own.ts'

/** Few enough concurrent requests not to queue; the 99th percentile is then the slowest of all. */
const REQUESTS = 100
const AT_ONCE = 10
const PATH = '/4096/photo.jpg'
/** Enough failures to open a breaker. */
const OPENING = 12

/** Reads that the fallback can serve while the primary hangs: without hedging, with it, and with the breaker open. */
export const slowPrimary: Measurement = async (bench) => {
  const client = openClient(AT_ONCE)
  try {
    const alone: number[] = []
    const hedged: number[] = []
    const broken: number[] = []
    for (let round = 0; round < bench.rounds; round++) {
      alone.push(await slowest(bench, client, 'own-slow'))
      hedged.push(await slowest(bench, client, 'own-hedged'))
      // Open for five seconds, which is longer than the reads take.
      await repeat(OPENING, OPENING, () => client.get(bench.contest.url('own-broken') + PATH))
      broken.push(await slowest(bench, client, 'own-broken'))
    }
    // Every read takes the whole timeout, so a few rounds are enough.
    const waiting = [await slowest(bench, client, 'own-hanging'), await slowest(bench, client, 'own-hanging')]
    const own = median(alone)
    return [
      milliseconds('p99 of the fallback alone', alone),
      {
        ...milliseconds(`p99 with a hanging primary, timeout_ms ${TIMEOUT_MS}`, waiting),
        limit: Math.round(TIMEOUT_MS * 1.1 + own),
      },
      {
        ...milliseconds(`p99 with a hanging primary, hedge_ms ${HEDGE_MS}`, hedged),
        limit: Math.round(2 * HEDGE_MS + own),
      },
      {
        ...ratio('p99 with a hanging primary, breaker open ÷ the fallback alone', broken, alone),
        limit: 1.1,
        detail: `${median(broken).toFixed(1)} ÷ ${own.toFixed(1)} ms`,
      },
    ]
  } finally {
    client.close()
  }
}

async function slowest({ contest }: Bench, client: Client, worker: string): Promise<number> {
  const timings = await repeat(REQUESTS, AT_ONCE, () => client.get(contest.url(worker) + PATH))
  if (timings.some(({ status }) => status !== 200)) throw new Error(`${worker} failed a read`)
  return quantile(
    timings.map(({ whole }) => whole),
    0.99,
  )
}

function milliseconds(name: string, values: readonly number[]): Figure {
  return { name, value: median(values), unit: 'ms', spread: spreadOf(values) }
}
