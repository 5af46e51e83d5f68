import { createServer, type IncomingMessage } from 'node:http'
import { AwsClient } from 'aws4fetch'
import { encodeName } from '../../../src/storage/name.ts'
import { startOrigin } from '../origin/origin.ts'
import { serve, type OriginObject } from '../origin/serve.ts'
import type { Fault } from '../origin/spoil.ts'
import { forward, passBack } from './forward.ts'
import { close, listen } from './listen.ts'
import { CREDENTIALS, startS3 } from './s3.ts'

/** The source of a migration: a real server over sockets whose responses can be made faulty. */
export interface Source {
  /** Its backend table; the backend's name is `old`. */
  readonly table: object
  readonly secrets: Record<string, string>
  /** Headers with their names in lower case. */
  add(name: string, body: Buffer, headers?: Record<string, string>): Promise<void>
  /** `null` ends the fault. An S3 server can be faulty for some methods only. */
  set(name: string, fault: Fault | null, methods?: readonly string[]): Promise<void>
  /** Methods of the requests for a name; for an S3 source, also for everything below a directory (`a/`). */
  requests(name: string): string[]
  close(): Promise<void>
}

export async function httpSource(table: object = {}): Promise<Source> {
  const origin = await startOrigin()
  const dressed = new Map<string, Record<string, string>>()
  const dress =
    (fault: Fault): Fault =>
    (exchange) => {
      for (const [header, value] of Object.entries(dressed.get(exchange.name) ?? {}))
        exchange.response.setHeader(header, value)
      fault(exchange)
    }
  return {
    table: { type: 'http', name: 'old', url: origin.url, ...table },
    secrets: {},
    async add(name, body, { 'content-type': type, ...headers } = {}) {
      origin.add(name, body, { etag: `"${origin.requests.length}-${body.length}"`, ...(type && { type }) })
      dressed.set(name, headers)
      await origin.set(name, dress(serve))
    },
    set: (name, fault) => origin.set(name, dress(fault ?? serve)),
    requests: (name) => origin.requests.filter((seen) => seen.name === name).map(({ method }) => method),
    close: () => origin.close(),
  }
}

/** Headers that a fault sets itself, or that belong to one connection. */
const NOT_COPIED = new Set([
  'content-length',
  'content-range',
  'transfer-encoding',
  'connection',
  'keep-alive',
])

/** Wrangler's local S3 endpoint, which checks signatures, behind a proxy that adds faults. */
export async function s3Source(table: object = {}): Promise<Source> {
  const s3 = await startS3(['media'])
  const upstream = new URL(s3.endpoint)
  const base = `${upstream.pathname}/media/`
  const objects = new Map<string, OriginObject>()
  const faults = new Map<string, { fault: Fault; methods: readonly string[] | undefined }>()
  const seen: { method: string; name: string }[] = []
  let url = ''
  const proxy = createServer((request, response) => {
    const name = decodeURIComponent((request.url ?? '').split('?', 1)[0]?.slice(base.length) ?? '')
    const method = request.method ?? ''
    seen.push({ method, name })
    const rule = faults.get(name)
    const fault = rule?.methods?.includes(method) === false ? undefined : rule?.fault
    if (fault && method !== 'GET' && method !== 'HEAD')
      return void request
        .resume()
        .once('end', () => fault({ request, response, name, object: undefined, url, count: () => undefined }))
    const onAnswer = (answer: IncomingMessage): void => {
      if (!fault || answer.statusCode === 403) return passBack(answer, response)
      for (const [header, value] of Object.entries(answer.headers))
        if (value !== undefined && !NOT_COPIED.has(header)) response.setHeader(header, value)
      fault({ request, response, name, object: objects.get(name), url, count: () => undefined })
      answer.destroy()
    }
    forward(request, response, upstream, { onAnswer })
  })
  proxy.on('clientError', (_, socket) => socket.destroy())
  url = await listen(proxy)
  const client = new AwsClient({ ...CREDENTIALS, service: 's3', region: 'auto', retries: 0 })
  return {
    table: {
      type: 's3',
      name: 'old',
      endpoint: new URL(upstream.pathname, url).href,
      bucket: 'media',
      credentials: 'OLD',
      ...table,
    },
    secrets: {
      OLD_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      OLD_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    },
    async add(name, body, headers = {}) {
      const target = new URL(base + encodeName(name), upstream)
      const stored = await client.fetch(target, { method: 'PUT', body: new Uint8Array(body), headers })
      if (!stored.ok) throw new Error(`PUT ${name}: ${stored.status} ${await stored.text()}`)
      const { 'content-type': type = 'application/octet-stream' } = headers
      const etag = stored.headers.get('ETag')
      objects.set(name, { body, type, etag, modified: await modifiedOf(client, target) })
    },
    async set(name, fault, methods) {
      if (fault) faults.set(name, { fault, methods })
      else faults.delete(name)
    },
    requests: (wanted) =>
      seen
        .filter(({ name }) => (wanted.endsWith('/') ? name.startsWith(wanted) : name === wanted))
        .map(({ method }) => method),
    async close() {
      await close(proxy)
      await s3.close()
    },
  }
}

async function modifiedOf(client: AwsClient, target: URL): Promise<Date> {
  const { headers } = await client.fetch(target, { method: 'HEAD' })
  return new Date(headers.get('Last-Modified') ?? 0)
}
