import { type Measurement, ratio } from './bench.ts'
import { openClient } from './client.ts'
import { type Figure, median } from './figure.ts'
import { BENCH_TOKEN, OWN } from './own.ts'
import { startContest } from './workers.ts'

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
    ...(await operationsOfBatch()),
  ]
}

/** What a batch costs in R2, which is as far away as in production. */
async function operationsOfBatch(): Promise<Figure[]> {
  const contest = await startContest(OWN, { distant: true })
  try {
    const worker = contest.url('own-s3')
    const names = Array.from({ length: NAMES }, (_, index) => `batch/${index}.jpg`)
    for (const name of names.slice(0, NAMES / 2)) await contest.store(name, 1)
    await fetch(`${worker}/-bench`)
    const ms = await timed(async () => {
      const headers = { Authorization: `Bearer ${BENCH_TOKEN}` }
      const request = { method: 'POST', headers, body: JSON.stringify({ names }) }
      const { exists } = (await (await fetch(`${worker}/-/api/exists`, request)).json()) as {
        exists: Record<string, boolean>
      }
      const found = names.filter((name) => exists[name]).length
      if (found !== NAMES / 2) throw new Error(`${found} of ${NAMES / 2} names were found`)
    })
    const { operations } = (await (await fetch(`${worker}/-bench`)).json()) as { operations: number }
    return [
      {
        name: 'exists: operations in R2 for a batch of 100 names of one directory',
        value: operations,
        unit: '',
        limit: 1,
        detail: `${ms.toFixed(0)} ms`,
      },
    ]
  } finally {
    await contest.stop()
  }
}

function distance(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, DISTANCE_MS))
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}
