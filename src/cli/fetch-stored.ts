import { once } from 'node:events'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Readable } from 'node:stream'

/**
 * `fetch`, but a request for `identity` gets the body as it is stored: fetch decodes what has a Content-Encoding, and a
 * download must keep it.
 */
export const fetchStored: typeof fetch = async (input, init) => {
  const headers = new Headers(init?.headers)
  if (headers.get('Accept-Encoding') !== 'identity') return fetch(input, init)
  // Proxies decode for clients that accept nothing else. Without the header, any coding is accepted (RFC 9110 §12.5.3).
  headers.delete('Accept-Encoding')
  const url = new URL(input instanceof Request ? input.url : input)
  const { method = 'GET', signal } = init ?? {}
  const sent = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
    method,
    headers: Object.fromEntries(headers),
    ...(signal && { signal }),
  })
  const [answer] = (await once(sent.end(), 'response')) as [IncomingMessage]
  // From here on, a failure is one of the body.
  sent.on('error', (error) => answer.destroy(error))
  const response = new Response(method === 'HEAD' ? null : toWeb(answer), {
    status: answer.statusCode ?? 0,
    headers: Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value]),
    ),
  })
  if (method === 'HEAD') answer.resume()
  return Object.defineProperty(response, 'url', { value: url.href })
}

/** The same stream at run time; Node and fetch declare it as two types. */
function toWeb(stream: Readable): ReadableStream {
  return Readable.toWeb(stream) as ReadableStream
}
