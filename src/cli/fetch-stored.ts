import { once } from 'node:events'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Readable } from 'node:stream'

const CODINGS = 'gzip, br, zstd, deflate'
/** As fetch sends them: Cloudflare may refuse requests that say nothing of their client. */
const DEFAULTS = { Accept: '*/*', 'User-Agent': 'node' }
/** As in fetch. */
const ANSWER_MS = 300_000

/**
 * `fetch`, but a request for `identity` gets the body as it is stored: fetch decodes what has a Content-Encoding, and a
 * download must keep it.
 */
export const fetchStored: typeof fetch = async (input, init) => {
  const headers = new Headers({ ...DEFAULTS, ...Object.fromEntries(new Headers(init?.headers)) })
  if (headers.get('Accept-Encoding') !== 'identity') return fetch(input, init)
  const url = new URL(input instanceof Request ? input.url : input)
  const { method = 'GET', signal } = init ?? {}
  const send = async (codings: string): Promise<IncomingMessage> => {
    headers.set('Accept-Encoding', codings)
    const sent = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method,
      headers: Object.fromEntries(headers),
      ...(signal && { signal }),
    })
    const timer = setTimeout(() => sent.destroy(new Error('no answer came in time')), ANSWER_MS)
    try {
      const [answer] = (await once(sent.end(), 'response')) as [IncomingMessage]
      // From here on, a failure is one of the body.
      sent.on('error', (cause) => answer.destroy(new TypeError('terminated', { cause })))
      return answer
    } catch (cause) {
      throw new TypeError('fetch failed', { cause })
    } finally {
      clearTimeout(timer)
    }
  }
  const answer = await sendForStored(send)
  const response = new Response(method === 'HEAD' ? null : toWeb(answer), {
    status: answer.statusCode ?? 0,
    headers: Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value]),
    ),
  })
  if (method === 'HEAD') answer.resume()
  return Object.defineProperty(response, 'url', { value: url.href })
}

/**
 * Cloudflare decodes for clients that accept nothing else, and compresses for others. Both remove the length, so of two
 * answers, the one that has a length is as the Worker sent it.
 */
async function sendForStored(send: (codings: string) => Promise<IncomingMessage>): Promise<IncomingMessage> {
  const plain = await send('identity')
  if (plain.statusCode !== 200 || plain.headers['content-length'] !== undefined) return plain
  const coded = await send(CODINGS).catch((error: unknown) => {
    plain.destroy()
    throw error
  })
  const { 'content-encoding': encoding, 'content-length': length } = coded.headers
  const isStored = coded.statusCode === 200 && encoding !== undefined && length !== undefined
  const [stored, other] = isStored ? [coded, plain] : [plain, coded]
  other.destroy()
  return stored
}

/** The same stream at run time; Node and fetch declare it as two types. */
function toWeb(stream: Readable): ReadableStream {
  return Readable.toWeb(stream) as ReadableStream
}
