import { setTimeout as sleep } from 'node:timers/promises'

/** What one isolate holds, in bytes: V8's heap, and the buffers that it reaches from there. */
export interface IsolateMemory {
  heap: number
  buffers: number
}

export interface IsolateWatch {
  /** What it held when that was most in sum, garbage not yet collected included. */
  readonly peak: IsolateMemory
  /** The same right after a collection of garbage; needs `collecting`. */
  readonly peakInUse: IsolateMemory
  now(): Promise<IsolateMemory>
  stop(): Promise<void>
}

const INTERVAL_MS = 100
/** Collecting stops the Worker each time. */
const COLLECT_INTERVAL_MS = 400

export interface WatchOptions {
  /** Collects garbage at each look, as V8 does itself when an isolate comes near its limit. */
  collecting?: boolean
  /** Makes the isolate run for a moment: an idle one does not collect. */
  poke?: () => Promise<unknown>
}

/** Asks the Worker's isolate for its memory again and again, through workerd's inspector. */
export async function watchIsolate(
  inspector: URL,
  worker: string,
  { collecting = false, poke }: WatchOptions = {},
): Promise<IsolateWatch> {
  const socket = new WebSocket(await targetOf(inspector, worker))
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  let last = 0
  const call = (method: string): Promise<HeapUsage> => {
    const id = ++last
    const answered = new Promise<HeapUsage>((resolve) => {
      const hear = ({ data }: MessageEvent): void => {
        const message = JSON.parse(String(data)) as { id?: number; result: HeapUsage }
        if (message.id !== id) return
        socket.removeEventListener('message', hear)
        resolve(message.result)
      }
      socket.addEventListener('message', hear)
    })
    socket.send(JSON.stringify({ id, method }))
    return answered
  }
  const now = async (): Promise<IsolateMemory> => {
    const { usedSize, backingStorageSize } = await call('Runtime.getHeapUsage')
    return { heap: usedSize, buffers: backingStorageSize }
  }
  const collect = async (): Promise<void> => {
    let collected = false
    const answered = call('HeapProfiler.collectGarbage').then(() => (collected = true))
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
      await sleep(collecting ? COLLECT_INTERVAL_MS : INTERVAL_MS)
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
      socket.close()
    },
  }
}

function sum({ heap, buffers }: IsolateMemory): number {
  return heap + buffers
}

interface HeapUsage {
  usedSize: number
  totalSize: number
  backingStorageSize: number
}

async function targetOf(inspector: URL, worker: string): Promise<string> {
  const list = await fetch(new URL('/json/list', inspector.href.replace(/^ws/, 'http')))
  const targets = (await list.json()) as { id: string; webSocketDebuggerUrl: string }[]
  const target = targets.find(({ id }) => id === `core:user:${worker}`)
  if (!target) throw new Error(`no such Worker: ${targets.map(({ id }) => id).join(', ')}`)
  return target.webSocketDebuggerUrl
}
