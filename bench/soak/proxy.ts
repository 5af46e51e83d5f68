import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { forward, passBack } from '../../test/kit/servers/forward.ts'
import { close, listen } from '../../test/kit/servers/listen.ts'
import type { Random } from '../../test/kit/random.ts'

/** Forwards requests, some of them with faults. No faulty request is applied after its response has failed. */
export interface Proxy {
  /** Ends in `/`. */
  readonly url: string
  /** The new destination of requests. */
  upstream: URL
  /** The fraction of requests that get a fault. */
  failing: number
  /** The fault of every request while the server is down; `null` while it is up. */
  outage: ProxyFault | null
  faulty: number
  close(): Promise<void>
}

const FAULTS = { reset: 4, status500: 4, status503: 4, forget: 4, truncate: 4, stall: 1, hang: 0.3 } as const
export type ProxyFault = keyof typeof FAULTS

export async function startProxy(random: Random): Promise<Proxy> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const fault = proxy.outage ?? (random.next() < proxy.failing ? random.pick(FAULTS) : null)
    if (fault) proxy.faulty += 1
    if (fault === 'reset') return void request.socket.resetAndDestroy()
    if (fault === 'hang') return
    if (fault === 'status500' || fault === 'status503') {
      request.resume()
      return void response.writeHead(Number(fault.slice('status'.length)), { 'Content-Length': 0 }).end()
    }
    const onAnswer = (answer: IncomingMessage): void => {
      // The request was applied, but its client does not learn that.
      if (fault === 'forget') return void answer.resume().on('end', () => request.socket.resetAndDestroy())
      const length = Number(answer.headers['content-length'] ?? 0)
      if (!fault || request.method !== 'GET' || length <= 1) return passBack(answer, response)
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      cut(answer, response, { length, fault })
    }
    forward(request, response, proxy.upstream, { onAnswer })
  })
  server.on('clientError', (_, socket) => socket.destroy())
  const proxy: Proxy = {
    url: await listen(server),
    upstream: new URL('http://127.0.0.1:9'),
    failing: 0,
    outage: null,
    faulty: 0,
    close: () => close(server),
  }
  return proxy
}

function cut(
  answer: IncomingMessage,
  response: ServerResponse,
  { length, fault }: { length: number; fault: ProxyFault },
): void {
  let left = Math.floor(length / 2)
  answer.on('error', () => response.destroy())
  answer.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, left)
    left -= part.length
    if (part.length > 0) response.write(part)
    if (left > 0 || fault === 'stall') return
    // Bytes that the kernel has not sent are lost with a reset, so wait for them first.
    setTimeout(() => response.socket?.resetAndDestroy(), 5)
  })
}
