import { answer, requestedRange, contentRange, representation, serve, type Exchange } from './serve.ts'

/** Gives a wrong response to one request. */
export type Fault = (exchange: Exchange) => void

const HTML = Buffer.from('<!doctype html><title>Sorry</title><p>Something went wrong.')

/** Applies the fault only to bodies; responses to HEAD stay healthy. */
export function toBodies(fault: Fault): Fault {
  return (exchange) =>
    exchange.request.method === 'GET' && exchange.object ? fault(exchange) : serve(exchange)
}

/** The status, headers and bytes of a healthy response to this GET. */
export function healthy(exchange: Exchange): {
  status: number
  headers: Record<string, string>
  body: Buffer
} {
  const { object } = exchange
  const whole = object?.body ?? Buffer.alloc(0)
  const range = requestedRange(exchange)
  const headers = representation(exchange)
  if (!object || !range || range === 'unsatisfiable') return { status: 200, headers, body: whole }
  const body = whole.subarray(range.start, range.end + 1)
  return { status: 206, headers: { ...headers, 'Content-Range': contentRange(range, object) }, body }
}

/** Sends the headers of the whole body and only its first `bytes`, then does `next`. */
export function sendFirst(exchange: Exchange, bytes: (length: number) => number, next: () => void): void {
  const { status, headers, body } = healthy(exchange)
  const first = body.subarray(0, bytes(body.length))
  exchange.response.writeHead(status, { ...headers, 'Content-Length': body.length })
  exchange.count(first.length)
  exchange.response.write(first, () => first.length === body.length || next())
  if (first.length === body.length) exchange.response.end()
}

export const half = (length: number): number => Math.floor(length / 2)

/** Writes to the socket without Node's checks, and closes it. */
export function sendRaw(
  { request: { socket } }: Exchange,
  head: string,
  body: Buffer = Buffer.alloc(0),
): void {
  socket.write(head)
  socket.end(body)
}

export function rawHead(exchange: Exchange, lines: readonly string[]): string {
  const { status, headers } = healthy(exchange)
  const own = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  // A client that does not know that the connection closes might reuse it at that moment.
  return [`HTTP/1.1 ${status} OK`, ...own, ...lines, 'Connection: close', '', ''].join('\r\n')
}

export function encoded(encoding: string, encode: (body: Buffer) => Buffer): Fault {
  return (exchange) => {
    if (!exchange.object) return serve(exchange)
    const headers = { ...representation(exchange), 'Content-Encoding': encoding, Vary: 'Accept-Encoding' }
    answer(exchange, 200, headers, encode(exchange.object.body))
  }
}

export function status(code: number, headers: Record<string, string> = {}): Fault {
  return (exchange) => answer(exchange, code, { 'Content-Type': 'text/html', ...headers }, HTML)
}

export function redirect(location: string | ((exchange: Exchange) => string), code = 302): Fault {
  return (exchange) => {
    const target = typeof location === 'string' ? location : location(exchange)
    answer(exchange, code, { Location: target }, HTML)
  }
}

/**
 * Closes the connection after every `bytes` of body; a client can get the rest with Range. It is not reset, because a reset
 * discards what a slow client has not read yet, and the client would then have to resume more often than the body was interrupted.
 */
export function dropEvery(bytes: number): Fault {
  return toBodies((exchange) =>
    sendFirst(
      exchange,
      (length) => Math.min(length, bytes),
      () => exchange.request.socket.end(),
    ),
  )
}

/** Sends the body in steps of 50 ms; `chunked` leaves its length out, of HEAD too. */
export function drip(bytesPerSecond: number, { chunked = false } = {}): Fault {
  const step = Math.max(1, Math.floor(bytesPerSecond / 20))
  return (exchange) => {
    const { request, response, object } = exchange
    if (!object || (request.method === 'HEAD' && !chunked)) return serve(exchange)
    const { status: code, headers, body } = healthy(exchange)
    const length = chunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': body.length }
    response.writeHead(code, { ...headers, ...length })
    if (request.method === 'HEAD') return void response.end()
    let sent = 0
    const timer = setInterval(() => {
      const chunk = body.subarray(sent, sent + step)
      sent += chunk.length
      exchange.count(chunk.length)
      response.write(chunk)
      if (sent < body.length) return
      clearInterval(timer)
      response.end()
    }, 50)
    response.on('close', () => clearInterval(timer))
  }
}

/** Waits before a healthy response. */
export function delay(milliseconds: number): Fault {
  return (exchange) => {
    const timer = setTimeout(() => serve(exchange), milliseconds)
    exchange.response.on('close', () => clearTimeout(timer))
  }
}

/** Applies the fault only to the first request for the name. */
export function once(fault: Fault): Fault {
  const seen = new Set<string>()
  return (exchange) => {
    if (seen.has(exchange.name)) return serve(exchange)
    seen.add(exchange.name)
    fault(exchange)
  }
}
