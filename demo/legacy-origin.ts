import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'

const TYPES: Record<string, string> = {
  '.gif': 'image/gif',
  '.jpg': 'image/jpeg',
  '.mp3': 'audio/mpeg',
  '.mp4': 'video/mp4',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.webp': 'image/webp',
}

export interface LegacyOrigin {
  url: string
  /** `METHOD /path` of all requests so far, oldest first. */
  requests: string[]
  close(): Promise<void>
}

/** The old media server of the demo: the files under a folder, over HTTP on loopback, on a free port. */
export async function startLegacyOrigin(folder: string = bundledMedia): Promise<LegacyOrigin> {
  const requests: string[] = []
  // Closing a pooled connection as it is used again would look like a failure of the origin.
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    answer(folder, request, response).catch((error: unknown) => {
      // A client that leaves while the file is being sent is not a failure of the origin.
      if (!response.destroyed) response.destroy(error instanceof Error ? error : new Error(String(error)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The images, videos, audio and documents of the demo. */
const bundledMedia = fileURLToPath(new URL('media', import.meta.url))

async function answer(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end()
    return
  }
  const file = locate(folder, request.url ?? '/')
  const info = file === null ? null : await stat(file).catch(() => null)
  if (file === null || info === null)
    response.writeHead(404, { 'Content-Type': 'text/plain' }).end('not here\n')
  else if (info.isDirectory()) await answerDirectory(file, request, response)
  else await sendFile(file, { size: info.size, modified: info.mtime }, request, response)
}

function locate(folder: string, url: string): string | null {
  try {
    const path = join(folder, decodeURIComponent(url.split('?', 1)[0] ?? '/'))
    return path === folder || path.startsWith(folder + sep) ? path : null
  } catch {
    return null
  }
}

/** As nginx: without the slash, a directory is no file. */
async function answerDirectory(
  folder: string,
  { url = '/' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path = '/'] = url.split('?', 1)
  if (path.endsWith('/')) await sendIndex(folder, response)
  else response.writeHead(301, { Location: `${path}/` }).end()
}

/** The listing that nginx makes with `autoindex_format json`. */
async function sendIndex(folder: string, response: ServerResponse): Promise<void> {
  const entries = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const info = await stat(join(folder, name))
      const mtime = info.mtime.toUTCString()
      return info.isDirectory()
        ? { name, type: 'directory', mtime }
        : { name, type: 'file', mtime, size: info.size }
    }),
  )
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(entries))
}

interface FileInfo {
  size: number
  modified: Date
}

async function sendFile(
  file: string,
  { size, modified }: FileInfo,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const etag = `"${Math.trunc(modified.getTime() / 1000).toString(16)}-${size.toString(16)}"`
  const headers = {
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    'Last-Modified': modified.toUTCString(),
    'Accept-Ranges': 'bytes',
    ETag: etag,
  }
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers).end()
    return
  }
  const range = parseRange(request.headers.range, size)
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end()
    return
  }
  const { start, end } = range ?? { start: 0, end: size - 1 }
  response.writeHead(range ? 206 : 200, {
    ...headers,
    'Content-Length': end - start + 1,
    ...(range && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
  })
  if (request.method === 'HEAD' || size === 0) response.end()
  else await pipeline(createReadStream(file, { start, end }), response)
}

function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | null {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return null
  if (first === '')
    return Number(last) > 0 ? { start: Math.max(0, size - Number(last)), end: size - 1 } : 'unsatisfiable'
  if (Number(first) >= size) return 'unsatisfiable'
  return { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) }
}
