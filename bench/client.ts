import { Agent, request as httpRequest } from 'node:http'

/** Milliseconds from the request until the first and the last byte of the body. */
export interface Timing {
  firstByte: number
  whole: number
  status: number
  bytes: number
}

export interface Client {
  get(
    url: string,
    options?: { method?: string; body?: string; headers?: Readonly<Record<string, string>> },
  ): Promise<Timing>
  close(): void
}

/** A client that keeps its connections, like a browser. */
export function openClient(connections: number): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  return {
    get: (url, { method = 'GET', body, headers: own = {} } = {}) =>
      new Promise((resolve, reject) => {
        const started = performance.now()
        const timing: Timing = { firstByte: 0, whole: 0, status: 0, bytes: 0 }
        const headers = body === undefined ? own : { ...own, 'Content-Type': 'application/json' }
        const request = httpRequest(url, { agent, method, headers }, (response) => {
          timing.status = response.statusCode ?? 0
          response.on('data', (chunk: Buffer) => {
            if (timing.bytes === 0) timing.firstByte = performance.now() - started
            timing.bytes += chunk.length
          })
          response.on('end', () => {
            timing.whole = performance.now() - started
            resolve(timing)
          })
          response.on('error', reject)
        })
        request.on('error', reject)
        request.end(body)
      }),
    close: () => agent.destroy(),
  }
}

/** Runs `work` this many times, `atOnce` at a time. */
export async function repeat<T>(
  times: number,
  atOnce: number,
  work: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = []
  let next = 0
  const runner = async (): Promise<void> => {
    while (next < times) {
      const index = next++
      results[index] = await work(index)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, runner))
  return results
}
