import type { IncomingMessage, ServerResponse } from 'node:http'

/** One object of the origin. */
export interface OriginObject {
  body: Buffer
  type: string
  modified: Date
  /** `null`: the origin sends none, as many don't. */
  etag: string | null
  cacheControl?: string
}

/** One request and its response, with everything that a fault needs. */
export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  /** Decoded path below the root. */
  name: string
  /** Absent if the origin has no such name. */
  object: OriginObject | undefined
  /** Base URL of the origin, ending in `/`. */
  url: string
  /** Counts body bytes as sent. */
  count(bytes: number): void
}

export interface ByteRange {
  start: number
  end: number
}

/** The headers of the object from a healthy server, without its length. */
export function representation({ object }: Exchange): Record<string, string> {
  if (!object) return {}
  return {
    'Content-Type': object.type,
    'Last-Modified': object.modified.toUTCString(),
    'Accept-Ranges': 'bytes',
    ...(object.etag !== null && { ETag: object.etag }),
    ...(object.cacheControl !== undefined && { 'Cache-Control': object.cacheControl }),
  }
}

/** Responds like a healthy server: validators, conditions, one range, If-Range, HEAD, 404. */
export function serve(exchange: Exchange): void {
  const { object, request } = exchange
  if (!object)
    return answer(exchange, 404, { 'Content-Type': 'text/html' }, Buffer.from('<h1>Not Found</h1>'))
  const refusal = condition(exchange)
  if (refusal !== undefined) return answer(exchange, refusal, representation(exchange))
  const range = requestedRange(exchange)
  if (range === 'unsatisfiable')
    return answer(exchange, 416, { 'Content-Range': `bytes */${object.body.length}` })
  if (!range || request.method !== 'GET') return answer(exchange, 200, representation(exchange), object.body)
  const body = object.body.subarray(range.start, range.end + 1)
  answer(exchange, 206, { ...representation(exchange), 'Content-Range': contentRange(range, object) }, body)
}

/** Sends a complete response with the right Content-Length, and no body for HEAD. */
export function answer(
  exchange: Exchange,
  status: number,
  headers: Record<string, string> = {},
  body: Buffer = Buffer.alloc(0),
): void {
  const { request, response } = exchange
  const length = status === 304 ? {} : { 'Content-Length': body.length }
  response.writeHead(status, { ...headers, ...length })
  if (request.method === 'HEAD') return void response.end()
  exchange.count(body.length)
  response.end(body)
}

export function contentRange({ start, end }: ByteRange, { body }: OriginObject): string {
  return `bytes ${start}-${end}/${body.length}`
}

/** The requested range, if If-Range holds; several ranges or malformed ones count as none. */
export function requestedRange({ request, object }: Exchange): ByteRange | 'unsatisfiable' | undefined {
  const { range, 'if-range': ifRange } = request.headers
  const match = /^bytes=(\d*)-(\d*)$/.exec(range ?? '')
  if (!object || !match || (match[1] === '' && match[2] === '')) return undefined
  if (ifRange !== undefined && ifRange !== object.etag && ifRange !== object.modified.toUTCString())
    return undefined
  const size = object.body.length
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1])
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(size - 1, Number(match[2]))
  return start >= size || start > end ? 'unsatisfiable' : { start, end }
}

/** The status that ends the request before its body, if its conditions require that. */
function condition({ request, object }: Exchange): 304 | 412 | undefined {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch, 'if-modified-since': since } = request.headers
  const etag = object?.etag ?? ''
  if (ifMatch !== undefined && ifMatch !== '*' && !tags(ifMatch).includes(etag)) return 412
  if (ifNoneMatch !== undefined)
    return ifNoneMatch === '*' || tags(ifNoneMatch).includes(etag) ? 304 : undefined
  if (since === undefined || !object) return undefined
  return Math.floor(object.modified.getTime() / 1000) * 1000 <= Date.parse(since) ? 304 : undefined
}

function tags(header: string): string[] {
  return header.split(',').map((tag) => tag.trim())
}
