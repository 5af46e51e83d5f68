import { connect } from 'node:net'

/** A response as its bytes say. */
export interface RawResponse {
  status: number
  /** In the order and case in which they were sent. */
  headers: [string, string][]
  /** All values of a header; `null` if it is not there. */
  header(name: string): string | null
  body: string
}

export interface RawExchange {
  responses: RawResponse[]
  /** Whether the server closed the connection. */
  closed: boolean
}

export interface RawRequest {
  method?: string
  /** The request target, sent byte for byte. */
  target: string
  headers?: readonly (readonly [string, string])[]
  body?: string
  /** Default: the host of the URL. `null` sends no Host. */
  host?: string | null
}

/** The bytes of a request; nothing in it is checked or normalised, and Content-Length is only added to a body. */
export function rawRequest(url: string, { method = 'GET', target, headers = [], body, host }: RawRequest) {
  const lines = [`${method} ${target} HTTP/1.1`]
  if (host !== null) lines.push(`Host: ${host ?? new URL(url).host}`)
  const framed = headers.some(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name))
  if (body !== undefined && !framed) lines.push(`Content-Length: ${Buffer.byteLength(body, 'latin1')}`)
  for (const [name, value] of headers) lines.push(`${name}: ${value}`)
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`
}

export interface ExchangeOptions {
  /** Stops after that many responses. */
  count?: number
  /** The methods of the requests in order: responses to HEAD have no body. */
  methods?: readonly string[]
}

/** Without a byte for so long, what came until then is all. */
const PATIENCE_MS = 5000

/** Sends bytes (as Latin-1) to a server of HTTP/1.1 and reads its responses. */
export function exchange(
  url: string,
  bytes: string,
  { count = 1, methods = [] }: ExchangeOptions = {},
): Promise<RawExchange> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    let received = ''
    const end = (closed: boolean): void => {
      socket.destroy()
      resolve({ responses: parseResponses(received, methods, closed), closed })
    }
    socket.setTimeout(PATIENCE_MS, () => end(false))
    socket.on('connect', () => socket.write(bytes, 'latin1'))
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (parseResponses(received, methods, false).length >= count) end(false)
    })
    // A server that refuses what it is still being sent resets the connection; its answer has arrived by then.
    socket.on('error', () => end(true))
    socket.on('end', () => end(true))
  })
}

/** Sends one request on a connection of its own. Throws if no response comes. */
export async function send(url: string, request: RawRequest): Promise<RawResponse> {
  const methods = [request.method ?? 'GET']
  const { responses, closed } = await exchange(url, rawRequest(url, request), { methods })
  const [response] = responses
  if (!response)
    throw new Error(`no response to ${request.target}${closed ? ': the connection was closed' : ''}`)
  return response
}

/** The complete responses in `received`; one without a length is complete when the connection has ended. */
function parseResponses(received: string, methods: readonly string[], ended: boolean): RawResponse[] {
  const responses: RawResponse[] = []
  let rest = received
  for (;;) {
    const head = rest.indexOf('\r\n\r\n')
    if (head === -1) return responses
    const [start = '', ...lines] = rest.slice(0, head).split('\r\n')
    const headers = lines.map((line): [string, string] => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    })
    const header = (name: string): string | null => {
      const values = headers.filter(([own]) => own.toLowerCase() === name.toLowerCase())
      return values.length === 0 ? null : values.map(([, value]) => value).join(', ')
    }
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(start)?.[1] ?? Number.NaN)
    const after = rest.slice(head + 4)
    const found =
      status < 200
        ? { body: '', length: 0 }
        : methods[responses.length] === 'HEAD' || status === 204 || status === 304
          ? { body: '', length: 0 }
          : bodyOf(after, header, ended)
    if (!found) return responses
    rest = after.slice(found.length)
    if (status >= 200 || Number.isNaN(status)) responses.push({ status, headers, header, body: found.body })
  }
}

function bodyOf(
  bytes: string,
  header: RawResponse['header'],
  ended: boolean,
): { body: string; length: number } | undefined {
  if (/chunked/i.test(header('Transfer-Encoding') ?? '')) return dechunk(bytes)
  const length = header('Content-Length')
  if (length === null) return ended ? { body: bytes, length: bytes.length } : undefined
  if (bytes.length < Number(length)) return undefined
  return { body: bytes.slice(0, Number(length)), length: Number(length) }
}

function dechunk(bytes: string): { body: string; length: number } | undefined {
  let body = ''
  let at = 0
  for (;;) {
    const line = bytes.indexOf('\r\n', at)
    if (line === -1) return undefined
    const size = Number.parseInt(bytes.slice(at, line), 16)
    const from = line + 2
    if (bytes.length < from + size + 2) return undefined
    body += bytes.slice(from, from + size)
    at = from + size + 2
    if (size === 0) return { body, length: at }
  }
}
