import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { afterEach, expect, it } from 'vitest'
import { networkReason } from '../../src/cli/errors.ts'
import { fetchStored } from '../../src/cli/fetch-stored.ts'
import { close, listen } from '../kit/servers/listen.ts'

const IDENTITY = { headers: { 'Accept-Encoding': 'identity' } }
let stop = (): Promise<void> => Promise.resolve()
afterEach(() => stop())

async function serve(handle: RequestListener): Promise<string> {
  const server = createServer(handle)
  stop = () => close(server)
  return listen(server)
}

it('says who it is, as fetch does', async () => {
  let seen: IncomingMessage['headers'] = {}
  const url = await serve(({ headers }, response) => {
    seen = headers
    response.end('bytes')
  })
  await (await fetchStored(url, IDENTITY)).text()
  expect(seen).toMatchObject({ 'user-agent': 'node', accept: '*/*', 'accept-encoding': 'identity' })
})

it('prefers what has a length, unless it is no object', async () => {
  const url = await serve(({ headers }, response) => {
    if (headers['accept-encoding'] === 'identity') {
      response.write('plain')
      return response.end()
    }
    response.writeHead(503, { 'Content-Encoding': 'gzip', 'Content-Length': '5' })
    return response.end('error')
  })
  const response = await fetchStored(url, IDENTITY)
  expect([response.status, await response.text()]).toEqual([200, 'plain'])
})

it.each([
  ['before the response', (_: unknown, response: Parameters<RequestListener>[1]) => response.destroy()],
  [
    'within the body',
    (_: unknown, response: Parameters<RequestListener>[1]) => {
      response.writeHead(200, { 'Content-Length': '9' })
      response.write('some', () => response.destroy())
    },
  ],
])('fails for a reason of the network if the connection breaks %s', async (_, handle) => {
  const url = await serve(handle as RequestListener)
  const error: unknown = await fetchStored(url, IDENTITY)
    .then((response) => response.text())
    .catch((thrown: unknown) => thrown)
  expect(networkReason(error)).toBeTypeOf('string')
})

it('ends with the reason of its signal', async () => {
  const url = await serve(() => {})
  const signal = AbortSignal.timeout(50)
  const error: unknown = await fetchStored(url, { ...IDENTITY, signal }).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ message: 'fetch failed', cause: { name: 'AbortError' } })
})
