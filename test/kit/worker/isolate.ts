import { setTimeout as sleep } from 'node:timers/promises'
import { connectInspector } from './inspector.ts'

/** The memory of one isolate in bytes: V8's heap, and the buffers reachable from it. */
export interface IsolateMemory {
  heap: number
  buffers: number
}

export interface IsolateWatch {
  /** The highest total, including garbage that is not yet collected. */
  readonly peak: IsolateMemory
  /** The same right after a garbage collection; needs `collecting`. */
  readonly peakInUse: IsolateMemory
  now(): Promise<IsolateMemory>
  stop(): Promise<void>
}

const INTERVAL_MS = 100
/** Every collection pauses the Worker. */
const COLLECT_INTERVAL_MS = 400

export interface WatchOptions {
  /** Collects garbage before each sample, as V8 does when an isolate comes near its limit. */
  collecting?: boolean
  /** Milliseconds between samples. */
  interval?: number
  /** Makes the isolate run for a moment: an idle one does not collect. */
  poke?: () => Promise<unknown>
}

/** Samples the memory of the Worker's isolate through workerd's inspector until it is stopped. */
export async function watchIsolate(
  inspector: URL,
  worker: string,
  { collecting = false, interval = collecting ? COLLECT_INTERVAL_MS : INTERVAL_MS, poke }: WatchOptions = {},
): Promise<IsolateWatch> {
  const session = await connectInspector(inspector, worker)
  const now = async (): Promise<IsolateMemory> => {
    const { usedSize, backingStorageSize } = await session.send<HeapUsage>('Runtime.getHeapUsage')
    return { heap: usedSize, buffers: backingStorageSize }
  }
  const collect = async (): Promise<void> => {
    let collected = false
    const answered = session.send('HeapProfiler.collectGarbage').then(() => (collected = true))
    while (!collected) await Promise.all([poke?.(), Promise.race([answered, sleep(INTERVAL_MS)])])
  }
  let peak = await now()
  let peakInUse: IsolateMemory = { heap: 0, buffers: 0 }
  let stopped = false
  const watching = (async () => {
    while (!stopped) {
      const memory = await now()
      if (sum(memory) > sum(peak)) peak = memory
      if (collecting) {
        await collect()
        const inUse = await now()
        if (sum(inUse) > sum(peakInUse)) peakInUse = inUse
      }
      await sleep(interval)
    }
  })()
  return {
    get peak() {
      return peak
    },
    get peakInUse() {
      return peakInUse
    },
    now,
    async stop() {
      stopped = true
      await watching
      session.close()
    },
  }
}

function sum({ heap, buffers }: IsolateMemory): number {
  return heap + buffers
}

interface HeapUsage {
  usedSize: number
  backingStorageSize: number
}
