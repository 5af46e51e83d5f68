import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { close, listen } from './listen.ts'

const KEPT = ['content-type', 'content-encoding', 'cache-control']

/** Returns exactly the bytes and representation headers that it received, like S3; checks no signatures. */
export async function startVerbatimServer(): Promise<{
  url: string
  requests: { method: string; url: string; headers: IncomingHttpHeaders }[]
  close: () => Promise<void>
}> {
  const requests: { method: string; url: string; headers: IncomingHttpHeaders }[] = []
  const objects = new Map<string, { headers: Record<string, string>; bytes: Buffer }>()

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/'
    if (request.method === 'PUT') {
      // S3 refuses bodies without a length.
      if (request.headers['content-length'] === undefined) return void response.writeHead(411).end()
      const headers: Record<string, string> = {}
      for (const name of KEPT) {
        const value = request.headers[name]
        if (typeof value === 'string') headers[name] = value
      }
      objects.set(path, { headers, bytes: await buffer(request) })
      return void response.writeHead(200, { ETag: '"verbatim"' }).end()
    }
    const object = objects.get(path)
    if (!object) return void response.writeHead(404).end()
    const { bytes } = object
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const part = start === undefined ? bytes : bytes.subarray(Number(start), Number(end) + 1)
    response.writeHead(start === undefined ? 200 : 206, {
      ...object.headers,
      ETag: '"verbatim"',
      'Content-Length': part.length,
      ...(start !== undefined && { 'Content-Range': `bytes ${start}-${end}/${bytes.length}` }),
    })
    response.end(request.method === 'HEAD' ? undefined : part)
  }

  const server = createServer((request, response) => {
    requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
    answer(request, response).catch(() => response.destroy())
  })
  return { url: await listen(server), requests, close: () => close(server) }
}
