import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parentPort } from 'node:worker_threads'
import { createLatency } from './distance/latency.ts'

/**
 * The old server: `/{bytes}/…` is an object of so many bytes, everything else is missing; below `/slow/{ms}/` all
 * answers take their time, below `/far/` as long as over the ocean, below `/paced/` bodies come as over a network, and below `/hang/` nothing does. Runs in a thread of its own.
 */
const MODIFIED = new Date('2024-05-01T12:00:00Z').toUTCString()
/** 200 Mbit/s. */
const PACE_BYTES_PER_MS = 25_000
const bodies = new Map<number, Buffer>()
const FAR = { mean: 120, deviation: 60 }
let latency = createLatency(FAR)
/** Requests below `/far/` since they were last asked for with `/-bench`. */
let requests = 0

const server = createServer((request, response) => {
  const path = request.url ?? '/'
  if (path.startsWith('/hang/')) return
  if (path === '/-bench') {
    response.end(JSON.stringify({ requests }))
    requests = 0
    latency = createLatency(FAR)
    return
  }
  const [, delay, paced, rest = ''] = /^(\/slow\/\d+|\/far(?=\/))?(\/paced)?(\/.*)$/.exec(path) ?? []
  const size = /^\/(\d+)\//.exec(rest)?.[1]
  const answer = (): void => {
    if (size === undefined) {
      response.writeHead(404, { 'Content-Length': 0 }).end()
      return
    }
    const body = bodyOf(Number(size))
    response.writeHead(200, {
      'Content-Type': 'image/jpeg',
      'Content-Length': body.length,
      ETag: `"origin-${body.length}"`,
      'Last-Modified': MODIFIED,
    })
    if (request.method === 'HEAD') response.end()
    else if (paced === undefined) response.end(body)
    else sendPaced(response, body)
  }
  if (delay === undefined) answer()
  else if (delay === '/far') {
    requests++
    setTimeout(answer, latency())
  } else setTimeout(answer, Number(delay.slice('/slow/'.length)))
})

/** As many bytes as are due since the start, so that late timers do not slow it down. */
function sendPaced(response: ServerResponse, body: Buffer): void {
  const started = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = Math.min(body.length, Math.round((performance.now() - started) * PACE_BYTES_PER_MS))
    response.write(body.subarray(sent, due))
    sent = due
    if (sent < body.length) return
    clearInterval(timer)
    response.end()
  }, 4)
}

function bodyOf(size: number): Buffer {
  let body = bodies.get(size)
  if (!body) {
    body = Buffer.alloc(size, 'The quick brown fox jumps over the lazy dog. ')
    bodies.set(size, body)
  }
  return body
}

server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port))
