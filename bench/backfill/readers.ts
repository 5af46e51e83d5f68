import { setTimeout as sleep } from 'node:timers/promises'
import { bytesOf, type Sample } from './source.ts'

const ANSWER_MS = 60_000

export interface Reads {
  served: number
  /** The ones of those that the source served. */
  fromSource: number
  /** Not answered, because the Worker was dead. */
  lost: number
  wrong: string[]
  /** The duration of each in milliseconds. */
  times: number[]
}

/** Reads small objects at random until `stop`, and compares every byte. */
export function startReaders(
  url: string,
  samples: readonly Sample[],
  readers: number,
): { reads: Reads; stop: () => Promise<void> } {
  const reads: Reads = { served: 0, fromSource: 0, lost: 0, wrong: [], times: [] }
  let isOn = true
  const small = samples.filter(({ size }) => size < 1_000_000)
  const run = async (seed: number): Promise<void> => {
    for (let turn = seed; isOn; turn++) {
      const sample = small[(turn * 7919) % small.length]
      if (!sample) return
      await read(url, sample, reads)
      await sleep(100)
    }
  }
  const running = Array.from({ length: readers }, (_, index) => run(index * 104_729))
  return {
    reads,
    async stop() {
      isOn = false
      await Promise.all(running)
    },
  }
}

async function read(url: string, sample: Sample, reads: Reads): Promise<void> {
  const started = performance.now()
  try {
    const path = sample.name.split('/').map(encodeURIComponent).join('/')
    const response = await fetch(url + path, { signal: AbortSignal.timeout(ANSWER_MS) })
    const bytes = Buffer.from(await response.arrayBuffer())
    if (response.status !== 200 || !bytes.equals(bytesOf(sample)))
      reads.wrong.push(`${sample.name}: ${response.status}`)
    reads.served++
    if (response.headers.get('Cache-Status')?.includes('detail=legacy')) reads.fromSource++
    reads.times.push(performance.now() - started)
  } catch (error) {
    // A killed Worker breaks the connection; a live one responds.
    if (error instanceof Error && error.name === 'TimeoutError')
      reads.wrong.push(`${sample.name}: no answer within ${ANSWER_MS / 1000} s`)
    else reads.lost++
  }
}
