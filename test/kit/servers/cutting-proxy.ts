import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { forward } from './forward.ts'
import { close, listen } from './listen.ts'

export interface CuttingProxy {
  url: string
  /** The headers of all GETs of objects so far, oldest first. */
  requests: IncomingHttpHeaders[]
  /** Cuts off that many of the next responses after that many bytes of their bodies. */
  cut(times: number, afterBytes: number): void
  /** Milliseconds between two chunks; 0 for full speed. */
  slow(milliseconds: number): void
  close(): Promise<void>
}

/** A proxy in front of the Worker that loses connections on request. */
export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const requests: IncomingHttpHeaders[] = []
  let cuts = { times: 0, afterBytes: 0 }
  let pause = 0
  const server = createServer((request, response) => {
    const { host: _host, ...headers } = request.headers
    if (request.method === 'GET' && !/\/-\/(?!api\/open\/)/.test(request.url ?? '')) requests.push(headers)
    const onAnswer = (answer: IncomingMessage): void => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      const limit = cuts.times > 0 ? cuts.afterBytes : Infinity
      cuts.times -= 1
      pass(answer, response, { limit, pause }).catch(() => response.destroy())
    }
    forward(request, response, new URL(target), { headers, onAnswer })
  })
  return {
    url: await listen(server),
    requests,
    cut: (times, afterBytes) => void (cuts = { times, afterBytes }),
    slow: (milliseconds) => void (pause = milliseconds),
    close: () => close(server),
  }
}

async function pass(
  answer: IncomingMessage,
  response: ServerResponse,
  { limit, pause }: { limit: number; pause: number },
): Promise<void> {
  let sent = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const part = chunk.subarray(0, limit - sent)
    sent += part.length
    await new Promise((resolve) => response.write(part, resolve))
    if (sent >= limit || response.destroyed) return void response.destroy()
    if (pause > 0) await sleep(pause)
  }
  response.end()
}
