import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Random } from './random.ts'

/** Passes requests on, and spoils some of them. Nothing that it spoils is applied after its answer has failed. */
export interface Proxy {
  /** Without a slash at the end. */
  readonly url: string
  /** Where requests go from now on. */
  upstream: URL
  /** Of 1, how many requests are spoilt. */
  failing: number
  /** What every request meets while the server is down; `null` while it is up. */
  outage: Spoil | null
  spoilt: number
  close(): Promise<void>
}

const FAULTS = { reset: 4, status500: 4, status503: 4, forget: 4, truncate: 4, stall: 1, hang: 0.3 } as const
export type Spoil = keyof typeof FAULTS

export async function startProxy(random: Random): Promise<Proxy> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const fault = proxy.outage ?? (random.next() < proxy.failing ? random.pick(FAULTS) : null)
    if (fault) proxy.spoilt += 1
    if (fault === 'reset') return void request.socket.resetAndDestroy()
    if (fault === 'hang') return
    if (fault === 'status500' || fault === 'status503') {
      request.resume()
      return void response.writeHead(Number(fault.slice('status'.length)), { 'Content-Length': 0 }).end()
    }
    pass({ request, response, upstream: proxy.upstream, fault })
  })
  server.on('clientError', (_, socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    upstream: new URL('http://127.0.0.1:9'),
    failing: 0,
    outage: null,
    spoilt: 0,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
  return proxy
}

interface Passing {
  request: IncomingMessage
  response: ServerResponse
  upstream: URL
  fault: Spoil | null
}

/** Signatures cover Host, so it goes on as it came. */
function pass({ request, response, upstream, fault }: Passing): void {
  const { method, headers, url: path } = request
  const { hostname, port } = upstream
  const onward = httpRequest({ hostname, port, method, path, headers, agent: false }, (answer) => {
    // What was asked for has happened, and nobody is told.
    if (fault === 'forget') return void answer.resume().on('end', () => request.socket.resetAndDestroy())
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    const length = Number(answer.headers['content-length'] ?? 0)
    if (fault && method === 'GET' && length > 1) return cut(answer, response, { length, fault })
    answer.on('error', () => response.destroy())
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  response.on('close', () => onward.destroy())
  request.on('error', () => onward.destroy())
  request.pipe(onward)
}

function cut(
  answer: IncomingMessage,
  response: ServerResponse,
  { length, fault }: { length: number; fault: Spoil },
): void {
  let left = Math.floor(length / 2)
  answer.on('error', () => response.destroy())
  answer.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, left)
    left -= part.length
    if (part.length > 0) response.write(part)
    if (left > 0 || fault === 'stall') return
    // What the kernel has not sent is lost with a reset: let it go out first.
    setTimeout(() => response.socket?.resetAndDestroy(), 5)
  })
}
