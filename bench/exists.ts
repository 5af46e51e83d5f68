import { type Measurement, ratio } from './bench.ts'
import { openClient } from './client.ts'
import { median } from './figure.ts'
import { BENCH_TOKEN } from './own.ts'

const NAMES = 100

/** The round trip between client and Worker; the second backend is 25 ms further away. */
const DISTANCE_MS = 30
const MOST_ROUNDS = 3

/** A hundred names over two backends in one request, compared with a hundred requests one after another. */
export const existsBatch: Measurement = async ({ contest, rounds }) => {
  const client = openClient(1)
  const url = `${contest.url('own-slow-second')}/-/api/exists`
  // A batch of more than 20 names needs the token.
  const headers = { Authorization: `Bearer ${BENCH_TOKEN}` }
  const batch: number[] = []
  const single: number[] = []
  try {
    for (let round = -1; round < Math.min(rounds, MOST_ROUNDS); round++) {
      // New names, because absences are cached.
      const names = Array.from({ length: NAMES }, (_, index) => `missing/${round}-${index}.jpg`)
      const other = names.map((name) => `${name}.other.jpg`)
      const together = await timed(async () => {
        await distance()
        const { status } = await client.get(url, { method: 'POST', headers, body: JSON.stringify({ names }) })
        if (status !== 200) throw new Error(`a batch was answered with ${status}`)
      })
      const each = await timed(async () => {
        for (const name of other) {
          await distance()
          await client.get(`${url}/${name}`)
        }
      })
      if (round === -1) continue
      batch.push(together)
      single.push(each)
    }
  } finally {
    client.close()
  }
  return [
    {
      ...ratio('exists, client 30 ms away: 100 single calls ÷ a batch of 100, two backends', single, batch),
      atLeast: 10,
      detail: `${median(single).toFixed(0)} ÷ ${median(batch).toFixed(0)} ms`,
    },
  ]
}

function distance(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, DISTANCE_MS))
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}
