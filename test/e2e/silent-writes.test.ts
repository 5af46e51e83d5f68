import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
} from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { close, listen } from '../kit/servers/listen.ts'
import { httpSource, type Source } from '../kit/servers/sources.ts'
import { startSite, TOKEN, type Site } from '../kit/worker/site.ts'

/** More than sockets buffer. */
const LARGE = new Uint8Array(24 * 1024 * 1024)
const PATIENCE_MS = 2000

/** An S3 server that holds nothing and answers a PUT according to its name. */
function startServer(): Server {
  return createServer((request, response) => {
    const name = request.url ?? ''
    if (request.method !== 'PUT')
      return void response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>')
    if (name.includes('unread')) return
    void drain(request).then(() => {
      if (!name.includes('unanswered')) response.writeHead(200, { ETag: '"tag"' }).end()
    })
  })
}

async function drain(request: IncomingMessage): Promise<void> {
  for await (const _ of request) if (request.url?.includes('slowly')) await sleep(5)
}

let server: Server
let source: Source
let site: Site

beforeAll(async () => {
  server = startServer()
  const endpoint = await listen(server)
  const times = { timeout_ms: PATIENCE_MS, idle_timeout_ms: PATIENCE_MS }
  source = await httpSource()
  const bucket = { type: 's3', name: 'bucket', endpoint, bucket: 'media', read_only: false, ...times }
  site = await startSite({
    storages: [bucket, source.table],
    retries: 0,
    vars: { FALLBACK_BREAKER_FAILURES: '0' },
  })
})
afterAll(async () => {
  await site?.close()
  await source?.close()
  if (server) await close(server)
})

const put = (name: string, body: BodyInit): Promise<Response> =>
  site.call(`/${name}`, {
    method: 'PUT',
    body,
    duplex: 'half',
    signal: AbortSignal.timeout(40_000),
  } as RequestInit)

it.each(['unread.bin', 'unanswered.bin'])('times out: a PUT of %s', async (name) => {
  const started = performance.now()
  const response = await put(name, LARGE)
  expect([response.status, await response.json()]).toEqual([
    504,
    expect.objectContaining({ backends: [expect.objectContaining({ name: 'bucket', error: 'timeout' })] }),
  ])
  expect(performance.now() - started).toBeGreaterThan(PATIENCE_MS)
})

it.each(['unread-copy.bin', 'unanswered-copy.bin'])('fails: the copy of %s', async (name) => {
  await source.add(name, Buffer.from(LARGE))
  expect((await (await site.fetch(`/${name}`)).arrayBuffer()).byteLength).toBe(LARGE.length)
  await site.copied(name, 'failed')
})

it('may be read slowly, and come slowly from the client', async () => {
  const read = put('slowly.bin', new Uint8Array(2 * LARGE.length))
  const sentSlowly = new Promise<number | undefined>((resolve, reject) => {
    const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Length': 3000 }
    const request = httpRequest(new URL('a.bin', site.url), { method: 'PUT', headers }, (response) =>
      resolve(response.resume().statusCode),
    )
    request.on('error', reject)
    void sendSlowly(request)
  })
  const started = performance.now()
  expect((await read).status).toBe(201)
  expect(await sentSlowly).toBe(201)
  expect(performance.now() - started).toBeGreaterThan(2 * PATIENCE_MS)
})

async function sendSlowly(request: ClientRequest): Promise<void> {
  for (let part = 0; part < 3; part++) {
    request.write(Buffer.alloc(1000))
    await sleep(1.2 * PATIENCE_MS)
  }
  request.end()
}
